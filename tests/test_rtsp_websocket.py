"""RTSP in a WebSocket: played, judged, looked for, and put before servers that do otherwise."""

from __future__ import annotations

import queue
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laboratory import Notes
from rtsp_stand import access_to, header, read_request, scripted_server
from websocket_stand import SocketStand, socket_stand

from conformance import policy
from conformance.streams.test_access import test_no_stream_without_login as judge_logins
from conformance.streams.test_picture import (
    test_declared_streams_play_as_declared as judge_pictures,
)
from conformance.streams.test_transport import test_rtsp_is_served_inside_tls_only as judge_ports
from conformance.streams.test_transport import (
    test_video_cannot_be_read_off_the_network as judge_wire,
)
from conformance.streams.test_websocket import (
    test_every_websocket_with_rtsp_is_declared as judge_declared,
)
from conformance.streams.test_websocket import (
    test_no_websocket_around_tls_or_login as judge_ways,
)
from conformance.verdict import Inconclusive
from devices.description import DeviceFile, Stream
from devices.errors import Garbled, LinkError, LoginRefused, NotOffered, TimedOut, Unreachable
from devices.links.capture import Capture
from devices.links.ports.fingerprint import NamedService
from devices.links.ports.link import PortServices
from devices.links.rtsp.client import Endpoint
from devices.links.rtsp.doors import doors
from devices.links.rtsp.endings import endings
from devices.links.rtsp.probes import anonymous_answers, endpoints
from devices.links.rtsp.refusals import refusals
from devices.links.rtsp.streams import play_streams
from devices.links.rtsp.websocket import SUBPROTOCOL, WebSocketWire, websocket_target
from devices.links.rtsp.websockets import (
    AnnouncedWebSockets,
    WebSocketAnswer,
    WebSocketAnswers,
    websocket_answers,
)
from devices.protocols import websocket
from devices.protocols.digest import DigestClient

PATHS = ["/rtsp-over-websocket", "/"]


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SocketStand]:
    with socket_stand(tmp_path_factory.mktemp("socket")) as running:
        yield running


def asked(device: DeviceFile, *announced: str) -> WebSocketAnswers:
    access = access_to(device)
    found = doors(device, access.host, PortServices(address=access.host, services=()))
    return websocket_answers(access, found, PATHS, AnnouncedWebSockets(announced))


def test_inside_tls_it_plays_and_nothing_is_readable(stand: SocketStand) -> None:
    device = stand.declared(transports=["interleaved", "websocket"])
    played = play_streams(access_to(device), seconds=1.2, cited_by="STREAM-003")
    (one,) = [s for s in played.streams if s.transport == "websocket"]
    assert (one.outcome, one.tls_version[:3], one.lost) == ("played", "TLS", 0)
    assert one.wire is not None
    assert (one.wire.carrier, one.wire.nal_units) == ("tls", 0)
    judge_pictures(played, device, policy.load)
    judge_wire(played, policy.load, Notes())


def test_in_clear_its_video_is_read_and_cited(stand: SocketStand) -> None:
    device = stand.declared(websocket_url=stand.plain_socket)
    played = play_streams(access_to(device), seconds=1.0, cited_by="STREAM-003")
    (one,) = [s for s in played.streams if s.transport == "websocket"]
    assert one.outcome == "played"
    assert one.cited is not None
    assert one.cited.readable
    with pytest.raises(AssertionError, match=r"over websocket: \d+ NAL units were read"):
        judge_wire(played, policy.load, Notes())


