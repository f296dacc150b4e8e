"""What travels beside video: RTCP, SRTCP, header extensions and JPEG, parsed from any bytes."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laboratory import Notes

from conformance import policy
from conformance.streams.test_beside import test_nothing_leaks_beside_the_video as judge
from conformance.streams.test_transport import (
    test_video_cannot_be_read_off_the_network as judge_wire,
)
from conformance.verdict import Inconclusive
from devices.errors import Garbled
from devices.links.rtsp.analysis import wire_facts
from devices.links.rtsp.beside import BesideVideo, beside_video, header_extensions
from devices.links.rtsp.describe import OfferedKeys
from devices.links.rtsp.observations import PlayedStream, PlayedStreams
from devices.links.rtsp.recording import Recording
from devices.protocols import rtcp, rtp_extension, rtp_jpeg
from devices.protocols.rtp import RtpPacket, goodbye, sender_report
from devices.protocols.rtp_extension import Extension
from devices.protocols.srtp import Receiver, protector
from devices.protocols.srtp_suite import SDES_SUITES, SrtpKeys, SrtpSuite
from devices.protocols.srtp_transform import CounterMode

REPORT = sender_report(7, unix_time=1e9, timestamp=5, packets=3, octets=900, name="admin@cam-4711")
RTP = RtpPacket(96, 1, 2, 3, b"payload").to_bytes()
KEYED = [s for s in SDES_SUITES.values() if s.cipher != "AES-F8"]


def keys(suite: SrtpSuite, mki: bytes = b"") -> SrtpKeys:
    return SrtpKeys(suite, bytes(range(suite.key_bytes)), bytes(range(suite.salt_bytes)), mki)


def test_an_observer_reads_the_name_and_the_report() -> None:
    found = rtcp.parse_compound(REPORT + goodbye(7))
    assert found.kinds == (200, 202, 203)
    assert found.texts == ("admin@cam-4711",)


@given(st.binary(max_size=120))
def test_any_bytes_are_rtcp_or_garbled(data: bytes) -> None:
    rtcp.readable(data)
    rtcp.readable(REPORT[:28] + data)
    with contextlib.suppress(Garbled):
        rtcp.parse_compound(b"\x81\xca" + data)


@pytest.mark.parametrize("cut", range(1, len(REPORT)))
def test_half_a_report_is_not_read(cut: int) -> None:
    # Whole packets of a compound packet remain readable when the rest is missing.
    found = rtcp.readable(REPORT[:cut])
    assert (found is not None) == (cut == 28)


@pytest.mark.parametrize("suite", KEYED, ids=lambda s: s.name)
@pytest.mark.parametrize("report", [REPORT, REPORT[:28], goodbye(7)])
def test_srtcp_says_nothing_and_verifies(suite: SrtpSuite, report: bytes) -> None:
    sender, receiver = protector(keys(suite)), Receiver(keys(suite))
    for _ in range(3):
        packet = sender.protect_rtcp(report)
        assert rtcp.readable(packet) is None
        assert receiver.unprotect_rtcp(packet) == report
    broken = bytes([*packet[:-1], packet[-1] ^ 1])
    for other in (broken, packet[:-3], REPORT, b"", RTP):
        with pytest.raises(Garbled):
            receiver.unprotect_rtcp(other)


def test_srtcp_with_a_master_key_identifier_verifies() -> None:
    marked = keys(SDES_SUITES["AES_CM_128_HMAC_SHA1_80"], b"\x00\x01")
    packet = protector(marked).protect_rtcp(REPORT)
    assert Receiver(marked).unprotect_rtcp(packet) == REPORT


def test_srtcp_that_is_authentic_and_not_encrypted_is_readable() -> None:
    null = keys(SrtpSuite("NULL", 16, 14, "HMAC-SHA1", 10))
    packet = CounterMode(null).protect_rtcp(REPORT)
    found = rtcp.readable(packet)
    assert found is not None
    assert found.texts == ("admin@cam-4711",)
    assert Receiver(null).unprotect_rtcp(packet) == REPORT


@given(st.binary(max_size=200))
def test_any_srtcp_is_garbled(data: bytes) -> None:
    for suite in KEYED:
        with pytest.raises(Garbled):
            Receiver(keys(suite)).unprotect_rtcp(b"\x80\xc8" + data)


@given(st.binary(max_size=200), st.integers(0, 0xFFFF))
def test_any_extension_is_read_or_garbled(data: bytes, profile: int) -> None:
    packet = rtp_extension.with_extension(RTP, Extension(profile, data))
    found = rtp_extension.extension_of(packet)
    assert found is not None
    assert (found.profile, found.data.startswith(data)) == (profile, True)
    for _ in found.elements():
        pass
    for form in (0xBEDE, 0x1000, 0xC0DE):
        list(Extension(form, data).elements())
    header_extensions([b"\x90" + data, packet], {})


@given(st.lists(st.text(max_size=40), max_size=5))
def test_any_extmap_is_read(values: list[str]) -> None:
    rtp_extension.extension_uris(values)


def test_extmap_names_what_is_encrypted() -> None:
    uris = rtp_extension.extension_uris(
        ["1 urn:a", "2/sendonly urn:b x", "3 urn:ietf:params:rtp-hdrext:encrypt urn:c 25"]
    )
    assert uris == {1: "urn:a", 2: "urn:b", 3: "urn:ietf:params:rtp-hdrext:encrypt urn:c"}


def _jpeg(size: int, sequence: int, pieces: int = 3) -> list[RtpPacket]:
    packets = []
    for number in range(pieces):
        head = struct.pack("!I", number * size) + bytes([1, 60, 80, 45])
        packets.append(
            RtpPacket(26, sequence + number, 9, 5, head + b"x" * size, marker=number == pieces - 1)
        )
    return packets


def test_jpeg_in_rtp_is_counted_by_whole_frames() -> None:
    packets = _jpeg(100, 1) + _jpeg(90, 4) + _jpeg(80, 7)[1:]
    assert rtp_jpeg.jpeg_frames(packets) == 2
    assert rtp_jpeg.frame_blocks(packets) == (80, 45)


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_any_payload_is_jpeg_or_not(payloads: list[bytes]) -> None:
    packets = [RtpPacket(26, n, 0, 5, p, marker=True) for n, p in enumerate(payloads)]
    rtp_jpeg.jpeg_frames(packets)
    rtp_jpeg.frame_blocks(packets)
    rtp_jpeg.jpeg_files(b"\xff\xd8\xff\xe0" + b"".join(payloads))


def test_a_jpeg_file_is_found_by_its_segments() -> None:
    file = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xdb\x00\x05abc\xff\xc0\x00\x02"
    assert rtp_jpeg.jpeg_files(b"noise" + file + b"noise") == 1
    assert rtp_jpeg.jpeg_files(file.replace(b"\x00\x05", b"\x00\x09")) == 0


def recording(**changes: object) -> Recording:
    made = Recording("srtp-udp", packets=[RTP])
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def played(beside: BesideVideo | None, **changes: object) -> PlayedStreams:
    plain = {"name": "main", "url": "rtsps://c/s", "transport": "srtp-udp", "declared": True}
    stream = PlayedStream(**{**plain, "outcome": "played", "beside": beside, **changes})  # type: ignore[arg-type]
    return PlayedStreams(streams=(stream,))


SUITE = SDES_SUITES["AES_CM_128_HMAC_SHA1_80"]
OFFERED = OfferedKeys("mikey", keys(SUITE))
SRTCP = protector(keys(SUITE)).protect_rtcp(REPORT)


def test_srtcp_of_the_stream_passes_and_rtcp_in_clear_does_not() -> None:
    judge(played(beside_video(recording(rtcp=[SRTCP], keys=OFFERED))), policy.load)
    with pytest.raises(AssertionError, match=r"1 of 1 RTCP packets .* 'admin@cam-4711'"):
        judge(played(beside_video(recording(rtcp=[REPORT], keys=OFFERED))), policy.load)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"rtcp": [], "keys": OFFERED}, "no RTCP came"),
        ({"rtcp": [b"\x80\xc8\x00\x06" + b"x" * 40], "keys": OFFERED}, "do not verify"),
        ({"rtcp": [b"\x80\xc8\x00\x06" + b"x" * 40]}, "without a key"),
    ],
)
def test_what_was_not_seen_or_not_understood_leaves_it_open(
    changes: dict[str, object], why: str
) -> None:
    with pytest.raises(Inconclusive, match=why):
        judge(played(beside_video(recording(**changes))), policy.load)


def test_a_stream_that_did_not_play_leaves_it_open() -> None:
    with pytest.raises(Inconclusive):
        judge(PlayedStreams(streams=()), policy.load)
    inside = beside_video(recording(transport="interleaved", tls_version="TLSv1.3", rtcp=[REPORT]))
    judge(played(inside), policy.load)
    refused = played(None, outcome="refused", reason="461").streams
    both = PlayedStreams(streams=(*played(inside).streams, *refused))
    with pytest.raises(Inconclusive, match="was not played"):
        judge(both, policy.load)


@pytest.mark.parametrize(
    ("profile", "data", "extmap", "passes"),
    [
        (0xBEDE, b"\x10\x07", {}, False),
        (0xBEDE, b"\x10\x07", {1: "urn:ietf:params:rtp-hdrext:sdes:mid"}, True),
        (0xBEDE, b"\x10\x07", {1: "urn:ietf:params:rtp-hdrext:encrypt urn:x"}, True),
        (0xBEDE, b"\x10\x07", {2: "urn:ietf:params:rtp-hdrext:sdes:mid"}, False),
        (0xABAC, bytes(12), {}, False),
        (0xC0DE, bytes(12), {}, True),
    ],
)
def test_header_extensions_are_judged_by_what_they_say(
    profile: int, data: bytes, extmap: dict[int, str], *, passes: bool
) -> None:
    packet = rtp_extension.with_extension(RTP, Extension(profile, data))
    found = header_extensions([packet], extmap)
    beside = BesideVideo(False, True, 1, 0, 1, 0, (), found)  # noqa: FBT003 - a record
    if passes:
        judge(played(beside), policy.load)
        return
    with pytest.raises(AssertionError, match=f"0x{profile:04X}"):
        judge(played(beside), policy.load)


def test_jpeg_and_parameter_sets_on_the_network_fail() -> None:
    sps = bytes.fromhex("6742c01f9254050176c044000003")
    packets = [p.to_bytes() for p in _jpeg(1400, 1)]
    facts = wire_facts(
        recording(transport="udp", wire=[*packets, b"..." + sps]), [sps, b"\x68\xce"]
    )
    assert (facts.jpeg_frames, facts.parameter_sets) == (1, 1)
    with pytest.raises(AssertionError, match=r"1 JPEG pictures.*1 parameter sets"):
        judge_wire(played(None, wire=facts), policy.load, Notes())


def test_parameter_sets_in_a_description_outside_tls_fail() -> None:
    with pytest.raises(AssertionError, match="described outside TLS"):
        judge_wire(played(None, outcome="refused", described_in_clear=True), policy.load, Notes())
