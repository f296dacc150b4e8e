"""MJPEG in RTP (RFC 2435): pictures put together, any bytes, and from a stream to verdicts."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laboratory import Notes
from rtsp_stand import (
    Stand,
    access_to,
    device_file,
    header,
    read_request,
    rtsp_stand,
    scripted_server,
)

from conformance import policy
from conformance.streams.test_picture import (
    test_declared_streams_play_as_declared as judge_pictures,
)
from conformance.streams.test_transport import (
    test_video_cannot_be_read_off_the_network as judge_wire,
)
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.emulated.posture import Posture
from devices.errors import Garbled
from devices.links.capture import Capture
from devices.links.rtsp.client import endpoint_of
from devices.links.rtsp.describe import codec_name
from devices.links.rtsp.live import LivePictures
from devices.links.rtsp.observations import PlayedStreams
from devices.links.rtsp.player import play
from devices.links.rtsp.streams import play_streams
from devices.protocols import jpeg_tables, sdp
from devices.protocols.rtp import RtpPacket
from devices.protocols.rtp_jpeg import jpeg_frames
from devices.protocols.rtp_jpeg_frames import Depacketiser, depacketise, packetise, parse_head
from devices.protocols.rtsp import Interleaved

SUB = {"name": "sub", "path": "/live/sub", "codec": "mjpeg", "width": 320, "height": 180}


def picture(width: int = 64, height: int = 48, *options: int) -> bytes:
    pixels = np.random.default_rng(7).integers(0, 255, (height // 8, width // 8, 3), np.uint8)
    large = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(".jpg", large, list(options))[1].tobytes()


def pixels_of(file: bytes) -> Any:
    return cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR)


def sent(payloads: list[bytes], first: int = 0, timestamp: int = 7) -> list[RtpPacket]:
    last = len(payloads) - 1
    return [
        RtpPacket(26, (first + n) % 0x10000, timestamp, 1, payload, marker=n == last)
        for n, payload in enumerate(payloads)
    ]


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 99),
    st.sampled_from([0, 1, 3]),
    st.sampled_from([cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422]),
    st.integers(200, 1400),
)
@settings(max_examples=40, deadline=None)
def test_what_was_cut_is_put_together(
    columns: int, rows: int, quality: int, restart: int, sampling: int, limit: int
) -> None:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_RST_INTERVAL, restart]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    file = picture(8 * columns, 8 * rows, *options)
    payloads = packetise(file, limit)
    assert max(map(len, payloads)) <= limit
    packets = sent(payloads, first=0xFFFE)
    (found,), malformed = depacketise(packets)
    assert malformed == 0
    assert jpeg_frames(packets) == 1
    assert np.array_equal(pixels_of(found), pixels_of(file))


def _standard(quality: int) -> tuple[list[bytes], bytes]:
    """Payloads that say Q instead of bringing their tables, and the file."""
    file = picture(64, 48, cv2.IMWRITE_JPEG_QUALITY, quality)
    first, *others = packetise(file, 300)
    own = first[:5] + bytes((quality,)) + first[6:8] + first[8 + 4 + 128 :]
    return [own, *(p[:5] + bytes((quality,)) + p[6:] for p in others)], file


@pytest.mark.parametrize("quality", [1, 49, 50, 75, 99])
def test_standard_tables_go_by_number(quality: int) -> None:
    payloads, file = _standard(quality)
    (found,), _ = depacketise(sent(payloads))
    assert np.array_equal(pixels_of(found), pixels_of(file))


def _in_band(file: bytes, quality: int, *, told: bool) -> list[bytes]:
    first, *others = packetise(file, 300)
    tables = first[8 : 8 + 4 + 128] if told else b"\x00\x00\x00\x00"
    own = first[:5] + bytes((quality,)) + first[6:8] + tables + first[8 + 4 + 128 :]
    return [own, *(p[:5] + bytes((quality,)) + p[6:] for p in others)]


def test_tables_told_once_hold_for_their_number_alone() -> None:
    file = picture()
    depacketiser = Depacketiser()
    told = _in_band(file, 130, told=True)
    again = _in_band(file, 130, told=False)
    packets = sent(told) + sent(again, first=len(told), timestamp=8)
    files = [found for packet in packets for found in depacketiser.feed(packet)]
    assert [np.array_equal(pixels_of(f), pixels_of(file)) for f in files] == [True, True]
    for unknown in (131, 255):
        packets = sent(_in_band(file, unknown, told=False))
        found, malformed = depacketise(packets)
        assert (found, malformed) == ([], 1)


def test_one_table_serves_for_both_and_wide_ones_are_taken() -> None:
    luma, chroma = jpeg_tables.quantisation(50)
    file = picture(64, 48, cv2.IMWRITE_JPEG_QUALITY, 50)
    first, *_ = packetise(file, 60000)
    coded = first[8 + 4 + 128 :]
    doubled = b"".join(bytes((0, value)) for value in luma + chroma)
    wide = first[:8] + b"\x00\x03" + (256).to_bytes(2, "big") + doubled + coded
    (found,), _ = depacketise(sent([wide]))
    assert found[6] == 0x10  # precision of 16 bits, table 0
    single = first[:8] + b"\x00\x00" + (64).to_bytes(2, "big") + luma + coded
    (found,), _ = depacketise(sent([single]))
    assert found.count(luma) == 2


def test_a_picture_with_a_hole_is_left_out_and_the_next_one_is_whole() -> None:
    payloads = packetise(picture(160, 160), 300)
    packets = sent(payloads) + sent(payloads, first=len(payloads), timestamp=8)
    found, malformed = depacketise(packets[:2] + packets[3:])
    assert (len(found), malformed) == (1, 0)


def test_a_sender_without_markers_is_understood() -> None:
    payloads = packetise(picture(), 300)
    packets = [
        replace(packet, marker=False)
        for n in range(3)
        for packet in sent(payloads, first=n * len(payloads), timestamp=n)
    ]
    assert len(depacketise(packets)[0]) == 2  # that the third has ended, nothing says


def test_sizes_beyond_the_header_are_those_of_the_description() -> None:
    (payload,) = packetise(picture(), 60000)
    large = payload[:6] + b"\x00\x00" + payload[8:]
    assert jpeg_frames(sent([large])) == 1
    assert depacketise(sent([large]))[0] == []
    (found,), _ = depacketise(sent([large]), (64, 48))
    assert pixels_of(found).shape[:2] == (48, 64)
    (found,), _ = depacketise(sent([payload]), (64, 43))
    assert pixels_of(found).shape[:2] == (43, 64)
    (found,), _ = depacketise(sent([payload]), (640, 480))  # a description that does not fit
    assert pixels_of(found).shape[:2] == (48, 64)


PAYLOAD = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda offset, kind, quality, rest: (
            b"\x00" + offset.to_bytes(3, "big") + bytes((kind, quality)) + rest
        ),
        st.sampled_from([0, 0, 50, 0xFFFFFF]),
        st.sampled_from([0, 1, 64, 65, 2, 130]),
        st.sampled_from([0, 50, 99, 100, 128, 255]),
        st.binary(max_size=200),
    ),
)


@given(
    st.lists(st.tuples(PAYLOAD, st.booleans()), max_size=8), st.tuples(*[st.integers(0, 9999)] * 2)
)
def test_any_payloads_give_files_or_are_malformed(
    payloads: list[tuple[bytes, bool]], size: tuple[int, int]
) -> None:
    packets = [
        RtpPacket(26, n, 1, 5, payload, marker=marker)
        for n, (payload, marker) in enumerate(payloads)
    ]
    found, malformed = depacketise(packets, size)
    assert len(found) + malformed <= 2 * len(packets)
    for file in found:
        with contextlib.suppress(cv2.error):
            pixels_of(file)
    for payload, _ in payloads:
        with contextlib.suppress(Garbled):
            assert parse_head(payload).start <= len(payload)
        with contextlib.suppress(Garbled):
            packetise(payload, 100)


@given(st.binary(max_size=300), st.integers(0, 600))
def test_any_file_is_cut_or_garbled(data: bytes, at: int) -> None:
    file = bytearray(picture())
    file[at : at + len(data)] = data
    with contextlib.suppress(Garbled):
        packetise(bytes(file), 1200)


def test_a_stream_of_offsets_does_not_fill_the_memory() -> None:
    depacketiser = Depacketiser()
    head = bytes((1, 50, 8, 6))
    piece = bytes(60000)
    packets = [
        RtpPacket(26, n, 1, 5, b"\x00" + (n * len(piece)).to_bytes(3, "big") + head + piece)
        for n in range(140)
    ]
    for packet in packets[:-1]:
        depacketiser.feed(packet)
    with pytest.raises(Garbled, match="more than"):
        depacketiser.feed(packets[-1])


@pytest.mark.parametrize(
    ("lines", "codec", "size"),
    [
        ("m=video 0 RTP/AVP 26\r\na=x-dimensions:2592,1944", "mjpeg", (2592, 1944)),
        ("m=video 0 RTP/AVP 96\r\na=rtpmap:96 JPEG/90000", "mjpeg", (0, 0)),
        ("m=video 0 RTP/AVP 26\r\na=framesize:26 320-180", "mjpeg", (320, 180)),
        ("m=video 0 RTP/AVP 26\r\na=rtpmap:26 H264/90000", "h264", (0, 0)),
        ("m=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\na=x-dimensions:1", "vp8", (0, 0)),
    ],
)
def test_descriptions_name_jpeg(lines: str, codec: str, size: tuple[int, int]) -> None:
    (media,) = sdp.parse(f"v=0\r\n{lines}\r\n".encode()).video()
    assert (codec_name(media), media.dimensions) == (codec, size)


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    posture = Posture(sub_codec="mjpeg", rtp_plain_udp=True)
    with rtsp_stand(tmp_path_factory.mktemp("mjpeg"), posture) as stand:
        yield stand


def _declared(stand: Stand, folder: Path, transports: list[str], **changes: Any) -> DeviceFile:
    server = stand.url.partition("/live")[0]
    return device_file(server, folder, streams=[SUB | changes], transports=transports)


def test_mjpeg_is_decoded_and_readable_in_plain_datagrams_alone(
    leaky: Stand, tmp_path: Path
) -> None:
    device = _declared(leaky, tmp_path, ["interleaved", "srtp-udp", "srtp-interleaved"])
    played = play_streams(access_to(device), seconds=1.5, cited_by="STREAM-003")
    outcomes = {s.transport: (s.outcome, s.codec) for s in played.streams}
    assert set(outcomes.values()) == {("played", "mjpeg")}
    for stream in played.streams:
        assert stream.pictures is not None
        assert stream.wire is not None
        assert (stream.pictures.width, stream.pictures.height) == (320, 180)
        assert stream.malformed == 0
        assert bool(stream.wire.jpeg_frames) == (stream.transport == "udp")
    judge_pictures(played, device, policy.load)
    with pytest.raises(AssertionError, match=r"over udp: \d+ JPEG pictures are readable"):
        judge_wire(played, policy.load, Notes())
    (plain,) = [s.cited for s in played.streams if s.transport == "udp"]
    assert plain is not None
    assert plain.readable
    kept = tuple(s for s in played.streams if s.transport != "udp")
    judge_wire(PlayedStreams(streams=kept), policy.load, Notes())


def test_mjpeg_of_another_size_or_codec_is_told(leaky: Stand, tmp_path: Path) -> None:
    device = _declared(leaky, tmp_path, ["interleaved"], width=640, height=360)
    played = play_streams(access_to(device), seconds=1.0)
    with pytest.raises(AssertionError, match="320x180 pixels, declared are 640x360"):
        judge_pictures(played, device, policy.load)
    device = _declared(leaky, tmp_path, ["interleaved"], codec="h265")
    with pytest.raises(AssertionError, match="is mjpeg, declared is h265"):
        judge_pictures(played, device, policy.load)


def test_mjpeg_is_decoded_as_it_arrives(leaky: Stand, tmp_path: Path) -> None:
    device = _declared(leaky, tmp_path, ["srtp-interleaved"])
    access, live, capture = access_to(device), LivePictures(), Capture()
    url = device.declared.streams[0].url
    with access.connect(endpoint_of(url), login=access.login(), capture=capture) as client:
        play(client, url, "srtp-interleaved", seconds=0.8, capture=capture, follower=live)
    live.close()
    seen = list(live.pictures())
    assert len(seen) > 4
    assert seen[0].grey.shape == (180, 320)


def test_a_type_that_rfc_2435_does_not_define_is_not_measured(tmp_path: Path) -> None:
    strange = [p[:4] + b"\x82" + p[5:] for p in packetise(picture(), 300)]
    frames = b"".join(
        Interleaved(0, p.to_bytes()).to_bytes() for n in range(12) for p in sent(strange, 9 * n, n)
    )

    def camera(connection: socket.socket) -> None:
        while request := read_request(connection):
            method = request.split()[0]
            body = "v=0\r\nm=video 0 RTP/AVP 26\r\n" if method == "DESCRIBE" else ""
            lines = ["RTSP/1.0 200 OK", f"CSeq: {header(request, 'CSeq')}", "Session: 1"]
            lines += ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1"]
            lines += [f"Content-Length: {len(body)}", "", body]
            connection.sendall("\r\n".join(lines).encode())
            if method == "PLAY":
                connection.sendall(frames)

    with scripted_server(camera) as port:
        device = device_file(
            f"rtsp://127.0.0.1:{port}", tmp_path, streams=[SUB], transports=["interleaved"]
        )
        played = play_streams(access_to(device), seconds=0.2)
    with pytest.raises(Inconclusive, match="RFC 2435 does not define"):
        judge_pictures(played, device, policy.load)
    with pytest.raises(AssertionError, match="not distributed as ciphertext"):
        judge_wire(played, policy.load, Notes())