def test_a_stream_in_a_websocket_alone_is_asked_there(stand: SocketStand) -> None:
    """Its rtsps address stands for the WebSocket: nothing listens for RTSP itself."""
    content = stand.declared().model_dump(mode="json", by_alias=True)
    (stream,) = content["declared"]["streams"]
    stream |= {"url": stream["url"].replace(":8322", ":8443")}
    device = DeviceFile.model_validate(content)
    access = access_to(device)
    found = endpoints(access, [])
    told = {(e.port, e.encrypted): e.speaks_rtsp for e in found.endpoints}
    assert told == {(8443, True): True, (8443, False): False}
    services = (NamedService(8443, "https"),)
    judge_ports(found, PortServices(address="127.0.0.1", services=services))
    answers = anonymous_answers(access, ["/live/other"])
    judge_logins(answers)
    assert {a.transport for a in answers.answers if a.method == "SETUP"} == {"websocket"}
    kinds = {(a.transport, a.kind, a.status) for a in refusals(access).answers}
    assert ("websocket", "no login", 401) in kinds
    (ending,) = endings(access).endings
    assert (ending.transport, ending.status, ending.before > 0) == ("websocket", 200, True)


def test_a_camera_with_what_is_declared_passes(stand: SocketStand) -> None:
    found = asked(stand.declared())
    device = stand.declared(websocket_url=stand.socket)
    told = {a.url: a for a in found.answers if a.speaks_rtsp}
    encrypted = replace(found, answers=tuple(a for a in found.answers if a.encrypted))
    judge_ways(encrypted)
    judge_declared(encrypted, device)
    assert dict(told[stand.socket].requests)["DESCRIBE"] == 401


def test_plaintext_and_what_is_not_declared_fail(stand: SocketStand) -> None:
    found = asked(stand.declared())
    with pytest.raises(AssertionError, match=r"ws://\S+ opens a WebSocket without TLS"):
        judge_ways(found)
    with pytest.raises(AssertionError, match=r"ws://\S+ \(published\) .* is not declared"):
        judge_declared(found, stand.declared())
    direct = stand.declared(transports=["interleaved"], websocket_url=None)
    found = asked(direct, stand.socket)
    with pytest.raises(AssertionError, match=r"wss://\S+ \(announced\) .* is not declared"):
        judge_declared(found, direct)


def test_what_needs_no_login_fails(tmp_path: Path) -> None:
    with socket_stand(tmp_path, anonymous=True) as open_stand:
        found = asked(open_stand.declared())
    encrypted = replace(found, answers=tuple(a for a in found.answers if a.encrypted))
    with pytest.raises(AssertionError, match="DESCRIBE, SETUP, PLAY in the WebSocket is granted"):
        judge_ways(encrypted)


# Judged


def answer(**facts: Any) -> WebSocketAnswer:
    blank = {"url": "wss://192.0.2.1:443/s", "port": 443, "encrypted": True, "path": "/s"}
    return WebSocketAnswer(**{**blank, "source": "published", "login": "none", **facts})


REFUSED = (("OPTIONS", 200), ("DESCRIBE", 401), ("SETUP", 401))
GONE = answer(status=404)


@pytest.mark.parametrize(
    ("found", "cause"),
    [
        ([], "unreachable"),
        ([answer(cause="unreachable", problem="refused")], "unreachable"),
        ([GONE, answer(source="declared", cause="timeout", problem="stalls")], "timeout"),
        ([GONE, answer(source="announced", cause="not-authorised", problem="x")], "not-authorised"),
    ],
)
def test_without_answers_nothing_is_passed(found: list[WebSocketAnswer], cause: str) -> None:
    device = declaring()
    for judge in (judge_ways, lambda answers: judge_declared(answers, device)):
        with pytest.raises(Inconclusive) as undecided:
            judge(WebSocketAnswers(answers=tuple(found)))
        assert undecided.value.cause == cause


def declaring(*streams: Stream) -> DeviceFile:
    """What the judges read of a device file."""
    return cast("DeviceFile", SimpleNamespace(declared=SimpleNamespace(streams=streams)))


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (answer(status=101, opened=True, agreed=True, problem="silent"), "answers nothing: silent"),
        (answer(status=101, opened=True, requests=(*REFUSED[:1], ("DESCRIBE", 404))), "404"),
        (answer(status=101, opened=True, requests=REFUSED, problem="cut"), "not every request"),
    ],
)
def test_what_does_not_show_a_login_is_left_open(found: WebSocketAnswer, says: str) -> None:
    with pytest.raises(Inconclusive, match=says):
        judge_ways(WebSocketAnswers(answers=(found,)))


