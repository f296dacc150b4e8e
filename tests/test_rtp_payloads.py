"""RTP packets, and H.264 and H.265 in them: there and back, out of order, lost, hostile."""

from __future__ import annotations

import struct
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import Garbled
from devices.protocols.h26x import (
    Codec,
    Depacketiser,
    depacketise,
    packetise,
    split_annex_b,
    to_annex_b,
)
from devices.protocols.rtp import (
    RtpPacket,
    goodbye,
    in_order,
    is_rtcp,
    lost,
    parse_rtp,
    sender_report,
)

CODECS: st.SearchStrategy[Codec] = st.sampled_from(["h264", "h265"])


@st.composite
def nal_units(draw: st.DrawFn) -> tuple[Codec, list[bytes]]:
    codec = draw(CODECS)
    heads = (
        st.sampled_from([b"\x67", b"\x68", b"\x65", b"\x41", b"\x06"])
        if codec == "h264"
        else st.sampled_from([b"\x40\x01", b"\x42\x01", b"\x26\x01", b"\x02\x01"])
    )
    bodies = st.binary(min_size=1, max_size=3000)
    return codec, draw(st.lists(st.builds(lambda h, b: h + b, heads, bodies), max_size=4))


def _packets(codec: Codec, units: list[bytes], first: int = 65_530) -> list[RtpPacket]:
    payloads = [p for unit in units for p in packetise(codec, unit, 100)]
    return [RtpPacket(96, (first + n) % 65536, 0, 1, payload) for n, payload in enumerate(payloads)]


@given(nal_units(), st.randoms(use_true_random=False))
def test_nal_units_survive_packets_out_of_order(
    made: tuple[Codec, list[bytes]], random: Random
) -> None:
    codec, units = made
    packets = _packets(codec, units)
    assert all(len(p.payload) <= 100 for p in packets)
    random.shuffle(packets)
    assert depacketise(codec, [*packets, *packets[:2]]) == (units, 0)


def test_unit_with_a_lost_fragment_is_left_out() -> None:
    units = [b"\x65" + bytes([n]) * 500 for n in range(3)]
    packets = _packets("h264", units)
    middle = next(p for p in packets if p.payload[2:3] == b"\x01" and not p.payload[1] & 0xC0)
    packets.remove(middle)
    assert depacketise("h264", packets) == ([units[0], units[2]], 0)
    assert lost(packets) == 1


def test_aggregation_packets() -> None:
    units = [b"\x67abc", b"\x68d"]
    stap = b"\x78" + b"".join(struct.pack("!H", len(u)) + u for u in units)
    assert Depacketiser("h264").feed(stap) == units
    units = [b"\x40\x01abc", b"\x42\x01d"]
    ap = b"\x60\x01" + b"".join(struct.pack("!H", len(u)) + u for u in units)
    assert Depacketiser("h265").feed(ap) == units
    donl = b"\x60\x01\x00\x07" + struct.pack("!H", 5) + units[0] + b"\x00"
    donl += struct.pack("!H", 3) + units[1]
    assert Depacketiser("h265", donl=True).feed(donl) == units


@given(codec=CODECS, payloads=st.lists(st.binary(max_size=60), max_size=8), donl=st.booleans())
def test_hostile_payloads_raise_nothing_else(
    *, codec: Codec, payloads: list[bytes], donl: bool
) -> None:
    depacketiser = Depacketiser(codec, donl=donl)
    for payload in payloads:
        try:
            depacketiser.feed(payload)
        except Garbled:
            continue


@given(
    st.lists(st.binary(min_size=1, max_size=30).map(lambda b: b"\x65" + b + b"\x80"), max_size=4)
)
def test_annex_b_round_trip(units: list[bytes]) -> None:
    plain = [u for u in units if b"\x00\x00" not in u]
    assert split_annex_b(to_annex_b(plain)) == plain


@given(
    st.builds(
        RtpPacket,
        payload_type=st.integers(0, 127),
        sequence=st.integers(0, 65535),
        timestamp=st.integers(0, 2**32 - 1),
        ssrc=st.integers(0, 2**32 - 1),
        payload=st.binary(max_size=50),
        marker=st.booleans(),
    )
)
def test_rtp_round_trip(packet: RtpPacket) -> None:
    assert parse_rtp(packet.to_bytes()) == packet


def test_rtp_extension_sources_and_padding_are_read_over() -> None:
    head = struct.pack("!BBHII", 0x80 | 0x20 | 0x10 | 1, 96, 5, 6, 7)
    data = head + b"CSRC" + b"\xbe\xde\x00\x01xtnd" + b"payload" + b"\x00\x00\x03"
    assert parse_rtp(data).payload == b"payload"


@given(st.binary(max_size=60))
def test_hostile_packets_raise_nothing_else(data: bytes) -> None:
    try:
        parse_rtp(b"\x90" + data)
        parse_rtp(data)
    except Garbled:
        pass


def test_order_across_the_wrap() -> None:
    numbers = [65_534, 0, 65_535, 2, 1, 1]
    packets = [RtpPacket(96, n, 0, 1, b"") for n in numbers]
    assert [p.sequence for p in in_order(packets)] == [65_534, 65_535, 0, 1, 2]


def test_rtcp_is_told_from_rtp() -> None:
    report = sender_report(7, unix_time=1.5, timestamp=1, packets=2, octets=3, name="camera")
    assert is_rtcp(report)
    assert len(report) % 4 == 0
    assert is_rtcp(goodbye(7))
    assert not is_rtcp(RtpPacket(96, 1, 1, 1, b"x", marker=True).to_bytes())


def test_short_packet_is_refused() -> None:
    with pytest.raises(Garbled):
        parse_rtp(b"\x80\x60")
