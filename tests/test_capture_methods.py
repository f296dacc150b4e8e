"""How a bench records: the method asked for, the one chosen, and what a recording proxy keeps."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from rtsp_stand import access_to, rtsp_stand

from camproof import bench_findings
from camproof.finding import FAULT, READY
from devices.description import DeviceFile
from devices.emulated.posture import Posture
from devices.errors import BenchError, Unreachable
from devices.links.capture import Capture, Flow, method
from devices.links.capture.frames import observed_frames
from devices.links.capture.method import Captures, choose, in_user_namespace
from devices.links.rtsp.observations import PlayedStreams
from devices.links.rtsp.streams import play_streams
from devices.links.rtsp.wire import RtspWire
from devices.protocols import pcapng
from devices.protocols.ip_packet import ACK, TCP, IpPacket


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A bench that may take packets, or not, inside a user namespace, or not."""
    possible, inside = request.param
    monkeypatch.setattr(method, "permitted", lambda: possible)
    monkeypatch.setattr(method, "in_user_namespace", lambda: inside)


@pytest.mark.parametrize(
    ("bench", "asked", "chosen"),
    [
        ((False, False), "auto", "proxy"),
        ((True, False), "auto", "packets"),
        ((True, True), "auto", "namespace"),
        ((True, False), "packets", "packets"),
        ((True, True), "packets", "packets"),
        ((True, True), "namespace", "namespace"),
        ((True, False), "proxy", "proxy"),
        ((False, False), "sockets", "sockets"),
    ],
    indirect=["bench"],
)
@pytest.mark.usefixtures("bench")
def test_the_method_is_the_one_asked_for_or_the_first_possible(asked: str, chosen: str) -> None:
    found = choose(asked)
    assert found.name == chosen
    assert ("auto" in str(found)) == (asked == "auto")


@pytest.mark.parametrize(
    ("bench", "asked", "advice"),
    [
        ((False, False), "packets", "CAP_NET_RAW"),
        ((False, False), "namespace", "unshare -Urn"),
        ((True, False), "namespace", "camproof demo --capture namespace"),
        ((False, True), "namespace", "unshare -Urn"),
    ],
    indirect=["bench"],
)
@pytest.mark.usefixtures("bench")
def test_a_method_that_is_not_possible_says_what_it_takes(asked: str, advice: str) -> None:
    with pytest.raises(BenchError, match=advice):
        choose(asked)


@pytest.mark.parametrize(
    ("text", "inside"),
    [("         0          0 4294967295\n", False), ("0 1000 1\n", True), ("0 0 1\n", True)],
)
def test_a_user_namespace_is_told_by_its_map(tmp_path: Path, text: str, *, inside: bool) -> None:
    (tmp_path / "uid_map").write_text(text)
    assert in_user_namespace(tmp_path / "uid_map") is inside
    assert in_user_namespace(tmp_path / "none") is False


def recorded_by(device: DeviceFile, asked: str) -> DeviceFile:
    content = device.model_dump(mode="json", by_alias=True)
    content["bench"]["capture"] = {"method": asked}
    return DeviceFile.model_validate(content)


def play(tmp_path: Path, posture: Posture) -> PlayedStreams:
    with rtsp_stand(tmp_path, posture) as stand:
        device = recorded_by(stand.device, "proxy")
        content = device.model_dump(mode="json", by_alias=True)
        content["declared"]["streams"] = content["declared"]["streams"][:1]
        return play_streams(access_to(DeviceFile.model_validate(content)), 0.6, "STREAM-003")


def test_streams_are_played_through_the_proxy_and_frames_are_cited(tmp_path: Path) -> None:
    played = play(tmp_path, Posture())
    assert played.recorded.startswith("proxy: ")
    assert played.complete, played.shortfall
    files = {artefact.name: artefact.data for artefact in played.artefacts}
    for stream in played.streams:
        if stream.outcome != "played":
            continue
        assert stream.cited is not None
        assert 0 < stream.cited.first <= stream.cited.last
        kept = pcapng.read(files[stream.cited.file])
        assert kept.interface == "proxy"
        assert len(kept.packets) == stream.cited.frames
        assert "STREAM-003" in kept.packets[stream.cited.first - 1].comment


def test_readable_video_is_cited_in_what_the_proxy_saw(tmp_path: Path) -> None:
    played = play(tmp_path, Posture(rtp_plain_udp=True))
    (leak,) = (s for s in played.streams if s.transport == "udp" and s.outcome == "played")
    assert leak.cited is not None
    assert leak.cited.readable > 0