def test_a_websocket_of_another_kind_is_no_finding() -> None:
    other = answer(status=101, opened=True, problem="silent", encrypted=False)
    found = WebSocketAnswers(answers=(GONE, other, answer(cause="garbled")))
    judge_ways(found)
    judge_declared(found, declaring())


def test_a_server_that_takes_any_path_counts_once() -> None:
    told = {"status": 101, "opened": True, "requests": REFUSED}
    every = [answer(path=path, **told) for path in ("/a", "/b")]
    every.append(answer(path="/x", source="made up", **told))
    found = WebSocketAnswers(answers=tuple(every))
    stream = Stream(
        name="s", url="rtsps://192.0.2.1:443/s", codec="h264", width=1, height=1,
        transports=["websocket"], websocket_url="wss://192.0.2.1/a",
    )  # fmt: skip
    judge_declared(found, declaring(stream))
    nothing = declaring()
    with pytest.raises(AssertionError) as failed:
        judge_declared(found, nothing)
    assert str(failed.value).count("is not declared") == 1
    paths = WebSocketAnswers(answers=(*every[:2], GONE))
    with pytest.raises(AssertionError) as failed:
        judge_declared(paths, declaring(stream))
    assert str(failed.value).count("is not declared") == 1


def test_a_guarded_path_beside_others_is_left_open() -> None:
    device = declaring()
    guarded = answer(status=401, url="wss://192.0.2.1/g", path="/g")
    found = WebSocketAnswers(answers=(answer(status=404, source="made up"), guarded))
    with pytest.raises(Inconclusive, match="there may be RTSP"):
        judge_declared(found, device)
    everything = WebSocketAnswers(answers=(answer(status=401, source="made up"), guarded))
    judge_declared(everything, device)


# Servers


def upgraded(more: Callable[[socket.socket], None], *fields: str) -> Callable[..., None]:
    """A server that opens the WebSocket, and then does ``more``."""

    def handler(connection: socket.socket) -> None:
        request = read_request(connection)
        accept = websocket.accept_of(header(request, "Sec-WebSocket-Key"))
        lines = ["HTTP/1.1 101 Switching", f"Sec-WebSocket-Accept: {accept}", *fields, "", ""]
        connection.sendall("\r\n".join(lines).encode())
        more(connection)

    return handler


def wire_to(port: int, login: DigestClient | None = None, timeout: float = 5) -> WebSocketWire:
    target = websocket_target(f"ws://127.0.0.1:{port}/s?x=1")
    return WebSocketWire(target, "127.0.0.1", login=login, capture=Capture(), timeout=timeout)


def received(port: int, size: int) -> bytes:
    wire = wire_to(port)
    data = b""
    try:
        while len(data) < size and (more := wire.receive(time.monotonic() + 5)):
            data += more
    finally:
        wire.close()
    return data


def test_messages_in_any_pieces_are_one_stream() -> None:
    pongs: queue.Queue[bytes] = queue.Queue()

    def talk(connection: socket.socket) -> None:
        stream = b"\x02\x02ab" + websocket.to_frame(websocket.PING, b"p") + b"\x80\x01c"
        stream += websocket.to_frame(websocket.TEXT, b"de") + websocket.to_frame(2, b"f", b"mask")
        for at in range(len(stream)):
            connection.sendall(stream[at : at + 1])
        reader = websocket.Reader()
        while pongs.empty():
            for message in reader.feed(connection.recv(4096)):
                pongs.put(message.payload if message.opcode == websocket.PONG else b"")

    with scripted_server(upgraded(talk, f"Sec-WebSocket-Protocol: {SUBPROTOCOL}")) as port:
        assert received(port, 6) == b"abcdef"
        assert pongs.get(timeout=5) == b"p"


