"""Passes the bytes of one connection on, and records them on their way; looks into none."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable
from typing import Protocol

from devices.links.capture.frames import Flow

STALL = 10.0
"""Seconds that the camera may take to accept what the client sent."""
_CHUNK = 64 * 1024
_POLL = 0.1  # s


class Record(Protocol):
    """Keeps bytes of a TCP connection."""

    def __call__(self, flow: Flow, data: bytes, *, outgoing: bool) -> None:
        """Keep them."""


def relay(
    client: socket.socket,
    camera: socket.socket,
    flow: Flow,
    record: Record,
    *,
    ended: Callable[[], bool] = lambda: False,
    half_close: bool = True,
) -> None:
    """Pass bytes both ways until both sides have ended, or ``ended``; raises OSError.

    Each piece is recorded before it is passed on. Without ``half_close`` the end of the client
    ends the connection to the camera, as closing a socket does.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(client, selectors.EVENT_READ, (client, camera))
        selector.register(camera, selectors.EVENT_READ, (camera, client))
        while selector.get_map() and not ended():
            for key, _ in selector.select(_POLL):
                source, sink = key.data
                data = source.recv(_CHUNK)
                if data:
                    record(flow, data, outgoing=source is client)
                    sink.sendall(data)
                elif source is client and not half_close:
                    return
                else:
                    selector.unregister(source)
                    sink.shutdown(socket.SHUT_WR)


def dial(target: tuple[str, int], timeout: float, record: Record) -> tuple[socket.socket, Flow]:
    """Connect to a camera through a relay of this process: our end, and the flow to the camera.

    Nothing listens: no other program can come in. Raises OSError as ``socket.create_connection``
    does. That the camera reset the connection, rather than closed it, is not passed on. The relay
    ends with our end.
    """
    camera = socket.create_connection(target, timeout=timeout)
    camera.settimeout(STALL)
    ours, theirs = socket.socketpair()
    ours.settimeout(timeout)
    flow = Flow(camera.getsockname()[:2], target)

    def run() -> None:
        with theirs, camera, contextlib.suppress(OSError):
            relay(theirs, camera, flow, record, half_close=False)

    threading.Thread(target=run, name="relay", daemon=True).start()
    return ours, flow
