"""CRED-002 and CRED-018: no published account opens the web interface or ONVIF."""

from __future__ import annotations

import secrets as random
from collections.abc import Iterable
from typing import Any

import pytest

from conformance.case import case
from conformance.credentials.published_pairs import (
    LockWatch,
    own_passwords,
    published_pairs,
    safe_tries,
    try_all,
)
from conformance.credentials.web_accounts import (
    MODEST_FIRST,
    accepts,
    expendable_account,
)
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.errors import LoginRefused
from devices.links.http.link import HttpLink
from devices.links.onvif.link import OnvifLink
from devices.links.onvif.observations import Outcome
from devices.links.users import names_on_the_web, names_over_onvif
from devices.secrets import Secrets
from devices.trial_password import strong_password


@case(
    "CRED-002",
    severity="critical",
    needs=("http",),
    catches=("cred-default-user",),
    changes="lockout",
    applies_to=("http",),
    revision=2,
)
def test_no_published_account_opens_the_web_interface(
    *,
    request: pytest.FixtureRequest,
    http: HttpLink,
    device: DeviceFile,
    secrets: Secrets,
    evidence: Any,
    knowledge: Any,
    policy: Any,
) -> None:
    """No published account opens the web interface.

    Method: try the user names and passwords published as defaults of cameras' web interfaces, the
    most widely published first; log in with an account of the device file before and after, to
    know that logins work. Before a declared lock could close an account of the device file,
    its own password is given in between. Of other user names as many passwords are tried as the
    declared lock allows; the evidence names those left out. Where some are, read the camera's list
    of users as administrator, over ONVIF and by the declared operation "users".
    Pass: no published pair logs in, and pairs were left out only of names that the camera does not
    list.
    """
    pairs = published_pairs(knowledge("default_credentials"))
    own = own_passwords(device, secrets, "http")
    safe = safe_tries(device, policy)
    if safe.together:
        name, account = expendable_account(secrets)
        own = {"": (account.username, secrets.password(name)), **own}
    _demand_own_login(http, secrets)

    def login(username: str, password: str) -> tuple[int, bool]:
        attempt = accepts(http, username, password)
        return attempt.answer.status, attempt.accepted

    found = try_all(login, pairs, own, safe, LockWatch(http.journal, "http", device))
    if found.left_out:
        lists = [names_on_the_web(http, secrets)]
        if device.links.onvif is not None:
            lists.append(names_over_onvif(request.getfixturevalue("onvif")))
        found = found.with_users(_together(lists))
    evidence.observe(found)
    accepted = found.accepted_by(http.server.url)
    assert not accepted, accepted
    if not found.tried:
        raise Inconclusive("no published pair was tried", "insufficient")
    _demand_own_login(http, secrets)


@case(
    "CRED-018",
    severity="critical",
    needs=("onvif",),
    catches=("cred-onvif-default-user",),
    changes="lockout",
    applies_to=("onvif",),
    revision=2,
)
def test_no_published_account_opens_onvif(
    *,
    onvif: OnvifLink,
    device: DeviceFile,
    secrets: Secrets,
    evidence: Any,
    knowledge: Any,
    policy: Any,
) -> None:
    """No published account opens ONVIF.

    Method: over ONVIF call an operation that is refused without login (the device information,
    where it is) with an account of the device file, with a made-up user, and with each user name
    and password published as a default of cameras; locks are kept from closing as on the web
    interface; then with the first account again. Where pairs are left out for a lock, read the list
    of users as administrator.
    Pass: the first is answered with data each time, and no other is; and pairs were left out only
    of names that the camera does not list.
    """
    own = own_passwords(device, secrets, "onvif")
    safe = safe_tries(device, policy)
    if safe.together:
        name = onvif.expendable_account()
        own = {"": (device.accounts[name].username, secrets.password(name)), **own}
    assert device.links.onvif is not None  # the fixture needs it
    url = device.links.onvif.url
    known = _modest_account(secrets, "onvif", "ONVIF")
    with onvif.session(known) as session:

        def login(username: str, password: str) -> tuple[int, bool]:
            reply = session.log_in(username, password)
            return reply.http_status, reply.outcome is Outcome.DATA

        if not login(device.accounts[known].username, secrets.password(known))[1]:
            raise LoginRefused(f"ONVIF does not accept the account {known!r} of the device file")
        stranger = login(f"Tr1al-{random.token_hex(3)}", strong_password())
        pairs = published_pairs(knowledge("default_credentials"))
        found = try_all(login, pairs, own, safe, LockWatch(onvif.journal, "onvif", device))
        again = login(device.accounts[known].username, secrets.password(known))[1]
    if found.left_out:
        found = found.with_users(names_over_onvif(onvif))
    evidence.observe(found)
    assert not stranger[1], f"{url} accepts a made-up user and password."
    accepted = found.accepted_by(url)
    assert not accepted, accepted
    if not found.tried:
        raise Inconclusive("no published pair was tried", "insufficient")
    if not again:
        raise LoginRefused(
            f"after the published pairs ONVIF refuses the account {known!r} of the device file as "
            "well: give the camera's lock in declared.lockout"
        )


def _together(lists: Iterable[set[str] | None]) -> set[str] | None:
    had = [names for names in lists if names is not None]
    return set().union(*had) if had else None


def _demand_own_login(http: HttpLink, secrets: Secrets) -> None:
    """A refusal says something only where a right login is accepted. Raises LoginRefused."""
    http.leave(http.account(_modest_account(secrets, "http", "the web interface")))


def _modest_account(secrets: Secrets, service: str, where: str) -> str:
    """The name of the account of the least role for a service. Raises Inconclusive."""
    for role in MODEST_FIRST:
        if found := secrets.account(role=role, service=service):
            return found[0]
    raise Inconclusive(
        f"the device file gives no account for {where}: without a login that is accepted a "
        "refusal shows nothing",
        "no-account",
    )
