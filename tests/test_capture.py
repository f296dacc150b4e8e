"""Captures: files that say where each byte went, and frames that can be found again."""

from __future__ import annotations

import json
import shutil
import socket
import struct
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import Garbled
from devices.links.capture import MAX_BYTES, Capture, Flow
from devices.links.capture.frames import observed_frames
from devices.links.capture.proxy import RecordingProxy
from devices.links.capture.sniffer import host_filter
from devices.protocols import ip_packet, pcapng
from devices.protocols.ip_packet import ACK, PSH, SYN, TCP, UDP, IpPacket
from devices.protocols.pcapng import CapturedPacket, CaptureFile

HERE, THERE = ("192.0.2.1", 40000), ("192.0.2.7", 322)
FLOW = Flow(HERE, THERE)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30).map(lambda t: t.strip("\0"))
PACKETS = st.builds(
    lambda micros, data, cut, outgoing, comment: CapturedPacket(
        micros / 1_000_000, data, len(data) + cut, outgoing, comment
    ),
    st.integers(0, 2**45),
    st.binary(max_size=60),
    st.integers(0, 9),
    st.booleans(),
    TEXTS,
)


@given(TEXTS, TEXTS, TEXTS, st.lists(PACKETS, max_size=5))
def test_a_capture_file_reads_back(
    comment: str, name: str, explained: str, packets: list[CapturedPacket]
) -> None:
    written = pcapng.write(CaptureFile("camproof", comment, name, explained, packets))
    back = pcapng.read(written)
    assert (back.comment, back.interface, back.interface_comment) == (comment, name, explained)
    assert [(p.data, p.length, p.outgoing, p.comment) for p in back.packets] == [
        (p.data, p.length, p.outgoing, p.comment) for p in packets
    ]
    assert all(abs(a.when - b.when) < 1e-5 for a, b in zip(back.packets, packets, strict=True))


@given(st.binary(max_size=200), st.integers(0, 300), st.integers(0, 255))
def test_any_bytes_are_a_capture_file_or_garbled(data: bytes, at: int, value: int) -> None:
    whole = bytearray(pcapng.write(CaptureFile("a", "b", "c: d", "e", [])))
    whole[at % len(whole)] = value
    for each in (data, bytes(whole), bytes(whole) + data):
        try:
            pcapng.read(each)
        except Garbled:
            continue


@given(
    st.sampled_from([("192.0.2.1", "192.0.2.7"), ("2001:db8::1", "2001:db8::7")]),
    st.sampled_from([TCP, UDP]),
    st.binary(max_size=100),
    st.integers(0, 2**32 - 1),
)
def test_a_packet_that_was_made_is_taken_apart(
    ends: tuple[str, str], protocol: int, payload: bytes, number: int
) -> None:
    sequence, flags = (number, PSH | ACK) if protocol == TCP else (0, 0)
    made = IpPacket((ends[0], 1), (ends[1], 2), protocol, payload, sequence, 0, flags)
    data = made.to_bytes()
    assert ip_packet.parse(data) == made
    start = 20 if "." in ends[0] else 40
    addresses = data[12:20] if start == 20 else data[8:40]
    pseudo = addresses + struct.pack("!II", len(data) - start, protocol)
    assert ip_packet.checksum(pseudo + data[start:]) == 0


@given(st.binary(max_size=80))
def test_any_bytes_are_a_packet_or_garbled(data: bytes) -> None:
    for each in (data, b"\x45" + data, b"\x60" + data):
        try:
            ip_packet.parse(each)
        except Garbled:
            continue


def test_sequence_numbers_count_the_bytes_both_ways() -> None:
    capture = Capture()
    capture.tcp(FLOW, b"q" * 10, outgoing=True)
    capture.tcp(FLOW, b"a" * 3000, outgoing=False)
    capture.tcp(FLOW, b"q" * 5, outgoing=True)
    packets = [ip_packet.parse(f.packet.data) for f in capture.frozen().frames]
    assert [(p.sequence, p.acknowledged, len(p.payload)) for p in packets] == [
        (1, 1, 10),
        (1, 11, 1400),
        (1401, 11, 1400),
        (2801, 11, 200),
        (11, 3001, 5),
    ]


def test_what_is_beyond_the_bound_is_counted_and_leaves_a_true_gap() -> None:
    capture = Capture()
    capture.tcp(FLOW, bytes(MAX_BYTES - 10), outgoing=False)
    capture.tcp(FLOW, b"x" * 1000, outgoing=False)
    capture.tcp(FLOW, b"end", outgoing=False)
    *_, cut, last = capture.frozen().frames
    assert capture.left_out == 1000
    assert (len(cut.packet.data), cut.packet.length) == (40, 1040)
    assert ip_packet.parse(last.packet.data).sequence == MAX_BYTES - 10 + 1000 + 1


