"""Ports that a packet filter hides: nothing is to be had there, which is no doubt."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests

from devices.errors import NotConnected, TimedOut
from devices.links.capture import Capture
from devices.links.http.errors import translated_errors
from devices.links.rtsp.wire import RtspWire


@pytest.fixture
def filtered() -> Iterator[int]:
    """A port at which the kernel lets further connections wait without an answer."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003 - the standard library's signature
            waiting.connect_ex(full.getsockname())
        yield full.getsockname()[1]


def test_a_filtered_port_is_unreachable_not_silent(filtered: int) -> None:
    with pytest.raises(NotConnected) as raised:
        RtspWire("127.0.0.1", filtered, encrypted=False, capture=Capture(), timeout=0.3)
    assert raised.value.cause == "unreachable"
    with pytest.raises(NotConnected), translated_errors("GET /"):
        requests.get(f"http://127.0.0.1:{filtered}/", timeout=(0.3, 5))


def test_a_port_that_takes_connections_and_is_silent_has_timed_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(TimedOut) as raised, translated_errors("GET /"):
            requests.get(f"http://127.0.0.1:{port}/", timeout=(5, 0.3))
    assert raised.value.cause == "timeout"
