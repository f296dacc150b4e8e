"""What becomes of a user's streams when the user is removed, or has a new password."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from devices.errors import LinkError, LoginRefused, NotOffered
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.client import endpoint_of, without_userinfo
from devices.links.rtsp.held import Heard, HeldSession, held_session
from devices.links.rtsp.setup import TRANSPORTS
from devices.observation import Observation
from devices.protocols.digest import DigestClient

LISTEN_SECONDS = 8.0
"""Longest time to listen for media of a user who is gone."""
_DESCRIBE = {"Accept": "application/sdp"}


@dataclass(frozen=True)
class RunningSession:
    """A session that ran when its user was revoked; seconds count from then.

    ``before`` and ``after`` count media packets, ``last`` is when the last came, ``listened`` how
    long was listened. ``closed``: the camera closed its connection.
    """

    transport: str
    before: int
    after: int
    last: float
    listened: float
    closed: bool


@dataclass(frozen=True, kw_only=True)
class RevokedUser(Observation):
    """A user's sessions and logins after a change to the user.

    ``change``: ``removed``, or ``password changed``; ``by``: how it was made. Statuses of DESCRIBE
    on new connections, 0 where it was not asked: ``old_login`` with what was right until then,
    ``new_login`` with the new password, ``other_login`` with the account of the test.
    """

    url: str
    change: str
    by: str
    sessions: tuple[RunningSession, ...]
    old_login: int
    new_login: int
    other_login: int


def revoked(
    access: RtspAccess,
    user: tuple[str, str],
    change: Callable[[], str],
    *,
    name: str,
    by: str,
) -> RevokedUser:
    """Play as ``user`` (name, password), make the ``change``, and see what is left.

    ``change`` returns the user's new password, empty for none. Raises LinkError when the user
    cannot play, or the change cannot be made.
    """
    stream = access.streams()[0]
    url = without_userinfo(stream.url)
    if _status(access, url, None) == 200:
        raise NotOffered(f"{url} is described without a login (see STREAM-004): nobody can lose it")
    with ExitStack() as stack:
        sessions: list[tuple[str, HeldSession, Heard]] = []
        for transport in _one_of_each_kind(stream.transports):
            login = DigestClient(*user)
            session = stack.enter_context(held_session(access, url, transport, login))
            sessions.append((transport, session, session.begin()))
        if not sessions:
            raise NotOffered(f"{stream.name} is declared over no transport that is played here")
        password = change()
        with ThreadPoolExecutor(len(sessions), "revoked") as pool:
            running = list(pool.map(_what_runs, sessions))
        for _, session, _ in sessions:
            session.client.login = None  # no login of a user who is gone goes out with TEARDOWN
    return RevokedUser(
        url=url,
        change=name,
        by=by,
        sessions=tuple(running),
        old_login=_status(access, url, DigestClient(*user)),
        new_login=_status(access, url, DigestClient(user[0], password)) if password else 0,
        other_login=_status(access, url, access.login()),
    )


def _one_of_each_kind(transports: Sequence[str]) -> list[str]:
    """The first transport inside the RTSP connection, and the first in datagrams."""
    known = [t for t in transports if t in TRANSPORTS]
    kinds = {TRANSPORTS[t][2]: t for t in reversed(known)}
    return list(kinds.values())


def _what_runs(running: tuple[str, HeldSession, Heard]) -> RunningSession:
    transport, session, before = running
    session.client.media = []
    after = session.until_quiet(LISTEN_SECONDS, before)
    return RunningSession(
        transport=transport,
        before=before.packets,
        after=after.packets,
        last=after.last,
        listened=after.listened,
        closed=after.closed,
    )


def _status(access: RtspAccess, url: str, login: DigestClient | None) -> int:
    try:
        with access.connect(endpoint_of(url), login=login) as client:
            return client.request("DESCRIBE", url, _DESCRIBE).status
    except LoginRefused:
        return 401
    except LinkError:
        return 0
