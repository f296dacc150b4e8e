"""CRED-003: the rule for passwords. CRED-013: what a change of password ends."""

from __future__ import annotations

import secrets as random
from collections.abc import Iterator, Sequence
from typing import Any

from conformance.case import case
from conformance.credentials.web_accounts import (
    TrialUser,
    accepts,
    administrator,
    create,
    expendable_account,
    trial_user,
)
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.errors import LinkError, LoginRefused, NotOffered
from devices.links.expendable_account import ExpendableAccount, logs_in_soon
from devices.links.http.client import HttpClient
from devices.links.http.link import HttpLink
from devices.links.http.refusals import why_undone
from devices.links.password_trials import web_login
from devices.links.users import TrialViewer, UserWay, WebUserWay
from devices.secrets import Secrets
from devices.trial_password import LENGTH, strong_password

_RESTART_SECONDS = 120.0


@case(
    "CRED-003",
    severity="high",
    needs=("http",),
    catches=(
        "cred-short-password",
        "cred-simple-password",
        "cred-username-as-password",
        "cred-rule-in-page-only",
    ),
    changes="settings",
    applies_to=("http",),
    revision=3,
)
def test_weak_passwords_are_refused(
    *,
    http: HttpLink,
    device: DeviceFile,
    user_ways: Sequence[UserWay],
    secrets: Secrets,
    evidence: Any,
    policy: Any,
) -> None:
    """Weak passwords are refused.

    Method: create a user with a strong random password, log in as this user and delete it, before
    and after the rest, to know that this works. Try the same with a password one character shorter
    than the rule, with passwords that lack one of the kinds of character that the policy
    "passwords" asks for, and with the user name as the password. Where the device file describes no
    creation of users, the account set aside with purpose "lockout" changes its password instead,
    and gets its own back; where it describes neither, users are created over ONVIF. Only a weak
    password that then logs in counts.
    Pass: every weak password is refused.
    """
    rule = policy("passwords")["rule"]
    length = max(rule["min_length"], device.declared.passwords.min_length)
    name = f"Us3r-{random.token_hex(max(4, length))}"[: max(length, 12)]
    weak = list(_weak_passwords(name, length, rule["kinds"], device))
    for number, (_, password) in enumerate(weak):
        secrets.remember(f"weak.{number}", password)
    if not http.offers("create_user") and not http.offers("change_password") and user_ways:
        strong = secrets.trial_password()
        accepted = _taken_elsewhere(http, user_ways[0], evidence, name, (strong, weak))
    else:
        taken = _taken_at_creation if http.offers("create_user") else _taken_at_change
        accepted = taken(http, secrets, evidence, name, weak)
    assert not accepted, (
        f"{http.server.url} accepts as a password: {', '.join(accepted)}; expected a refusal."
    )


def _weak_passwords(
    name: str, length: int, kinds: list[str], device: DeviceFile
) -> Iterator[tuple[str, str]]:
    yield f"{length - 1} characters of four kinds", strong_password(length - 1)
    longer = min(length + 4, device.declared.passwords.max_length or LENGTH)
    for kind in kinds:
        yield f"{longer} characters without {kind}", strong_password(longer, without=kind)
    yield "the user name", name


def _taken_at_creation(
    http: HttpLink, secrets: Secrets, evidence: Any, name: str, weak: list[tuple[str, str]]
) -> list[str]:
    if not http.offers("delete_user"):
        raise Inconclusive("the device file describes no delete_user beside create_user", "no-link")
    admin = administrator(http, secrets)
    accepted: list[str] = []
    try:
        _prove_creation(http, secrets, admin, name)
        for what, password in weak:
            answer = http.perform(admin, "create_user", username=name, password=password)
            evidence.observe(answer, f"create a user with {what}")
            if not http.done("create_user", answer):
                continue
            taken = accepts(http, name, password).accepted
            if taken:
                accepted.append(what)
            _delete(http, admin, name, there=taken)
        if not accepted:
            _prove_creation(
                http, secrets, admin, name
            )  # else the refusals may have had another reason
    finally:
        http.leave(admin)
    return accepted


def _taken_elsewhere(
    http: HttpLink,
    way: UserWay,
    evidence: Any,
    name: str,
    passwords: tuple[str, list[tuple[str, str]]],
) -> list[str]:
    """By the way of ONVIF: the same rule has to hold there. Raises Inconclusive."""
    accepted: list[str] = []
    strong, weak = passwords
    trials = [("a strong password", strong), *weak, ("a strong password again", strong)]
    for what, password in trials:
        created, left = False, ""
        try:
            with TrialViewer(way, name, password) as viewer:
                attempt = evidence.observe(accepts(http, name, password), f"login with {what}")
                created = attempt.accepted
            left = viewer.left_behind
        except NotOffered as error:
            evidence.record(f"refused {what}", f"{way.name}: {error}\n")
        if left:
            raise Inconclusive(left, "not-offered")
        if what.startswith("a strong") and not created:
            raise Inconclusive(
                f"a user with {what}, made over {way.name}, cannot log in to the web interface, "
                "and the device file describes neither create_user nor change_password",
                "not-offered",
            )
        if created and not what.startswith("a strong"):
            accepted.append(what)
    return accepted


def _prove_creation(http: HttpLink, secrets: Secrets, admin: HttpClient, name: str) -> None:
    """A user with a strong password can be created, log in and be deleted. Raises Inconclusive."""
    strong = secrets.trial_password()
    create(http, admin, name, strong)
    logs_in = accepts(http, name, strong).accepted
    _delete(http, admin, name)
    if not logs_in:
        raise Inconclusive("a new user with a strong password cannot log in", "login-refused")