def test_what_the_proxy_keeps_is_what_went_over_the_network() -> None:
    """The other side says what it got; secrets of plain text are blotted out in the capture."""
    got = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"x" * 200_000)
                while data := connection.recv(4096):
                    got.extend(data)

        camera = threading.Thread(target=serve)
        camera.start()
        capture = Capture(proxied=True)
        wire = RtspWire(*server.getsockname(), encrypted=False, capture=capture, timeout=10)
        read = b""
        while len(read) < 200_000:
            read += wire.receive(_soon())
        wire.send(b"DESCRIBE x RTSP/1.0\r\nAuthorization: Basic c2VjcmV0\r\n\r\n", _soon())
        wire.close()
        camera.join(10)
    assert bytes(got).endswith(b"Basic c2VjcmV0\r\n\r\n")
    frames = capture.frozen().frames
    assert b"".join(f.payload for f in frames if not f.packet.outgoing) == read
    sent = b"".join(f.payload for f in frames if f.packet.outgoing)
    assert sent == bytes(got).replace(b"c2VjcmV0", b"x" * 8)
    assert {f.flow.remote for f in frames} == {(wire.address, wire.port)}


def _soon() -> float:
    return time.monotonic() + 10


def test_a_camera_that_is_not_there_is_unreachable_by_the_proxy_too() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        gone = free.getsockname()
    with pytest.raises(Unreachable, match="refused"):
        RtspWire(*gone, encrypted=False, capture=Capture(proxied=True), timeout=5)


def test_a_camera_that_hangs_up_is_heard_through_the_proxy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        capture = Capture(proxied=True)
        wire = RtspWire(*server.getsockname(), encrypted=False, capture=capture, timeout=5)
        connection, _ = server.accept()
        connection.sendall(b"bye")
        connection.close()
        assert wire.receive(_soon()) == b"bye"
        assert wire.receive(_soon()) == b""
        wire.close()


def test_packets_of_the_kernel_are_kept_without_what_is_secret() -> None:
    class Seen:
        description = "packets: of a test"

        def packets(self) -> list[tuple[float, bytes]]:
            here, there = ("192.0.2.1", 40000), ("192.0.2.7", 554)
            asked = b"DESCRIBE x RTSP/1.0\r\nAuthorization: Basic c2VjcmV0\r\n\r\n"
            return [(1.0, IpPacket(here, there, TCP, asked, 1, 1, ACK).to_bytes())]

    capture = Capture(Seen())  # type: ignore[arg-type]
    flow = Flow(("192.0.2.1", 40000), ("192.0.2.7", 554))
    capture.tcp(flow, b"asked", outgoing=True)
    (frame,) = capture.frozen().frames
    assert b"c2VjcmV0" not in frame.packet.data
    assert frame.packet.data.endswith(b"Basic xxxxxxxx\r\n\r\n")
    assert len(observed_frames([(1.0, frame.packet.data)], {(flow, TCP)})) == 1


def test_captures_by_packets_need_their_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(method, "permitted", lambda: False)
    with ExitStack() as stack, pytest.raises(BenchError, match="asks for packets"):
        Captures("packets", lambda: "127.0.0.1", stack)
    with ExitStack() as stack:
        captures = Captures("auto", lambda: "127.0.0.1", stack)
        assert captures.new(Capture).frozen().source.startswith("proxy: ")


def test_doctor_says_which_method_is_used_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(method, "permitted", lambda: False)
    with rtsp_stand(tmp_path) as stand:
        device = stand.device

    def said(asked: str) -> tuple[str, str]:
        finding = bench_findings._capture(recorded_by(device, asked))
        return finding.state, finding.detail

    state, detail = said("auto")
    assert (state, detail.partition(":")[0]) == (READY, "proxy")
    assert "CAP_NET_RAW" in detail
    assert said("sockets")[0] == said("proxy")[0] == READY
    assert said("packets")[0] == said("namespace")[0] == FAULT


ENTER = """
import socket
from devices.links.capture import namespace
from devices.links.capture.method import choose
namespace.enter()
with socket.create_server(("127.0.0.9", 0)) as server:
    socket.create_connection(server.getsockname()).close()
print(choose("namespace").name, choose("auto").name, choose("packets").name)
"""


def test_a_process_enters_a_network_of_its_own() -> None:
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-Urn", "true"], check=False).returncode:
        pytest.skip("this machine allows no user namespace with a network")
    done = subprocess.run(
        [sys.executable, "-c", ENTER], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["namespace", "namespace", "packets"]
