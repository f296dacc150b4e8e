"""How the RTSP client gets at media: profiles, channels, redirects, tunnels, groups."""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtsp_stand import (
    Handler,
    Stand,
    access_to,
    device_file,
    header,
    read_request,
    rtsp_stand,
    scripted_server,
)

from devices.description import DeviceFile
from devices.emulated.posture import Posture
from devices.errors import Garbled, LinkError, NotOffered, Unreachable
from devices.links.capture import Capture
from devices.links.rtsp import multicast, tunnel
from devices.links.rtsp.client import Endpoint
from devices.links.rtsp.observations import PlayedStream
from devices.links.rtsp.probes import anonymous_answers
from devices.links.rtsp.redirect import MAX_REDIRECTS, following, target_of
from devices.links.rtsp.streams import play_streams
from devices.protocols import http_tunnel, sdp
from devices.protocols.digest import DigestClient
from devices.protocols.rtp import RtpPacket, sender_report
from devices.protocols.rtsp import Interleaved
from devices.protocols.srtp import protector
from devices.protocols.srtp_suite import SDES_SUITES, SrtpKeys
from devices.protocols.transport import Transport

STREAM = {"name": "main", "path": "/s", "codec": "h264", "width": 64, "height": 64}
SUITE = SDES_SUITES["AES_CM_128_HMAC_SHA1_80"]
KEYS = SrtpKeys(SUITE, bytes(range(16)), bytes(range(14)))
CRYPTO = "AES_CM_128_HMAC_SHA1_80 inline:" + base64.b64encode(KEYS.key + KEYS.salt).decode()
REPORT = sender_report(5, unix_time=1e9, timestamp=1, packets=1, octets=1, name="u@h")