def test_frames_are_found_by_what_they_hold_and_say_so() -> None:
    capture = Capture()
    capture.tcp(FLOW, b"needle", outgoing=True)
    capture.tcp(FLOW, b"x" * 1398 + b"nee", outgoing=False)
    capture.tcp(FLOW, b"dle", outgoing=False)
    capture.udp(FLOW, b"datagram", outgoing=False)
    frames = capture.frozen()
    assert frames.holding(b"needle") == 2
    assert frames.holding(b"needle", last=True) == 4
    assert frames.holding(b"gram") == 5
    assert frames.holding(b"elsewhere") == frames.holding(b"") == 0
    frames.remark(5, "STREAM-003: here")
    frames.remark(5, "and again")
    frames.remark(0, "nowhere")
    frames.remark(99, "nowhere")
    content = pcapng.read(frames.artefact("x.pcapng", "of main").data)
    assert content.comment == "of main"
    assert [p.comment for p in content.packets] == ["", "", "", "", "STREAM-003: here\nand again"]
    assert content.interface == "sockets"
    assert "headers made around them" in content.interface_comment


def tcp_packet(sequence: int, payload: bytes, flags: int = PSH | ACK) -> tuple[float, bytes]:
    return 1.0, IpPacket(THERE, HERE, TCP, payload, sequence, 1, flags).to_bytes()


def test_packets_of_other_flows_and_repeated_ones_do_not_disturb() -> None:
    other = IpPacket(("192.0.2.7", 1), HERE, UDP, b"other").to_bytes()
    start = 2**32 - 3
    seen = [
        tcp_packet(start, b"", SYN | ACK),
        (1.0, other),
        (1.0, b"garbage"),
        tcp_packet(start + 1, b"abcd"),
        tcp_packet(start + 1, b"abcd"),  # sent again
        tcp_packet((start + 5) & 0xFFFFFFFF, b"efgh"),  # across the wrap of the numbers
    ]
    frames = observed_frames(seen, {(FLOW, TCP)})
    assert [frame.offset for frame in frames] == [0, 0, 0, 4]
    capture = Capture()
    found = capture.frozen()
    found.frames.extend(frames)
    assert found.holding(b"bcdef") == 2
    assert found.holding(b"efgh") == 4


def test_a_proxy_passes_everything_on_and_keeps_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                while data := connection.recv(100):
                    connection.sendall(data.upper())

        camera = threading.Thread(target=serve)
        camera.start()
        capture = Capture()
        with RecordingProxy(server.getsockname(), capture) as proxy:
            with socket.create_connection(proxy.address, timeout=10) as client:
                client.sendall(b"hello")
                assert client.recv(100) == b"HELLO"
                client.shutdown(socket.SHUT_WR)
                assert client.recv(100) == b""
            camera.join(timeout=10)
    frames = capture.frozen().frames
    assert [(f.packet.outgoing, f.payload) for f in frames] == [(True, b"hello"), (False, b"HELLO")]


def test_a_proxy_passes_datagrams_of_several_clients() -> None:
    capture = Capture()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        with RecordingProxy(server.getsockname(), capture, datagrams=True) as proxy:
            for word in (b"one", b"two"):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                    client.settimeout(10)
                    client.sendto(word, proxy.address)
                    data, where = server.recvfrom(100)
                    server.sendto(data + b"!", where)
                    assert client.recv(100) == word + b"!"
    frames = capture.frozen().frames
    assert [f.payload for f in frames] == [b"one", b"one!", b"two", b"two!"]
    assert len({f.flow for f in frames}) == 2


def test_a_proxy_whose_camera_is_gone_hangs_up() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        gone = free.getsockname()
    with (
        RecordingProxy(gone, Capture()) as proxy,
        socket.create_connection(proxy.address, timeout=10) as client,
    ):
        assert client.recv(1) == b""


def test_the_kernel_filter_is_one_of_the_address() -> None:
    program = host_filter(bytes([192, 0, 2, 7]))
    assert len(program) == 6 * 8
    assert struct.unpack_from("HBBI", program, 8) == (0x15, 2, 0, 0xC0000207)


SNIFF = """
import json, socket
from devices.links.capture import Capture, Flow
from devices.links.capture.sniffer import Sniffer

with Sniffer("127.0.0.7") as sniffer, socket.create_server(("127.0.0.7", 0)) as server:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.sendto(b"not of this camera", ("127.0.0.8", 9))
    with socket.create_connection(server.getsockname()) as client:
        connection, _ = server.accept()
        capture = Capture(sniffer)
        flow = Flow(client.getsockname(), server.getsockname())
        connection.sendall(b"first")
        capture.tcp(flow, client.recv(9), outgoing=False)
        client.sendall(b"reply")
        connection.recv(9)
        connection.sendall(b"needle")
        client.recv(9)
        frames = capture.frozen()
        connection.close()
print(json.dumps({
    "payloads": [f.payload.decode() for f in frames.frames if f.payload],
    "needle": frames.holding(b"needle"), "frames": len(frames), "source": frames.source,
    "others": sum(b"not of" in data for _, data in sniffer.packets()),
}))
"""


def test_packets_are_taken_in_a_user_namespace() -> None:
    unshare = shutil.which("unshare")
    enter = [unshare or "unshare", "-Urn", "sh", "-c", 'ip link set lo up && exec "$0" "$@"']
    try:
        able = subprocess.run([*enter, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        able = False
    if not able:
        pytest.skip("this machine allows no user namespace with a network")
    done = subprocess.run(
        [*enter, sys.executable, "-c", SNIFF], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["payloads"] == ["first", "reply", "needle"]
    assert told["frames"] >= 6  # the handshake and acknowledgements, too
    assert told["needle"] > 3
    assert told["source"].startswith("packets")
    assert told["others"] == 0
