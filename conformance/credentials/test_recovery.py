"""CRED-046: the maker has no way of its own into the camera."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from conformance.case import case
from conformance.credentials.published_pairs import LockWatch, own_passwords, safe_tries, try_all
from conformance.credentials.recovery import RecoveryPapers, codes, search_pages
from conformance.credentials.web_accounts import accepts, expendable_account
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.errors import DeviceFileError, LinkError
from devices.links.http.link import HttpLink
from devices.secrets import Secrets


@case(
    "CRED-046",
    severity="critical",
    needs=("http",),
    catches=("cred-recovery-code", "cred-recovery-page"),
    changes="lockout",
    applies_to=("http",),
    revision=2,
)
def test_no_recovery_of_the_maker(
    *,
    request: pytest.FixtureRequest,
    http: HttpLink,
    recovery_papers: RecoveryPapers,
    device: DeviceFile,
    secrets: Secrets,
    evidence: Any,
    knowledge: Any,
    policy: Any,
) -> None:
    """The maker has no way of its own into the camera.

    Method: log in on the web as the administrator with passwords made of the camera's date, serial
    number and network address in the published ways (conformance/knowledge/recovery_codes.toml),
    each once, the right password in between as often as the lock needs. Search the page that comes
    without login, and its scripts, for addresses of a recovery, and ask for each without login; a
    program that might obey that is named and not asked. Search the papers for sentences that tell
    of such a way; papers that are no plain text are named in the evidence.
    Pass: no such password logs in, no recovery that the device file does not declare answers
    without login, and no paper tells of one.
    """
    rows = knowledge("recovery_codes")
    found = evidence.observe(search_pages(http, rows), "recovery links")
    open_to_all = {row.path for row in device.declared.api if "anonymous" in row.roles}
    faults = [
        f"{http.server.url}{link.path}, named in {link.found_in}, answers {link.status} without "
        "login and is not declared"
        for link in found.links
        if link.there and link.path not in open_to_all
    ]
    faults += [f"{name} tells: {text!r}" for name, text in recovery_papers.told.items()]
    unit = {"serial": device.device.serial, "mac": device.device.mac or ""}
    admin = secrets.account(role="admin", service="http")
    if admin is None:
        raise Inconclusive("the device file gives no administrator for http", "no-account")
    own, safe = own_passwords(device, secrets, "http"), safe_tries(device, policy)
    if safe.together:
        name, account = expendable_account(secrets)
        own = {"": (account.username, secrets.password(name)), **own}
    if not accepts(http, admin[1].username, secrets.password(admin[0])).accepted:
        raise Inconclusive("the administrator cannot log in with its own password", "login-refused")

    def login(username: str, password: str) -> tuple[int, bool]:
        attempt = accepts(http, username, password)
        return attempt.answer.status, attempt.accepted

    now = _camera_day(device, http, request)
    watch = LockWatch(http.journal, "http", device)
    tried = try_all(login, codes(rows, admin[1].username, now, unit), own, safe, watch)
    evidence.observe(tried, "recovery codes")
    faults += [
        f"the administrator logs in with a password of a published way ({pair.vendor})"
        for pair in tried.tried
        if pair.accepted
    ]
    assert not faults, f"The maker has a way in: {'; '.join(faults)}."
    if tried.left_out:
        raise Inconclusive(
            f"{len(tried.left_out)} recovery codes were not tried, for the lock forbids more",
            "insufficient",
        )


def _camera_day(device: DeviceFile, http: HttpLink, request: pytest.FixtureRequest) -> datetime:
    """The camera's own date: by ONVIF, else by the Date of an answer, else the bench's."""
    if device.links.onvif is not None:
        try:
            clock: datetime = request.getfixturevalue("onvif").clock().utc
        except (LinkError, DeviceFileError):
            pass
        else:
            return clock
    client = http.anonymous()
    try:
        said = client.request("GET", "/").header("Date")
        if re.search(r"\d", said):
            return parsedate_to_datetime(said)
    except (LinkError, ValueError):
        pass
    finally:
        client.close()
    return datetime.now(UTC)
