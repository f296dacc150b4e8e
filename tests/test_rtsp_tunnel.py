"""RTSP in an HTTP tunnel, as a client sees it."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_stand import (
    STREAM,
    ScriptedCamera,
    stand_with,
)
from rtsp_stand import (
    Handler,
    access_to,
    device_file,
    header,
    read_request,
    rtsp_stand,
    scripted_server,
)

from devices.emulated.posture import Posture
from devices.errors import Garbled, LinkError
from devices.links.capture import Capture
from devices.links.rtsp import tunnel
from devices.links.rtsp.client import Endpoint
from devices.links.rtsp.probes import anonymous_answers
from devices.links.rtsp.streams import play_streams
from devices.protocols import http_tunnel
from devices.protocols.digest import DigestClient


def test_a_tunnel_inside_tls_plays_and_says_nothing(tmp_path: Path) -> None:
    with rtsp_stand(tmp_path, Posture(rtsp_tunnel=("tls",))) as stand:
        observation = play_streams(access_to(stand_with(stand, "tunnel")), seconds=0.6)
    stream = next(s for s in observation.streams if s.transport == "tunnel")
    assert (stream.outcome, stream.agreed) == ("played", "RTP/AVP/TCP")
    assert stream.wire is not None
    assert (stream.wire.carrier, stream.wire.nal_units) == ("tls", 0)
    assert stream.beside is not None
    assert stream.beside.inside_tls
    assert stream.pictures is not None
    assert stream.pictures.frames > 2
    capture = next(a.data for a in observation.artefacts if a.name == "main-tunnel.pcapng")
    assert b"x-sessioncookie" not in capture


def test_a_tunnel_in_plaintext_is_read_on_the_way(tmp_path: Path) -> None:
    with rtsp_stand(tmp_path, Posture(rtsp_tunnel=("plain",))) as stand:
        url = f"http://{stand.camera.address}:8000/live/main"
        device = stand_with(stand, "tunnel", tunnel_url=url)
        observation = play_streams(access_to(device), seconds=0.6)
    stream = next(s for s in observation.streams if s.transport == "tunnel")
    assert (stream.outcome, stream.described_in_clear) == ("played", True)
    assert stream.wire is not None
    assert stream.wire.nal_units > 5
    assert stream.wire.parameter_sets == 1  # the PPS is too short to tell
    assert stream.beside is not None
    assert stream.beside.rtcp_readable > 0


def _connect(port: int, login: Any = None) -> tunnel.TunnelWire:
    target = tunnel.TunnelTarget("127.0.0.1", port, encrypted=False, path="/s")
    return tunnel.TunnelWire(target, "127.0.0.1", login=login, capture=Capture(), timeout=0.5)


def _answers(*answers: bytes) -> Handler:
    left, lock = list(answers), threading.Lock()

    def handler(connection: socket.socket) -> None:
        read_request(connection)
        with lock:
            answer = left.pop(0) if len(left) > 1 else left[0]
        connection.sendall(answer)
        connection.recv(4096)

    return handler


def _endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.0 200 OK\r\n")
    while True:
        connection.sendall(b"X" * 60_000)


@pytest.mark.parametrize(
    "handler",
    [
        _answers(b""),
        _answers(b"RTSP/1.0 200 OK\r\n\r\n"),
        _answers(b"HTTP/1.0 200 OK\r\n"),
        _answers(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n"),
        _answers(b"HTTP/1.0 twohundred\r\n\r\n"),
        _answers(b"HTTP/1.0 401 No\r\n\r\n"),
        _answers(b'HTTP/1.0 401 No\r\nWWW-Authenticate: Digest realm="\r\n\r\n'),
        _answers(b"HTTP/1.0 308 Moved\r\nLocation: https://192.0.2.1/\r\n\r\n"),
        _endless,
        lambda connection: connection.close(),
    ],
)
def test_what_is_no_tunnel_raises_a_link_error(handler: Handler) -> None:
    with scripted_server(handler) as port, pytest.raises(LinkError):
        _connect(port)


def test_a_tunnel_that_asks_for_a_login_gets_a_digest_and_never_basic() -> None:
    asked: list[str] = []

    def handler(connection: socket.socket) -> None:
        request = read_request(connection)
        asked.append(request)
        if not header(request, "Authorization"):
            connection.sendall(
                b'HTTP/1.0 401 No\r\nWWW-Authenticate: Basic realm="r"\r\n'
                b'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n\r\n'
            )
        elif request.startswith("GET"):
            connection.sendall(
                b"HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\nRTSP"
            )
        connection.recv(4096)

    with scripted_server(handler) as port:
        wire = _connect(port, DigestClient("u", "p"))
        assert wire.receive(0) == b"RTSP"  # what came with the head needs no waiting
        wire.close()
    assert [header(r, "Authorization").split(" ")[0] for r in asked[:2]] == ["", "Digest"]
    assert len({header(request, "x-sessioncookie") for request in asked}) == 1


@given(st.binary(max_size=300))
def test_any_head_is_http_or_garbled(data: bytes) -> None:
    for start in (b"", b"HTTP/1.0 200 OK\r\n"):
        with contextlib.suppress(Garbled):
            http_tunnel.parse_head(start + data)


@given(st.text(max_size=60))
def test_any_address_of_a_tunnel_is_one_or_garbled(url: str) -> None:
    for start in ("", "https://", "rtsps://h:"):
        with contextlib.suppress(Garbled):
            assert tunnel.tunnel_target(start + url).path.startswith("/")


def test_endpoints_of_tunnels_are_named_as_people_write_them() -> None:
    assert tunnel.tunnel_target("rtsps://[::1]/a?b=1").url == "https://[::1]:322/a?b=1"
    assert Endpoint("h", 1, encrypted=True).url == "rtsps://h:1"


def test_a_tunnel_whose_http_asks_for_a_login_refuses_a_stranger(tmp_path: Path) -> None:
    """STREAM-004 sets declared streams up over each of their transports, without a login."""
    refused = b'HTTP/1.0 401 No\r\nWWW-Authenticate: Digest realm="r", nonce="n"\r\n\r\n'
    with scripted_server(_answers(refused)) as http, scripted_server(ScriptedCamera()) as rtsp:
        url = f"rtsp://127.0.0.1:{rtsp}"
        tunnelled = STREAM | {"tunnel_url": f"http://127.0.0.1:{http}/s"}
        device = device_file(url, tmp_path, streams=[tunnelled], transports=["tunnel"])
        answers = anonymous_answers(access_to(device), []).answers
    (told,) = [answer for answer in answers if answer.method == "SETUP"]
    assert (told.status, told.transport) == (401, "tunnel")
