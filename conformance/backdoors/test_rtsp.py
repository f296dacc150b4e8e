"""No password that was built into a camera opens its RTSP streams."""

from __future__ import annotations

from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.links.rtsp.link import RtspLink
from devices.links.rtsp.logins import PublishedPair

_REFUSALS = {401, 403}


@case(
    "BACKDOOR-013",
    severity="critical",
    needs=("rtsp",),
    catches=("backdoor-rtsp-master-password",),
    changes="lockout",
    applies_to=("rtsp-streams",),
)
def test_no_published_password_opens_rtsp(rtsp: RtspLink, evidence: Any, knowledge: Any) -> None:
    """No published master or default password opens RTSP.

    Method: ask for a declared stream with each user name and password that was published as built
    into a camera's RTSP server, once each, and with a made-up pair for comparison. Tries with a
    name that the device file gives an account for are followed by that account's own login.
    Pass: every published pair is refused.
    """
    pairs = [
        PublishedPair(f"{row['vendor']}: {row['source']}", row["username"], row["password"])
        for row in knowledge("rtsp")
        if row["kind"] == "pair"
    ]
    found = evidence.observe(rtsp.try_published(pairs))
    if found.made_up_accepted:
        raise Inconclusive(
            f"{found.url} is given to any user name and password (see STREAM-004), so that "
            "published ones cannot be told apart",
            "no-login",
        )
    accepted = [attempt for attempt in found.attempts if attempt.status == 200]
    assert not accepted, " ".join(
        f"{found.url}: the user name {attempt.username!r} with a published password was accepted "
        f"({attempt.label})."
        for attempt in accepted
    )
    unclear = [attempt for attempt in found.attempts if attempt.status not in _REFUSALS]
    if unclear:
        raise Inconclusive(
            f"{found.url}: a login is answered {unclear[0].status} ({unclear[0].label}), which is "
            "no refusal",
            "insufficient",
        )
    if not found.attempts:
        raise Inconclusive(f"{found.url}: no published pair was tried", "insufficient")