class _Camera:
    """A scripted camera: answers by method, and sends frames after PLAY."""

    description = "v=0\r\nm=video 0 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n"
    agreed = "RTP/AVP/TCP;unicast;interleaved=0-1"
    hangs = False  # after its frames

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, connection: socket.socket) -> None:
        while request := read_request(connection):
            method = request.split()[0]
            if method.startswith("RTSP/"):  # the answer to a request of ours
                self.seen.append(request.splitlines()[0])
                continue
            self.seen.append(f"{method} {header(request, 'Transport')}".strip())
            status, more, body = self.answer(method, request)
            connection.sendall(
                f"RTSP/1.0 {status} X\r\nCSeq: {header(request, 'CSeq')}\r\n{more}"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            if method == "PLAY":
                for frame in self.frames():
                    connection.sendall(frame)
                if not self.hangs:
                    connection.shutdown(socket.SHUT_WR)

    def answer(self, method: str, request: str) -> tuple[int, str, str]:
        del request
        if method == "DESCRIBE":
            return 200, "", self.description
        return 200, f"Session: 1\r\nTransport: {self.agreed}\r\n", ""

    def frames(self) -> list[bytes]:
        return [Interleaved(0, packet).to_bytes() for packet in packets(20)]


def packets(count: int) -> list[bytes]:
    return [
        RtpPacket(97, n, 0, 5, b"\x65" + bytes([n]) * 300, marker=True).to_bytes()
        for n in range(count)
    ]


def play(
    camera: Handler, folder: Path, transport: str = "interleaved", **changes: Any
) -> PlayedStream:
    with scripted_server(camera) as port:
        url = f"rtsp://127.0.0.1:{port}"
        device = device_file(url, folder, streams=[STREAM | changes], transports=[transport])
        streams = play_streams(access_to(device), seconds=0.1).streams
    return next(s for s in streams if s.transport == transport)


class _KnowsNoNow(_Camera):
    """Has never heard of ``npt=now-``."""

    def answer(self, method: str, request: str) -> tuple[int, str, str]:
        if method == "PLAY" and header(request, "Range"):
            return 457, "", ""
        return super().answer(method, request)


def test_a_server_that_does_not_know_the_range_is_asked_without(tmp_path: Path) -> None:
    camera = _KnowsNoNow()
    assert play(camera, tmp_path).outcome == "played"
    assert camera.seen.count("PLAY") >= 2


class _SavpfAlone(_Camera):
    """Describes SAVP and SAVPF, as gst-rtsp-server does, and sets up SAVPF alone."""

    agreed = "RTP/SAVPF/TCP;unicast;interleaved=0-1"
    description = "v=0\r\n" + "".join(
        f"m=video 0 RTP/{profile} 97\r\na=rtpmap:97 H264/90000\r\na=control:{profile}\r\n"
        f"a=crypto:1 {CRYPTO}\r\n"
        for profile in ("SAVP", "SAVPF")
    )

    def answer(self, method: str, request: str) -> tuple[int, str, str]:
        if method == "SETUP" and ("SAVPF" not in header(request, "Transport")):
            return 461, "", ""
        return super().answer(method, request)

    def frames(self) -> list[bytes]:
        sender = protector(KEYS)
        return [Interleaved(0, sender.protect(packet)).to_bytes() for packet in packets(20)]


def test_the_next_profile_is_asked_for_after_a_461(tmp_path: Path) -> None:
    camera = _SavpfAlone()
    stream = play(camera, tmp_path, "srtp-interleaved")
    assert (stream.outcome, stream.agreed) == ("played", "RTP/SAVPF/TCP")
    assert stream.srtp is not None
    assert (stream.srtp.verified, stream.srtp.failed) == (20, 0)
    asked = [seen.split(";")[0] for seen in camera.seen if seen.startswith("SETUP")]
    assert asked[:2] == ["SETUP RTP/SAVP/TCP", "SETUP RTP/SAVPF/TCP"]


def test_a_461_to_every_profile_names_them(tmp_path: Path) -> None:
    camera = _SavpfAlone()
    camera.answer = lambda method, request: (  # type: ignore[method-assign]
        (461, "", "") if method == "SETUP" else _Camera.answer(camera, method, request)
    )
    stream = play(camera, tmp_path, "srtp-interleaved")
    assert (stream.outcome, stream.status) == ("refused", 461)
    assert stream.reason == "SETUP is answered 461 X (461 to RTP/SAVP, RTP/SAVPF)"


def _on(channels: tuple[int, int], *, agreed: str = "") -> _Camera:
    camera = _Camera()
    camera.agreed = agreed or camera.agreed
    media = [Interleaved(channels[0], packet).to_bytes() for packet in packets(20)]
    report = Interleaved(channels[1], REPORT).to_bytes()
    camera.frames = lambda: [report, *media, report]  # type: ignore[method-assign]
    return camera


@pytest.mark.parametrize(
    ("channels", "agreed"),
    [
        ((0, 1), ""),
        ((0, 0), ""),  # multiplexed, RFC 5761
        ((1, 0), ""),  # the other way round
        ((6, 7), ""),  # not those that SETUP agreed
        ((1, 0), "RTP/AVP/TCP;unicast;interleaved=1-0"),
        ((200, 3), "RTP/AVP/TCP;unicast"),
    ],
)
def test_media_and_rtcp_are_told_apart_on_any_channels(
    channels: tuple[int, int], agreed: str, tmp_path: Path
) -> None:
    stream = play(_on(channels, agreed=agreed), tmp_path)
    assert (stream.outcome, stream.packets, stream.nal_units) == ("played", 20, 20)
    assert stream.beside is not None
    assert (stream.beside.rtcp, stream.beside.rtcp_readable, stream.beside.texts) == (
        2,
        2,
        ("u@h",),
    )


class _Moved(_Camera):
    """Sends its client to ``location``, once for each DESCRIBE that names no other path."""

    def __init__(self, location: Callable[[str], str], status: int = 302) -> None:
        super().__init__()
        self._location, self._status = location, status

    def answer(self, method: str, request: str) -> tuple[int, str, str]:
        url = request.split()[1]
        if method == "DESCRIBE" and not url.endswith("/new"):
            return self._status, f"Location: {self._location(url)}\r\n", ""
        return super().answer(method, request)


@pytest.mark.parametrize("status", [301, 302, 303, 305])
@pytest.mark.parametrize("location", [lambda url: url + "/new", lambda _: "/new"])
def test_a_redirect_is_followed(
    status: int, location: Callable[[str], str], tmp_path: Path
) -> None:
    stream = play(_Moved(location, status), tmp_path)
    assert stream.outcome == "played"
    assert stream.redirected.endswith("/new")


def test_a_redirect_in_a_circle_ends(tmp_path: Path) -> None:
    camera = _Moved(lambda url: url)
    stream = play(camera, tmp_path)
    assert (stream.outcome, stream.cause) == ("failed", "not-offered")
    assert len([m for m in camera.seen if m.startswith("DESCRIBE")]) == 2 * (MAX_REDIRECTS + 1)


def test_a_redirect_elsewhere_is_not_followed(tmp_path: Path) -> None:
    stream = play(_Moved(lambda _: "rtsp://192.0.2.9:554/new"), tmp_path)
    assert (stream.outcome, stream.cause) == ("failed", "unreachable")
    assert "nothing was sent to it" in stream.reason


def test_a_login_is_never_taken_out_of_tls() -> None:
    with pytest.raises(NotOffered, match="would leave TLS"):
        target_of("rtsps://127.0.0.1/s", "rtsp://127.0.0.1/s")
    assert target_of("rtsp://127.0.0.1/s", "rtsps://u:p@127.0.0.1/t") == "rtsps://127.0.0.1/t"


@given(st.text(max_size=60))
def test_any_location_is_an_address_or_refused(location: str) -> None:
    with contextlib.suppress(NotOffered):
        assert target_of("rtsps://127.0.0.1:322/s", location).startswith("rtsps://")


class _Redirecting(_Camera):
    """Sends a REDIRECT request instead of media (RFC 2326, 10.10)."""

    def answer(self, method: str, request: str) -> tuple[int, str, str]:
        self._moved = "/new" in request.split()[1]
        self._url = request.split()[1]
        return super().answer(method, request)

    def frames(self) -> list[bytes]:
        if self._moved:
            return super().frames()
        new = f"REDIRECT {self._url} RTSP/1.0\r\nCSeq: 9\r\nLocation: {self._url}/new\r\n\r\n"
        return [new.encode()]


def test_a_redirect_request_is_answered_and_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devices.links.rtsp.player.FIRST_PACKET_SECONDS", 0.3)
    camera = _Redirecting()
    stream = play(camera, tmp_path)
    assert (stream.outcome, stream.redirected.endswith("/new")) == ("played", True)
    assert "RTSP/1.0 200 OK" in camera.seen


def test_following_gives_the_reason_of_a_first_refusal() -> None:
    def attempt(url: str) -> str:
        raise Unreachable(url)

    with pytest.raises(Unreachable, match="rtsp://x"):
        following("rtsp://x", attempt)


# The HTTP tunnel


def stand_with(stand: Stand, transport: str, **changes: Any) -> DeviceFile:
    """The stand's device file with its main stream over one transport."""
    declared = stand.device.declared
    main = declared.streams[0].model_copy(update={"transports": [transport], **changes})
    return stand.device.model_copy(
        update={"declared": declared.model_copy(update={"streams": [main]})}
    )


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


# Groups


@pytest.mark.parametrize(
    ("form", "transport", "verified"), [("plain", "multicast", None), ("srtp", "srtp-multicast", 0)]
)
def test_a_group_on_the_loopback_is_joined_and_played(
    form: str, transport: str, verified: int | None, tmp_path: Path
) -> None:
    with rtsp_stand(tmp_path, Posture(rtp_multicast=form)) as stand:
        observation = play_streams(access_to(stand_with(stand, transport)), seconds=0.6)
    stream = next(s for s in observation.streams if s.transport == transport)
    assert (stream.outcome, stream.reason) == ("played", "")
    assert re.fullmatch(r"RTP/S?AVP/UDP;multicast", stream.agreed)
    assert stream.wire is not None
    assert stream.wire.carrier == "udp"
    assert stream.beside is not None
    assert stream.beside.rtcp == 1
    if verified is None:
        assert stream.wire.nal_units > 2
        assert stream.beside.rtcp_readable == 1
    else:
        assert stream.wire.nal_units == 0
        assert stream.srtp is not None
        assert (stream.srtp.failed, stream.beside.rtcp_verified) == (0, 1)
    assert stream.pictures is not None
    assert stream.pictures.frames > 2


def test_a_camera_that_gives_unicast_for_a_group_is_said_to(tmp_path: Path) -> None:
    camera = _Camera()
    camera.agreed = "RTP/AVP;unicast;client_port=4000-4001"
    stream = play(camera, tmp_path, "multicast")
    assert (stream.outcome, "is answered with" in stream.reason) == ("refused", True)


@pytest.mark.parametrize(
    "agreed",
    [
        "RTP/AVP;multicast",
        "RTP/AVP;multicast;destination=127.0.0.1;port=5000-5001",
        "RTP/AVP;multicast;destination=239.1.1.1;port=0-1",
        "RTP/AVP;multicast;destination=239.1.1.1;port=70000-70001",
        "RTP/AVP;multicast;destination=nonsense;port=5000-5001",
    ],
)
def test_a_group_that_is_none_is_no_group(agreed: str, tmp_path: Path) -> None:
    camera = _Camera()
    camera.agreed = agreed
    stream = play(camera, tmp_path, "multicast")
    assert (stream.outcome, stream.cause) == ("failed", "garbled")


def test_the_description_says_the_group_when_the_answer_does_not() -> None:
    text = b"v=0\r\nc=IN IP4 239.1.2.3/15\r\nm=video 5004 RTP/AVP 96\r\nc=IN IP4 0.0.0.0\r\n"
    description = sdp.parse(text)
    (media,) = description.video()
    found = multicast.group_of(Transport("AVP", "UDP", {}), media, description)
    assert found == ("239.1.2.3", (5004, 5005))
    assert multicast.groups_of(description) == ["239.1.2.3"]


@given(st.text(max_size=60))
def test_any_connection_line_is_read(line: str) -> None:
    description = sdp.SessionDescription(connections=(line,))
    multicast.groups_of(description)
    with contextlib.suppress(Garbled):
        multicast.group_address(line)


# Broken and hostile


class _Busy(_Camera):
    """503 to the first DESCRIBE: the media of the last session is still going down."""

    def answer(self, method: str, request: str) -> tuple[int, str, str]:
        if method == "DESCRIBE" and sum(m.startswith("DESCRIBE") for m in self.seen) == 1:
            return 503, "", ""
        return super().answer(method, request)


def test_a_server_that_is_busy_for_a_moment_is_asked_again(tmp_path: Path) -> None:
    assert play(_Busy(), tmp_path).outcome == "played"


class _Large(_Camera):
    """A session description of a megabyte."""

    description = "v=0\r\n" + "a=x:" + "y" * 1024 * 1024 + "\r\n"


class _Negative(_Camera):
    def answer(self, method: str, request: str) -> tuple[int, str, str]:
        status, more, body = super().answer(method, request)
        return status, more + "Content-Length: -5\r\n", body


class _Many(_Camera):
    """Too many sections, none of which can be set up."""

    description = "v=0\r\n" + "m=video 0 RTP/SAVP 97\r\n" * 500


@pytest.mark.parametrize("camera", [_Large(), _Negative(), _Many()])
def test_too_much_and_too_little_is_garbled(camera: _Camera, tmp_path: Path) -> None:
    stream = play(camera, tmp_path)
    assert (stream.outcome, stream.cause) == ("failed", "garbled")


def test_a_camera_that_plays_and_stalls_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devices.links.rtsp.player.FIRST_PACKET_SECONDS", 0.2)
    camera = _Camera()
    camera.hangs = True
    camera.frames = lambda: [b"$\x00\xff"]  # type: ignore[method-assign] # half a frame, then nothing
    assert play(camera, tmp_path).outcome == "silent"


def test_endpoints_of_tunnels_are_named_as_people_write_them() -> None:
    assert tunnel.tunnel_target("rtsps://[::1]/a?b=1").url == "https://[::1]:322/a?b=1"
    assert Endpoint("h", 1, encrypted=True).url == "rtsps://h:1"


def test_a_tunnel_whose_http_asks_for_a_login_refuses_a_stranger(tmp_path: Path) -> None:
    """STREAM-004 sets declared streams up over each of their transports, without a login."""
    refused = b'HTTP/1.0 401 No\r\nWWW-Authenticate: Digest realm="r", nonce="n"\r\n\r\n'
    with scripted_server(_answers(refused)) as http, scripted_server(_Camera()) as rtsp:
        url = f"rtsp://127.0.0.1:{rtsp}"
        tunnelled = STREAM | {"tunnel_url": f"http://127.0.0.1:{http}/s"}
        device = device_file(url, tmp_path, streams=[tunnelled], transports=["tunnel"])
        answers = anonymous_answers(access_to(device), []).answers
    (told,) = [answer for answer in answers if answer.method == "SETUP"]
    assert (told.status, told.transport) == (401, "tunnel")
