"""Whether streams end: when they are told to, and when their client is gone."""

from __future__ import annotations

import contextlib
import dataclasses
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from devices.description import Stream
from devices.errors import LinkError
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.client import without_userinfo
from devices.links.rtsp.held import Heard, HeldSession, held_session
from devices.links.rtsp.setup import TRANSPORTS
from devices.observation import Artefact, Observation

TOLD_SECONDS = 6.0
"""Longest time to listen after TEARDOWN."""
_AFTER_TIMEOUT = 12.0
_STALL = 5.0  # s: a camera or bench that is short of breath is silent for less


@dataclass(frozen=True)
class StreamEnding:
    """What a stream did after its end; seconds count from then.

    ``way``: ``teardown`` (the camera answered TEARDOWN with ``status``, 0 when it did not),
    ``connection`` (the RTSP connection of a stream over UDP was closed, and nothing sent any
    more), or ``silence`` (it was left open, and nothing sent any more but answers to the
    ``asked`` requests of the camera). ``timeout`` is the session time-out that the camera
    declared, in seconds, 60 when it said nothing. ``before`` and ``after`` count media packets;
    ``last`` is when the last one came (0 for none) and ``listened`` how long it was waited for
    more. ``closed``: the camera closed the connection that all of it came through.
    """

    name: str
    url: str
    transport: str
    way: str
    status: int = 0
    timeout: float = 0.0
    before: int = 0
    after: int = 0
    last: float = 0.0
    listened: float = 0.0
    closed: bool = False
    asked: int = 0


@dataclass(frozen=True, kw_only=True)
class StreamEndings(Observation):
    """Every declared RTSP stream, ended in each way.

    By TEARDOWN over each declared transport, by the connection over the first with datagrams; or
    by silence over that. ``longest_wait``: the longest time-out that was waited for, in seconds.
    """

    endings: tuple[StreamEnding, ...]
    longest_wait: float = 0.0


@dataclass(frozen=True)
class _Task:
    stream: Stream
    transport: str
    way: str


def endings(access: RtspAccess) -> StreamEndings:
    """Play and end every declared stream over its transports; raises NotOffered without any."""
    told = [
        _Task(stream, transport, "teardown")
        for stream in access.streams()
        for transport in dict.fromkeys(stream.transports)
    ]
    # Sessions that a camera does not end would be in the way of others: those come last.
    return _all(access, told, _first_in_datagrams(access, "connection"))


def silences(access: RtspAccess) -> StreamEndings:
    """Play every declared stream over datagrams and fall silent; raises NotOffered without any."""
    return _all(access, _first_in_datagrams(access, "silence"))


def _first_in_datagrams(access: RtspAccess, way: str) -> list[_Task]:
    return [
        _Task(stream, transport, way)
        for stream in access.streams()
        for transport in [t for t in stream.transports if _in_datagrams(t)][:1]
    ]


def _all(access: RtspAccess, *rounds: list[_Task]) -> StreamEndings:
    found: list[tuple[StreamEnding | None, str, Artefact | None]] = []
    for tasks in rounds:
        with ThreadPoolExecutor(max(1, access.device.bench.parallel // 2), "endings") as pool:
            found += pool.map(lambda task: _one(access, task), tasks)
    return StreamEndings(
        endings=tuple(ending for ending, _, _ in found if ending is not None),
        longest_wait=access.device.bench.longest_wait,
        shortfall="; ".join(problem for _, problem, _ in found if problem),
        artefacts=tuple(artefact for _, _, artefact in found if artefact is not None),
    )


def _in_datagrams(transport: str) -> bool:
    return transport in TRANSPORTS and TRANSPORTS[transport][2]


def _one(access: RtspAccess, task: _Task) -> tuple[StreamEnding | None, str, Artefact | None]:
    """End one stream; once more where that failed: a bench may have been starved for a moment."""
    found = _attempt(access, task)
    return found if found[0] is not None else _attempt(access, task)


def _attempt(access: RtspAccess, task: _Task) -> tuple[StreamEnding | None, str, Artefact | None]:
    """End one stream; an ending, or what kept it from being measured."""
    what = f"{task.stream.name} over {task.transport}"
    if task.transport not in TRANSPORTS:
        return None, f"{what}: this transport is not played here", None
    capture = access.capture()
    try:
        with held_session(
            access, task.stream.url, task.transport, access.login(), capture=capture
        ) as session:
            before = session.begin()
            if task.way == "teardown":
                ending = _told(session, before)
            elif task.way == "silence":
                ending = _silent(access, session, before)
            else:
                ending = _left(access, session, before)
    except LinkError as error:
        return None, f"{what}: {error}", None
    ending = dataclasses.replace(
        ending,
        name=task.stream.name,
        url=without_userinfo(task.stream.url),
        transport=task.transport,
    )
    artefact = capture.artefact(f"{task.stream.name}-{task.transport}-{task.way}.pcapng")
    return ending, "", artefact


def _told(session: HeldSession, before: Heard) -> StreamEnding:
    try:
        status = session.request("TEARDOWN").status
    except LinkError:  # a camera may answer by closing the connection
        status = 0
    after = session.until_quiet(TOLD_SECONDS, before)
    return _ending("teardown", session, before, after, status)


def _left(access: RtspAccess, session: HeldSession, before: Heard) -> StreamEnding:
    session.client.close()
    longest = access.device.bench.longest_wait
    waited_for = session.timeout if session.timeout <= longest else 0.0
    after = session.until_quiet(waited_for + _AFTER_TIMEOUT, before, _STALL)
    with (
        contextlib.suppress(LinkError),
        access.connect(session.client.endpoint, login=access.login()) as client,
    ):  # a session that still runs is ended from a new connection
        headers = {"Session": session.identifier}
        client.request("TEARDOWN", session.described.aggregate, headers)
    return _ending("connection", session, before, after, 0)


def _silent(access: RtspAccess, session: HeldSession, before: Heard) -> StreamEnding:
    """Leave the connection open; a time-out that is too long is not waited for at all."""
    if session.timeout > access.device.bench.longest_wait:
        nothing = Heard(packets=0, last=0, longest_gap=0, listened=0, closed=False)
        return _ending("silence", session, before, nothing, 0)
    asked = session.client.asked
    after = session.until_quiet(session.timeout + _AFTER_TIMEOUT, before, _STALL)
    ending = _ending("silence", session, before, after, 0)
    return dataclasses.replace(ending, asked=session.client.asked - asked)


def _ending(
    way: str, session: HeldSession, before: Heard, after: Heard, status: int
) -> StreamEnding:
    return StreamEnding(
        name="",
        url="",
        transport="",
        way=way,
        status=status,
        timeout=session.timeout,
        before=before.packets,
        after=after.packets,
        last=after.last,
        listened=after.listened,
        closed=after.closed and session.ports is None,
    )
