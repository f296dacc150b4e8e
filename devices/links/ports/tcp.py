"""TCP connect sweep without privileges: which ports of one address accept a connection.

Non-blocking connects, a bounded number in flight, two passes: what a first pass did not see
refused is asked again, and where two answers differ a third decides. A refusal is believed at
once, since only the target sends one.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

_SELF_CONNECT_TRIES = 4
_REFUSED = frozenset({errno.ECONNREFUSED, errno.ECONNRESET})
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.EADDRNOTAVAIL})


class PortState(enum.StrEnum):
    """What a TCP port does with a connection request."""

    OPEN = "open"
    CLOSED = "closed"  # refused: nothing listens
    FILTERED = "filtered"  # no answer, or "prohibited": a packet filter stands before it


@dataclass(frozen=True)
class SweepLimits:
    """How hard a sweep may press.

    ``in_flight``: connection requests at once. ``patience``: seconds until a request counts as
    unanswered. ``seconds``: the sweep's own limit; ports not decided by then are left undecided.
    """

    in_flight: int = 256
    patience: float = 1.0
    seconds: float = 180.0


def sweep(address: str, ports: Sequence[int], limits: SweepLimits) -> dict[int, PortState]:
    """Decide the state of each port; a port missing from the answer was not decided in time."""
    end = time.monotonic() + limits.seconds
    first = dict(_pass(address, ports, limits, end))
    doubtful = [port for port, state in first.items() if state is not PortState.CLOSED]
    second = dict(_pass(address, doubtful, limits, end))
    differing = [port for port in doubtful if second.get(port) is not first[port]]
    third = dict(_pass(address, differing, limits, end))
    agreed: dict[int, PortState] = {
        port: state for port, state in first.items() if state is PortState.CLOSED
    }
    agreed |= {port: first[port] for port in doubtful if port not in differing}
    for port in differing:
        votes = [first[port], second.get(port), third.get(port)]
        state = third.get(port)
        if state is not None and votes.count(state) >= 2:
            agreed[port] = state
    return agreed


class _Attempts:
    """The connection requests in flight, oldest first."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.started: deque[tuple[float, int, socket.socket]] = deque()
        self.open: dict[int, socket.socket] = {}

    def add(self, port: int, sock: socket.socket) -> None:
        self.selector.register(sock, selectors.EVENT_WRITE, port)
        self.started.append((time.monotonic(), port, sock))
        self.open[port] = sock

    def take(self, port: int) -> socket.socket:
        sock = self.open.pop(port)
        self.selector.unregister(sock)
        return sock

    def expired(self, patience: float) -> Iterator[int]:
        now = time.monotonic()
        while self.started and (
            self.open.get(self.started[0][1]) is not self.started[0][2]
            or now - self.started[0][0] >= patience
        ):
            _, port, sock = self.started.popleft()
            if self.open.get(port) is sock:
                yield port

    def close(self) -> None:
        for sock in self.open.values():
            sock.close()
        self.selector.close()


def _pass(
    address: str, ports: Iterable[int], limits: SweepLimits, end: float
) -> Iterator[tuple[int, PortState]]:
    attempts = _Attempts()
    waiting = iter(ports)
    room, exhausted = limits.in_flight, False
    with contextlib.closing(attempts):
        while time.monotonic() < end:
            while not exhausted and len(attempts.open) < room:
                port = next(waiting, None)
                if port is None:
                    exhausted = True
                    break
                try:
                    state = _begin(address, port, attempts.add)
                except OSError:  # out of descriptors or local ports: be content with fewer
                    room = max(1, len(attempts.open) // 2)
                    waiting = _again(port, waiting)
                    break
                if state is not None:
                    yield port, state
            if exhausted and not attempts.open:
                return
            yield from _answers(attempts, limits.patience)


def _again(port: int, rest: Iterator[int]) -> Iterator[int]:
    yield port
    yield from rest


def _answers(attempts: _Attempts, patience: float) -> Iterator[tuple[int, PortState]]:
    for key, _ in attempts.selector.select(timeout=min(patience, 0.05)):
        port: int = key.data
        with attempts.take(port) as sock:
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            state = _judge(error, sock)
        yield port, state if state is not None else PortState.CLOSED
    for port in list(attempts.expired(patience)):
        attempts.take(port).close()
        yield port, PortState.FILTERED


def _begin(
    address: str, port: int, wait_for: Callable[[int, socket.socket], None]
) -> PortState | None:
    """Ask once. Returns the state when it is known at once, None after ``wait_for`` took over.

    Raises OSError when this machine is out of descriptors or local ports.
    """
    for _ in range(_SELF_CONNECT_TRIES):
        sock = socket.socket(_family(address), socket.SOCK_STREAM)
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        error = sock.connect_ex((address, port))
        if error == errno.EINPROGRESS:
            wait_for(port, sock)
            return None
        if error in _EXHAUSTED:
            sock.close()
            raise OSError(error, "no descriptor or local port left")
        with sock:
            state = _judge(error, sock)
        if state is not None:
            return state
    return PortState.CLOSED  # whoever listened there would have kept the socket from binding it


def _judge(error: int, sock: socket.socket) -> PortState | None:
    """The state that an answer means; None for a connection of the socket to itself.

    A socket whose own port happens to be the target port, at the same address, opens to itself
    (simultaneous open, RFC 9293, 3.5): nothing listens there.
    """
    if error == 0:
        try:
            return None if sock.getsockname() == sock.getpeername() else PortState.OPEN
        except OSError:  # accepted and reset at once: something does listen
            return PortState.OPEN
    return PortState.CLOSED if error in _REFUSED else PortState.FILTERED


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