def test_what_comes_with_the_answer_is_not_lost() -> None:
    def handler(connection: socket.socket) -> None:
        key = header(read_request(connection), "Sec-WebSocket-Key")
        head = f"HTTP/1.1 101 OK\r\nSec-WebSocket-Accept: {websocket.accept_of(key)}\r\n\r\n"
        connection.sendall(head.encode() + websocket.to_frame(2, b"early"))
        connection.recv(1)

    with scripted_server(handler) as port:
        assert received(port, 5) == b"early"


def test_the_request_is_that_of_the_specification() -> None:
    requests: list[str] = []

    def handler(connection: socket.socket) -> None:
        requests.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 404 No\r\n\r\n")

    with scripted_server(handler) as port, pytest.raises(NotOffered, match="404"):
        wire_to(port)
    (request,) = requests
    assert request.startswith("GET /s?x=1 HTTP/1.1\r\n")
    told = {name: header(request, name) for name in ("Upgrade", "Connection", "Host")}
    assert told == {"Upgrade": "websocket", "Connection": "Upgrade", "Host": f"127.0.0.1:{port}"}
    assert header(request, "Sec-WebSocket-Protocol") == "rtsp.onvif.org"
    assert re.fullmatch(r"[A-Za-z0-9+/]{22}==", header(request, "Sec-WebSocket-Key"))


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"HTTP/1.1 101 OK\r\nSec-WebSocket-Accept: wrong\r\n\r\n", Garbled),
        (b"HTTP/1.1 101 OK\r\n\r\n", Garbled),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", NotOffered),
        (b"HTTP/1.1 403 No\r\n\r\n", LoginRefused),
        (b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="r"\r\n\r\n', LoginRefused),
        (b"HTTP/1.1 401 No\r\nWWW-Authenticate: Digest\r\n\r\n", LoginRefused),
        (b"RTSP/1.0 400 Bad\r\n\r\n", Garbled),
        (b"HTTP/1.1 200 " + 40_000 * b"x", Garbled),
        (b"HTTP/1.1 101 O", Unreachable),
        (b"", Unreachable),
    ],
)
def test_an_answer_that_opens_nothing_says_why(reply: bytes, error: type[LinkError]) -> None:
    def handler(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(reply)
        connection.shutdown(socket.SHUT_RDWR)

    with scripted_server(handler) as port, pytest.raises(error):
        wire_to(port, DigestClient("viewer", "secret"))


def test_a_server_that_stalls_is_not_waited_for() -> None:
    def handler(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.recv(1)

    with scripted_server(handler) as port, pytest.raises(TimedOut):
        wire_to(port, timeout=0.2)


def test_a_login_of_http_is_given_by_digest() -> None:
    requests: list[str] = []

    def handler(connection: socket.socket) -> None:
        requests.append(read_request(connection))
        key = header(requests[-1], "Sec-WebSocket-Key")
        if header(requests[-1], "Authorization"):
            accept = websocket.accept_of(key)
            head = f"HTTP/1.1 101 OK\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        else:
            head = 'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="r", nonce="n"\r\n\r\n'
        connection.sendall(head.encode())
        connection.recv(1)

    with scripted_server(handler) as port:
        wire = wire_to(port, DigestClient("viewer", "secret"))
        wire.close()
    assert "secret" not in requests[-1]
    assert header(requests[-1], "Authorization").startswith("Digest ")


@pytest.mark.parametrize(
    ("frames", "ending"),
    [
        (websocket.to_frame(websocket.CLOSE, b"\x03\xe8"), b""),
        (b"\x80\x01x", Garbled),  # a continuation of nothing
        (b"\x82\xff" + 8 * b"\xff", Garbled),  # 2**64 - 1 bytes
        (b"\xf2\x01x", Garbled),
        (b"RTSP/1.0 200 OK\r\n\r\n", Garbled),
        (b"\x82\x05ab", b""),  # and the end of the connection
    ],
)
def test_frames_end_or_are_garbled(frames: bytes, ending: Any) -> None:
    def talk(connection: socket.socket) -> None:
        connection.sendall(frames)
        connection.shutdown(socket.SHUT_WR)

    with scripted_server(upgraded(talk)) as port:
        if ending == b"":
            assert received(port, 100) == b""
        else:
            with pytest.raises(ending):
                received(port, 100)


@pytest.mark.parametrize("more", [b"", b"\x82\x04nono", 3 * b"\x00\x00\x00\x01\x65\x88"])
def test_a_websocket_in_which_nothing_answers_speaks_no_rtsp(
    more: bytes, stand: SocketStand
) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(more)
        connection.shutdown(socket.SHUT_RDWR)

    with scripted_server(upgraded(talk)) as port:
        access = access_to(stand.declared())
        where = [Endpoint("127.0.0.1", port, encrypted=False)]
        found = websocket_answers(access, where, ["/s"], AnnouncedWebSockets())
    (one,) = [a for a in found.answers if a.port == port and a.path == "/s"]
    assert (one.opened, one.speaks_rtsp) == (True, False)
    assert one.problem


# Any bytes


@given(st.binary(max_size=400), st.integers(0, 400))
def test_who_listens_in_reads_any_bytes(data: bytes, cut: int) -> None:
    reader = websocket.Reader()
    read = reader.data(data[:cut]) + reader.data(data[cut:])
    assert len(read) <= len(data)


@given(st.lists(st.tuples(st.binary(max_size=70_000), st.booleans()), max_size=4), st.data())
def test_who_listens_in_reads_what_is_said(
    said: list[tuple[bytes, bool]], data: st.DataObject
) -> None:
    frames = [
        websocket.to_frame(websocket.BINARY, payload, b"mask" if masked else b"")
        for payload, masked in said
    ]
    stream = b"".join([*frames[:1], websocket.to_frame(websocket.PING, b"?"), *frames[1:]])
    cut = data.draw(st.integers(0, len(stream)))
    reader = websocket.Reader()
    read = reader.data(stream[:cut]) + reader.data(stream[cut:])
    assert read == b"".join(payload for payload, _ in said)


# Declared


def test_a_websocket_with_rtsp_in_it_is_a_way_of_an_rtsp_stream() -> None:
    common = {"name": "s", "codec": "h264", "width": 1, "height": 1, "subprotocol": SUBPROTOCOL}
    stream = Stream.model_validate(common | {"url": "wss://192.0.2.1/ws?a=1"})
    assert (stream.url, stream.websocket_url, stream.transports) == (
        "rtsps://192.0.2.1:443/ws?a=1",
        "wss://192.0.2.1/ws?a=1",
        ["websocket"],
    )
    assert Stream.model_validate(stream.model_dump()) == stream
    plain = Stream.model_validate(common | {"url": "ws://[2001:db8::1]:8080/ws"})
    assert plain.url == "rtsp://[2001:db8::1]:8080/ws"
    for wrong in (
        {"url": "rtsps://192.0.2.1/s", "transports": ["websocket"]},
        {"url": "rtsps://192.0.2.1/s", "websocket_url": "wss://192.0.2.1/"},
        {
            "url": "rtsps://192.0.2.1/s",
            "transports": ["websocket"],
            "websocket_url": "https://192.0.2.1/",
        },
    ):
        with pytest.raises(ValueError, match="websocket"):
            Stream.model_validate(common | wrong)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("wss://192.0.2.1/a?b=c", "wss://192.0.2.1:443/a?b=c"),
        ("ws://[2001:db8::1]", "ws://[2001:db8::1]:80/"),
        ("https://192.0.2.1:8443/a", "wss://192.0.2.1:8443/a"),
        ("HTTP://camera/a", "ws://camera:80/a"),
    ],
)
def test_targets_are_read(url: str, shown: str) -> None:
    assert websocket_target(url).url == shown


@pytest.mark.parametrize("url", ["", "ftp://x/", "wss://", "wss://x:y/", "/relative"])
def test_what_is_no_target_is_garbled(url: str) -> None:
    with pytest.raises(Garbled):
        websocket_target(url)
