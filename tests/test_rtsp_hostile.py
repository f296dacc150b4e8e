"""Cameras that nobody tuned the link to: odd, slow, broken and hostile ones."""

from __future__ import annotations

import base64
import itertools
import socket
from pathlib import Path

import pytest
from laboratory import Notes
from rtsp_stand import (
    Handler,
    access_to,
    device_file,
    header,
    read_request,
    scripted_server,
)

from conformance import policy
from conformance.applicability import absence
from conformance.streams.test_access import test_no_stream_without_login as judge_logins
from conformance.streams.test_picture import (
    test_declared_streams_play_as_declared as judge_pictures,
)
from conformance.streams.test_transport import test_rtsp_is_served_inside_tls_only as judge_ports
from conformance.streams.test_transport import (
    test_video_cannot_be_read_off_the_network as judge_wire,
)
from conformance.verdict import Inconclusive
from devices.description import Declared, DeviceFile
from devices.emulated.video.scene import Scene
from devices.emulated.video.source import Encoder, StreamDefinition
from devices.errors import Garbled, LinkError, LoginRefused, OutsideAuthorisation, Unreachable
from devices.links.capture import Capture, Flow
from devices.links.ports.link import PortServices
from devices.links.rtsp import client
from devices.links.rtsp.client import Endpoint, RtspClient, endpoint_of
from devices.links.rtsp.observations import AnonymousAnswers, PlayedStreams
from devices.links.rtsp.probes import anonymous_answers, endpoints
from devices.links.rtsp.streams import play_streams
from devices.protocols.digest import DigestClient
from devices.protocols.h26x import packetise
from devices.protocols.rtp import RtpPacket
from devices.protocols.rtsp import Interleaved

STREAM = {"name": "main", "path": "/s", "codec": "h264", "width": 64, "height": 64}


def _client(port: int, *, encrypted: bool = False) -> RtspClient:
    endpoint = Endpoint("127.0.0.1", port, encrypted)
    return RtspClient(endpoint, "127.0.0.1", login=DigestClient("u", "p"), timeout=0.5)


def _hangs_up(connection: socket.socket) -> None:
    connection.recv(1)
    connection.close()


