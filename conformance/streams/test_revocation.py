"""STREAM-022: who is removed, or has a new password, has no stream any more."""

from __future__ import annotations

import secrets as random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.errors import DeviceFileError, LinkError
from devices.links.rtsp.link import RtspLink
from devices.links.rtsp.revocation import RevokedUser
from devices.links.users import TrialViewer, UserWay
from devices.secrets import Secrets

_REFUSED = (401, 403)


@case(
    "STREAM-022",
    severity="high",
    needs=("rtsp",),
    catches=("stream-survives-user-removal", "stream-login-survives-user-removal"),
    changes="settings",
    applies_to=("rtsp-streams",),
)
def test_revoked_users_lose_their_streams(
    rtsp: RtspLink, user_ways: Sequence[UserWay], secrets: Secrets, evidence: Any, policy: Any
) -> None:
    """A stream ends, and cannot be had again, when its user is removed or has a new password.

    Method: make two viewers with random names and passwords (over ONVIF; by the web interface's
    declared operations where there is no ONVIF, or its users cannot play), have each play the first
    declared RTSP stream inside the RTSP connection and in datagrams, as declared, until media
    flows. Remove one viewer, change the other's password. Listen for media that still comes, and
    log in on new connections with what was right until then, with the new password, and with the
    account of the test. Both viewers are removed in the end.
    Pass: every session's media ends within the time of the policy "streams", the old logins are
    refused, and the other ones still work.
    """
    limit = policy("streams")["revocation"]["end_seconds"]
    found = _revoked(rtsp, user_ways, secrets)
    for revoked in found:
        evidence.observe(revoked, revoked.change)
    problems = [problem for revoked in found for problem in _what_is_left(revoked, limit)]
    assert not problems, " ".join(problems)
    if doubts := [doubt for revoked in found for doubt in _doubts(revoked)]:
        raise Inconclusive(" ".join(doubts), "not-measured")


def _revoked(rtsp: RtspLink, ways: Sequence[UserWay], secrets: Secrets) -> list[RevokedUser]:
    """What became of both viewers, by the first way that makes viewers who can play."""
    refusals: list[str] = []
    for way in ways:
        try:
            return _by(way, rtsp, secrets)
        except (LinkError, DeviceFileError) as error:
            refusals.append(f"{way.name}: {error}")
    raise Inconclusive(
        "no viewer could be made who plays a stream: "
        + ("; ".join(refusals) or "the device file gives neither [links.onvif] nor [links.http]"),
        "not-offered" if refusals else "no-link",
    )


def _by(way: UserWay, rtsp: RtspLink, secrets: Secrets) -> list[RevokedUser]:
    viewers = [
        TrialViewer(way, f"Tr1al{random.token_hex(3)}", secrets.trial_password()) for _ in range(2)
    ]
    new = secrets.trial_password()

    def removed() -> str:
        viewers[0].remove()
        return ""

    def changed() -> str:
        viewers[1].change_password(new)
        return new

    try:
        with viewers[0], viewers[1], ThreadPoolExecutor(2) as pool:
            own = [(viewer.username, viewer.password) for viewer in viewers]
            tasks = [
                pool.submit(rtsp.revoked, own[0], removed, name="removed", by=way.name),
                pool.submit(rtsp.revoked, own[1], changed, name="password changed", by=way.name),
            ]
            found = [task.result() for task in tasks]
    except (LinkError, DeviceFileError) as error:
        if left := _left_behind(viewers):
            raise Inconclusive(f"{error}; {left}", "not-offered") from error
        raise
    if left := _left_behind(viewers):
        raise Inconclusive(left, "not-offered")
    return found


def _left_behind(viewers: Sequence[TrialViewer]) -> str:
    return "; ".join(viewer.left_behind for viewer in viewers if viewer.left_behind)


def _what_is_left(revoked: RevokedUser, limit: float) -> Iterator[str]:
    who = f"{revoked.url}: after the user was {_words(revoked)}"
    for session in revoked.sessions:
        if session.before and session.last > limit:
            yield (
                f"{who}, media over {session.transport} went on for {session.last:.1f} s "
                f"({session.after} packets), expected an end within {limit:.0f} s."
            )
    if 200 <= revoked.old_login < 300:
        yield f"{who}, a new login with the old credentials is accepted, expected a refusal."


def _words(revoked: RevokedUser) -> str:
    return "removed" if revoked.change == "removed" else "given a new password"


def _doubts(revoked: RevokedUser) -> Iterator[str]:
    who = f"{revoked.url}: after the user was {_words(revoked)}"
    if revoked.old_login not in _REFUSED:
        yield f"{who}, the old login is answered {revoked.old_login or 'not at all'}."
    if revoked.other_login != 200:
        yield f"{who}, the account of the test is answered {revoked.other_login or 'not at all'}."
    if revoked.change != "removed" and revoked.new_login != 200:
        yield f"{who}, the new login is answered {revoked.new_login or 'not at all'}."
    if not revoked.sessions or any(not session.before for session in revoked.sessions):
        yield f"{who}: there was no media that could end."
