"""The RTSP login cannot be guessed."""

from __future__ import annotations

from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.links.rtsp.link import RtspLink
from devices.secrets import Secrets

_TELLING = {200, 401, 403, 423, 429}
"""Statuses that say of a login whether it is taken (RFC 2326, 11; RFC 6585, 4; RFC 4918, 11.3)."""


@case(
    "CRED-005",
    severity="high",
    needs=("rtsp",),
    catches=("cred-no-lockout-rtsp",),
    changes="lockout",
    applies_to=("rtsp-streams",),
    revision=2,
)
def test_rtsp_guessing_is_stopped(
    rtsp: RtspLink, device: DeviceFile, secrets: Secrets, evidence: Any, policy: Any
) -> None:
    """Guessing the RTSP password is stopped.

    Method: log in with an account set aside for this, try as many wrong passwords as the device
    file declares to be the limit (at most the number in the policy "streams"), then log in with
    the right password again.
    Pass: the right password is refused after the wrong ones, or each wrong one took so long that
    guessing is impracticable by the policy.
    """
    limits = policy("streams")["guessing"]
    account = _expendable_account(secrets)
    declared = device.declared.lockout.attempts if device.declared.lockout else None
    attempts = min(declared or limits["max_attempts"], limits["max_attempts"])
    found = evidence.observe(rtsp.guess(account, attempts))
    if found.before != 200:
        raise Inconclusive(
            f"{found.url}: the account {account} could not log in before the test (status "
            f"{found.before})",
            "login-refused",
        )
    if any(attempt.status == 200 for attempt in found.wrong):
        raise Inconclusive(
            f"{found.url} is given with a wrong password (see STREAM-004): there is nothing to "
            "guess",
            "no-login",
        )
    if found.after >= 500 or not found.after or not found.wrong or found.shortfall:
        raise Inconclusive(
            f"{found.url}: after {len(found.wrong)} of {attempts} wrong passwords the right one is "
            f"answered {found.after or 'not at all'}: a lock does not show. {found.shortfall}",
            "unreachable",
        )
    if found.after not in _TELLING:
        raise Inconclusive(
            f"{found.url}: after the wrong passwords the right one is answered {found.after}, "
            "which tells neither a lock nor a login",
            "not-measured",
        )
    slow = found.seconds >= len(found.wrong) * limits["min_seconds_between"]
    assert found.after != 200 or slow, (
        f"{found.url}: after {len(found.wrong)} wrong passwords in {found.seconds:.1f} s the right "
        f"one was accepted at once, expected the account to be closed"
        f"{f' after {declared}, as declared' if declared else ''}."
    )


def _expendable_account(secrets: Secrets) -> str:
    for role in ("viewer", "operator", "admin"):
        found = secrets.account(role=role, purpose="lockout", service="rtsp")
        if found is not None:
            return found[0]
    raise Inconclusive(
        "the device file gives no account with purpose 'lockout' for rtsp", "no-account"
    )