def _says(answer: bytes) -> Handler:
    def handler(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(answer)
        connection.recv(4096)

    return handler


def _never_ends(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"RTSP/1.0 200 OK\r\n" + b"X" * 60_000)


def _drips(connection: socket.socket) -> None:
    connection.recv(4096)
    while connection.send(b"\r\n"):
        connection.settimeout(0.05)
        try:
            connection.recv(1)
        except TimeoutError:
            continue


@pytest.mark.parametrize(
    "handler",
    [
        _hangs_up,
        _says(b""),
        _says(b"HTTP/1.1 200 OK\r\n\r\n"),
        _says(b"RTSP/1.0 200 OK\r\nContent-Length: 4000000000\r\n\r\n"),
        _says(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 50\r\n\r\nshort"),
        _says(b"RTSP/1.0 200 OK\r\nCSeq: 77\r\n\r\n"),
        _says(b"RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: \x01\x02\r\n\r\n"),
        _says(b"RTSP/1.0 401 Unauthorized\r\n\r\n"),
        _never_ends,
        _drips,
    ],
)
@pytest.mark.parametrize("encrypted", [False, True])
def test_broken_servers_raise_link_errors(handler: Handler, *, encrypted: bool) -> None:
    with (
        scripted_server(handler) as port,
        pytest.raises(LinkError),
        _client(port, encrypted=encrypted) as client,
    ):
        client.request("DESCRIBE", "rtsp://127.0.0.1/s")


def test_closed_port_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable):
        _client(port)


def test_foreign_address_is_not_contacted(tmp_path: Path) -> None:
    access = access_to(device_file("rtsp://192.0.2.1:554", tmp_path))
    with pytest.raises(OutsideAuthorisation):
        access.connect(endpoint_of("rtsp://192.0.2.1:554/live"))


@pytest.mark.parametrize("url", ["http://h/", "rtsp://", "rtsp://h:99999/", "rtsp://[bad/"])
def test_what_is_no_rtsp_url_is_garbled(url: str) -> None:
    with pytest.raises(Garbled):
        endpoint_of(url)


def test_basic_credentials_are_blotted_out_of_the_capture() -> None:
    capture = Capture()
    flow = Flow(("127.0.0.1", 1), ("127.0.0.1", 2))
    token = base64.b64encode(b"viewer:secret")
    capture.tcp(flow, b"DESCRIBE x\r\nAuthorization: Basic " + token + b"\r\n\r\n", outgoing=True)
    assert token not in capture.artefact("x.pcapng").data
    assert b"Authorization: Basic xxxx" in capture.artefact("x.pcapng").data


class _OldCamera:
    """A camera with sound, absolute control URLs, Basic and Digest MD5, that hangs up after 401.

    Its time-out is 2 s; it puts answers without CSeq between its media.
    """

    def __init__(self) -> None:
        self.methods: list[str] = []
        self.busy: dict[str, int] = {}  # how many more times a method is answered 503
        self.unit = b"\x65" + bytes(range(200)) * 10

    def __call__(self, connection: socket.socket) -> None:
        while request := read_request(connection):
            method, url = request.split()[:2]
            self.methods.append(method)
            answer = f"RTSP/1.0 200 OK\r\nCSeq: {header(request, 'CSeq')}\r\n"
            if method != "OPTIONS" and not header(request, "Authorization"):
                connection.sendall(
                    b"RTSP/1.0 401 Unauthorized\r\nCSeq: "
                    + header(request, "CSeq").encode()
                    + b'\r\nWWW-Authenticate: Basic realm="a, b"\r\n'
                    b'WWW-Authenticate: Digest realm="a, b", nonce="1"\r\n\r\n'
                )
                connection.close()
                return
            assert header(request, "Authorization").startswith("Digest ")
            if self.busy.get(method, 0) > 0:
                self.busy[method] -= 1
                answer = answer.replace("200 OK", "503 Service Unavailable")
                connection.sendall(answer.encode() + b"\r\n")
            elif method == "DESCRIBE":
                body = self._description(url)
                answer += f"Content-Base: rtsp://10.9.8.7/s/\r\nContent-Length: {len(body)}\r\n"
                connection.sendall(answer.encode() + b"\r\n" + body)
            elif method == "SETUP":
                self._set_up(connection, request, answer)
            elif method == "PLAY":
                connection.sendall(answer.encode() + b"\r\n")
                self._send_media(connection)
            else:
                connection.sendall(answer.encode() + b"\r\n")

    def _description(self, url: str) -> bytes:
        host = url.split("/")[2]
        return (
            "v=0\r\nm=audio 0 RTP/AVP 0\r\na=control:trackID=1\r\nm=video 0 RTP/AVP 97\r\n"
            f"a=rtpmap:97 H264/90000\r\na=control:rtsp://{host}/s/trackID=2\r\n"
        ).encode()

    def _set_up(self, connection: socket.socket, request: str, answer: str) -> None:
        if "TCP" not in header(request, "Transport") or "trackID=2" not in request:
            answer = answer.replace("200 OK", "461 Unsupported Transport")
        answer += "Transport: RTP/AVP/TCP;unicast;interleaved=8-9\r\nSession: 1;timeout=2\r\n"
        connection.sendall(answer.encode() + b"\r\n")

    def _send_media(self, connection: socket.socket) -> None:
        for number, payload in enumerate(packetise("h264", self.unit, 300) * 20):
            packet = RtpPacket(97, number, 0, 5, payload).to_bytes()
            connection.sendall(Interleaved(8, packet).to_bytes())
            connection.sendall(Interleaved(0, b"sound").to_bytes())


def test_old_camera_is_measured(tmp_path: Path) -> None:
    camera = _OldCamera()
    with scripted_server(camera) as port:
        device = device_file(
            f"rtsp://127.0.0.1:{port}", tmp_path, streams=[STREAM], transports=["interleaved"]
        )
        observation = play_streams(access_to(device), seconds=0.3)
    played = {s.transport: s for s in observation.streams}
    assert played["udp"].status == 461
    stream = played["interleaved"]
    assert (stream.outcome, stream.nal_units, stream.malformed) == ("played", 20, 0)
    assert stream.wire is not None
    assert (stream.wire.carrier, stream.wire.video_share) == ("tcp", 1.0)
    assert stream.wire.nal_units == 20
    assert "GET_PARAMETER" in camera.methods  # half of its time-out had passed


def _played_busy(
    folder: Path, monkeypatch: pytest.MonkeyPatch, **busy: int
) -> tuple[DeviceFile, PlayedStreams]:
    monkeypatch.setattr(client, "BUSY_SECONDS", (0.0, 0.0))
    camera = _OldCamera()
    camera.busy = busy
    with scripted_server(camera) as port:
        url = f"rtsp://127.0.0.1:{port}"
        device = device_file(url, folder, streams=[STREAM], transports=["interleaved"])
        # One connection after the other, so that it is the declared transport that meets 503.
        device = device.model_copy(
            update={"bench": device.bench.model_copy(update={"parallel": 1})}
        )
        return device, play_streams(access_to(device), seconds=0.2)


@pytest.mark.parametrize("method", ["DESCRIBE", "SETUP", "PLAY"])
def test_a_camera_that_is_busy_for_a_moment_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """gst-rtsp-server answers 503 once after another client's SETUP of shared media failed."""
    _, observation = _played_busy(tmp_path, monkeypatch, **{method: 2})
    assert [s.outcome for s in observation.streams] == ["played", "refused"]
    assert observation.complete


@pytest.mark.parametrize("method", ["DESCRIBE", "SETUP", "PLAY"])
def test_a_camera_that_stays_busy_is_not_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Nor does a 503 count as the refusal of media in the clear."""
    device, observation = _played_busy(tmp_path, monkeypatch, **{method: 99})
    assert (observation.streams[0].outcome, observation.streams[0].cause) == ("failed", "busy")
    assert "503 Service Unavailable 3 times" in observation.shortfall
    with pytest.raises(Inconclusive, match="busy, or broken") as undecided:
        judge_pictures(observation, device, policy.load)
    assert undecided.value.cause == "busy"
    with pytest.raises(Inconclusive):
        judge_wire(observation, policy.load, Notes())


class _SloppyCamera(_OldCamera):
    """Leaves out of its Transport header that media comes inside the connection."""

    def _set_up(self, connection: socket.socket, request: str, answer: str) -> None:
        told = "RTP/AVP;unicast;interleaved=8-9"
        if "TCP" not in header(request, "Transport"):
            answer, told = answer.replace("200 OK", "461 No"), header(request, "Transport")
        connection.sendall(f"{answer}Transport: {told}\r\nSession: 1\r\n\r\n".encode())


def test_channels_without_the_word_tcp_are_tcp(tmp_path: Path) -> None:
    with scripted_server(_SloppyCamera()) as port:
        device = device_file(
            f"rtsp://127.0.0.1:{port}", tmp_path, streams=[STREAM], transports=["interleaved"]
        )
        observation = play_streams(access_to(device), seconds=0.2)
    (stream,) = [s for s in observation.streams if s.declared]
    assert (stream.outcome, stream.reason, stream.nal_units) == ("played", "", 20)


class _LateEncoder(_OldCamera):
    """Its encoder has just started: the first viewer gets one picture, then nothing for long."""

    def __init__(self) -> None:
        super().__init__()
        encoder = Encoder(StreamDefinition("/s", "h264", 64, 64))
        scene = Scene(64, 64, "1", "moving")
        self._pictures = [
            unit
            for number in range(12)
            for unit in encoder.encode(scene.at(number), 0, keyframe=number == 0)
        ]

    def _send_media(self, connection: socket.socket) -> None:
        first = self.methods.count("PLAY") == 1
        numbers = itertools.count()
        for at, picture in enumerate(self._pictures[: 1 if first else None]):
            payloads = [p for unit in picture.units for p in packetise("h264", unit, 300)]
            for payload in payloads:
                packet = RtpPacket(97, next(numbers), 7500 * at, 5, payload).to_bytes()
                connection.sendall(Interleaved(8, packet).to_bytes())


def test_few_pictures_are_looked_at_again_for_longer(tmp_path: Path) -> None:
    camera = _LateEncoder()
    with scripted_server(camera) as port:
        device = device_file(
            f"rtsp://127.0.0.1:{port}", tmp_path, streams=[STREAM], transports=["interleaved"]
        )
        observation = play_streams(access_to(device), seconds=0.2)
    (stream,) = [s for s in observation.streams if s.declared]
    assert camera.methods.count("PLAY") == 2
    assert stream.pictures is not None
    assert stream.pictures.frames == 12


class _SavpOnly:
    """Guards DESCRIBE alone, and turns away what is no SRTP before it looks at a login."""

    def __init__(self, *, guarded: bool) -> None:
        self._guarded = guarded

    def __call__(self, connection: socket.socket) -> None:
        while request := read_request(connection):
            method = request.split()[0]
            status, more, body = 200, "", ""
            if method == "SETUP" and "SAVP" not in header(request, "Transport"):
                status = 461
            elif (method == "DESCRIBE" or self._guarded) and 'username="viewer"' not in request:
                status, more = 401, 'WWW-Authenticate: Digest realm="r", nonce="n"\r\n'
            elif method == "DESCRIBE":
                body = "v=0\r\nm=video 0 RTP/SAVP 97\r\na=rtpmap:97 H264/90000\r\n"
            connection.sendall(
                f"RTSP/1.0 {status} X\r\nCSeq: {header(request, 'CSeq')}\r\nSession: 1\r\n{more}"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )


def _answers_of(camera: Handler, folder: Path, *transports: str) -> AnonymousAnswers:
    with scripted_server(camera) as port:
        url = f"rtsp://127.0.0.1:{port}"
        device = device_file(url, folder, streams=[STREAM], transports=list(transports))
        found = anonymous_answers(access_to(device), [])
    assert found.complete, found.shortfall
    return found


def test_a_stream_is_set_up_over_its_declared_transports(tmp_path: Path) -> None:
    found = _answers_of(_SavpOnly(guarded=False), tmp_path, "srtp-interleaved", "srtp-udp")
    given = [(a.method, a.transport) for a in found.answers if a.status != 401]
    assert given == [
        ("SETUP", "srtp-interleaved"),
        ("PLAY", "srtp-interleaved"),
        ("SETUP", "srtp-udp"),
        ("PLAY", "srtp-udp"),
    ]
    with pytest.raises(AssertionError, match="PLAY rtsp://"):
        judge_logins(found)
    judge_logins(_answers_of(_SavpOnly(guarded=True), tmp_path, "srtp-interleaved", "srtp-udp"))


def test_a_transport_turned_away_is_no_refusal_of_a_stranger(tmp_path: Path) -> None:
    found = _answers_of(_SavpOnly(guarded=True), tmp_path, "srtp-udp", "interleaved")
    with pytest.raises(Inconclusive, match="over interleaved without a login is answered 461"):
        judge_logins(found)


def _options(connection: socket.socket) -> None:
    while request := read_request(connection):
        answer = f"RTSP/1.0 200 OK\r\nCSeq: {header(request, 'CSeq')}\r\nPublic: DESCRIBE\r\n\r\n"
        connection.sendall(answer.encode())


def _service(port: int, protocol: str = "rtsp") -> dict[str, object]:
    names = {"name": "old recorders", "purpose": "video", "protocol": protocol}
    return {**names, "host": "127.0.0.1", "port": port, "encrypted": protocol == "rtsps"}


@pytest.mark.parametrize("streams", [[], [STREAM]])
def test_a_declared_rtsp_service_is_asked_on_its_own_port(
    tmp_path: Path, streams: list[dict[str, object]]
) -> None:
    """Whether or not a stream is declared, and on another port than the streams'."""
    with scripted_server(_hangs_up) as gone, scripted_server(_options) as port:
        declared = device_file(f"rtsps://127.0.0.1:{gone}", tmp_path, streams=[STREAM])
        services = {"services": [_service(port)], "streams": streams and declared.declared.streams}
        device = declared.model_copy(
            update={"declared": Declared.model_validate(services, from_attributes=True)}
        )
        found = endpoints(access_to(device), [])
        assert absence(device, "STREAM-002", ("rtsp",)) == ""
    with pytest.raises(AssertionError, match=f"port {port} answers RTSP without TLS"):
        judge_ports(found, PortServices(address="127.0.0.1", services=()))


def test_a_silent_rtsp_service_is_a_shortfall(tmp_path: Path) -> None:
    with scripted_server(_hangs_up) as port:
        device = device_file("rtsp://127.0.0.1:1", tmp_path, streams=[STREAM])
        declared = Declared.model_validate({"services": [_service(port, "rtsps")]})
        found = endpoints(access_to(device.model_copy(update={"declared": declared})), [])
    assert f"127.0.0.1 port {port}" in found.shortfall


def test_endless_refusals_are_a_shortfall_not_a_pass(tmp_path: Path) -> None:
    with scripted_server(_hangs_up) as port:
        access = access_to(device_file(f"rtsp://127.0.0.1:{port}", tmp_path, streams=[STREAM]))
        answers = anonymous_answers(access, ["/a", "/b"])
        streams = play_streams(access, seconds=0.1)
    assert "3 of 3 paths gave no answer" in answers.shortfall
    assert {s.outcome for s in streams.streams} == {"failed"}
    assert not streams.complete


def test_refused_login_says_so() -> None:
    answer = b'RTSP/1.0 401 No\r\nWWW-Authenticate: Digest realm="r", nonce="n"\r\n\r\n'

    def refuses(connection: socket.socket) -> None:
        while read_request(connection):
            connection.sendall(answer)

    with scripted_server(refuses) as port, _client(port) as client, pytest.raises(LoginRefused):
        client.request("DESCRIBE", "rtsp://127.0.0.1/s")