def _delete(http: HttpLink, admin: HttpClient, name: str, *, there: bool = True) -> None:
    """Delete a user; one that cannot log in need not be ``there``, whatever its creation said."""
    answer = http.perform(admin, "delete_user", username=name)
    if there and not http.done("delete_user", answer):
        raise Inconclusive(
            f"{why_undone('delete_user', answer)}; the trial user could not be deleted",
            "not-offered",
        )


def _taken_at_change(
    http: HttpLink, secrets: Secrets, evidence: Any, name: str, weak: list[tuple[str, str]]
) -> list[str]:
    account, given = expendable_account(secrets)
    own = secrets.password(account)
    accepted: list[str] = []
    strong = secrets.trial_password()
    _change(http, given.username, (own, strong), evidence, "a strong password")
    if not accepts(http, given.username, strong).accepted:
        raise Inconclusive("a change to a strong password has no effect", "not-offered")
    current = strong
    try:
        for what, password in weak:
            candidate = given.username if password == name else password
            _change(http, given.username, (current, candidate), evidence, what)
            if not accepts(http, given.username, candidate).accepted:
                continue
            accepted.append(what)
            current = candidate
    finally:
        _change(http, given.username, (current, own), evidence, "its own password again")
    if not accepted and not accepts(http, given.username, own).accepted:
        raise Inconclusive(
            f"the last change of {given.username}'s password had no effect either: the refusals "
            "may have had another reason",
            "not-offered",
        )
    return accepted


def _change(
    http: HttpLink, username: str, passwords: tuple[str, str], evidence: Any, what: str
) -> None:
    """Log in with the first of ``passwords``, change it to the second, and log out."""
    old, new = passwords
    attempt, client = http.log_in(username, old)
    if not attempt.accepted:
        raise Inconclusive(f"{username} cannot log in to change its password", "login-refused")
    answer = http.perform(
        client, "change_password", username=username, password=old, new_password=new
    )
    evidence.observe(answer, f"change to {what}")
    http.leave(client)


@case(
    "CRED-013",
    severity="high",
    needs=("http",),
    catches=("cred-old-password-survives", "cred-session-survives-change"),
    changes="settings",
    applies_to=("http",),
    revision=4,
)
def test_a_changed_password_ends_the_old_one(
    http: HttpLink, user_ways: Sequence[UserWay], secrets: Secrets, evidence: Any
) -> None:
    """A change of password ends the old password and the sessions that it opened.

    Method: with a user made for the test (or the account set aside with purpose "lockout"), log in
    twice, change the password in the second session (over ONVIF, where the device file does not
    describe how), then log in with the new password and with
    the old one, and use the first session again.
    Pass: the new password logs in, the old one does not, and the first session is closed.
    """
    if not user_ways:
        http.operation("change_password")
    with trial_user(http, secrets, user_ways) as user:
        first = _session(http, user)
        new = secrets.trial_password()
        if user.change is not None:
            user.change(new)
        else:
            _change(http, user.username, (user.password, new), evidence, "a new password")
        try:
            faults = list(_what_survives(http, user, new, first, evidence))
        finally:
            http.leave(first)
            if not user.made:
                _put_back(http, secrets, user, new)
    assert not faults, " ".join(faults)


def _put_back(http: HttpLink, secrets: Secrets, user: TrialUser, new: str) -> None:
    """Give the account its own password again, also on a camera that restarts meanwhile.

    Raises Inconclusive when the camera does not take it.
    """
    account = ExpendableAccount(
        WebUserWay(http, secrets),
        web_login(http),
        user.username,
        user.password,
        secrets.trial_password,
    )
    account.may_have(new)
    try:
        account.delete(user.username)
    except LoginRefused as error:
        raise Inconclusive(str(error), error.cause) from error
    except LinkError:
        http.wait_until_it_answers(_RESTART_SECONDS)
        account.delete(user.username)


def _session(http: HttpLink, user: TrialUser) -> HttpClient:
    attempt, client = http.log_in(user.username, user.password)
    if not attempt.accepted:
        raise Inconclusive(f"the trial user {user.username} cannot log in", "login-refused")
    return client


def _what_survives(
    http: HttpLink, user: TrialUser, new: str, first: HttpClient, evidence: Any
) -> Iterator[str]:
    gate, server = http.gate(), http.server.url

    def login(username: str, password: str) -> bool:
        attempt = accepts(http, username, password)
        evidence.observe(attempt, "login new password")
        return attempt.accepted

    taken = logs_in_soon(login, user.username, new)
    old = evidence.observe(accepts(http, user.username, user.password), "login old one").accepted
    if old and not taken:
        raise Inconclusive(
            "the password is the old one after the operation change_password: look at how the "
            "device file describes it (where a refusal comes with 200, say in links.http.refusal "
            "how it reads)",
            "not-offered",
        )
    if not taken:
        yield f"{server} refuses the new password after it was changed."
    if old:
        yield f"{server} still accepts the old password after it was changed."
    again = evidence.observe(first.request("GET", gate.target), "first session")
    by_session = http.description.authentication == "session"
    if by_session and gate.opened_by(again):
        yield (
            f"{again.request} answers {again.status} to a session that began before the password "
            "was changed, expected it to be closed."
        )
