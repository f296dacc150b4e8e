"""RTP packets and the RTCP a sender needs (RFC 3550), sans-io."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

from devices.errors import Garbled

NTP_EPOCH = 2_208_988_800
"""Seconds from 1900-01-01 (NTP) to 1970-01-01 (Unix)."""


@dataclass(frozen=True)
class RtpPacket:
    """One RTP packet. ``extension`` and padding are read over and not kept."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes = field(repr=False)
    marker: bool = False

    def to_bytes(self) -> bytes:
        """Serialise with the fixed header of RFC 3550, 5.1."""
        second = (0x80 if self.marker else 0) | self.payload_type
        head = struct.pack(
            "!BBHII", 0x80, second, self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, self.ssrc
        )
        return head + self.payload


def header_length(data: bytes) -> int:
    """Return where the payload starts: fixed header, CSRC list, extension; raises Garbled."""
    if len(data) < 12 or data[0] >> 6 != 2:
        raise Garbled("not an RTP packet")
    length = 12 + 4 * (data[0] & 0x0F)
    if data[0] & 0x10:
        if len(data) < length + 4:
            raise Garbled("an RTP header extension beyond the packet")
        length += 4 + 4 * int.from_bytes(data[length + 2 : length + 4], "big")
    if length > len(data):
        raise Garbled("an RTP header longer than the packet")
    return length


def parse_rtp(data: bytes) -> RtpPacket:
    """Parse one packet; raises Garbled."""
    start, end = header_length(data), len(data)
    if data[0] & 0x20:
        padding = data[-1]
        if not 0 < padding <= end - start:
            raise Garbled("RTP padding longer than the payload")
        end -= padding
    _, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", data)
    return RtpPacket(
        payload_type=second & 0x7F,
        sequence=sequence,
        timestamp=timestamp,
        ssrc=ssrc,
        payload=bytes(data[start:end]),
        marker=bool(second & 0x80),
    )


def is_rtp(data: bytes) -> bool:
    """Whether the header is that of an RTP packet, and not of RTCP on the same port."""
    if is_rtcp(data):
        return False
    try:
        return header_length(data) <= len(data)
    except Garbled:
        return False


def is_rtcp(data: bytes) -> bool:
    """Whether a packet on a shared port is RTCP (RFC 5761, 4: packet types 192 to 223)."""
    return len(data) >= 8 and data[0] >> 6 == 2 and 192 <= data[1] <= 223


def in_order(packets: Iterable[RtpPacket]) -> list[RtpPacket]:
    """Return packets of one source by sequence number, across its wrap, without duplicates."""
    extended: dict[int, RtpPacket] = {}
    highest: int | None = None
    for packet in packets:
        if highest is None:
            highest = packet.sequence + 0x10000  # room for packets that overtook the first
        step = (packet.sequence - highest + 0x8000) % 0x10000 - 0x8000
        extended.setdefault(highest + step, packet)
        highest = max(highest, highest + step)
    return [extended[number] for number in sorted(extended)]


def lost(packets: Iterable[RtpPacket]) -> int:
    """Return how many sequence numbers are missing between the first packet and the last."""
    numbers = [packet.sequence for packet in in_order(packets)]
    steps = ((b - a) % 0x10000 for a, b in itertools.pairwise(numbers))
    return sum(step - 1 for step in steps)


def sender_report(
    ssrc: int, *, unix_time: float, timestamp: int, packets: int, octets: int, name: str
) -> bytes:
    """Build a compound RTCP packet: sender report and CNAME (RFC 3550, 6.4.1 and 6.5)."""
    seconds = int(unix_time)
    fraction = int((unix_time - seconds) * (1 << 32)) & 0xFFFFFFFF
    report = struct.pack(
        "!BBHIIIIII",
        0x80,
        200,
        6,
        ssrc,
        (seconds + NTP_EPOCH) & 0xFFFFFFFF,
        fraction,
        timestamp & 0xFFFFFFFF,
        packets & 0xFFFFFFFF,
        octets & 0xFFFFFFFF,
    )
    cname = name.encode()[:255]
    item = struct.pack("!IBB", ssrc, 1, len(cname)) + cname + b"\0"
    item += b"\0" * (-len(item) % 4)
    return report + struct.pack("!BBH", 0x81, 202, len(item) // 4) + item


def goodbye(ssrc: int) -> bytes:
    """Build an RTCP BYE (RFC 3550, 6.6)."""
    return struct.pack("!BBHI", 0x81, 203, 1, ssrc)


def frame_rate(packets: Iterable[RtpPacket], clock_rate: int = 90_000) -> float:
    """Return pictures per second of one source by its timestamps.

    0 for fewer than eight pictures or half a second. Every picture has a timestamp of its own
    (RFC 6184, 5.1); the numbers may wrap.
    """
    times = list(dict.fromkeys(packet.timestamp for packet in in_order(packets)))
    passed = sum((b - a + 2**31) % 2**32 - 2**31 for a, b in itertools.pairwise(times))
    if len(times) < 8 or passed < clock_rate // 2:
        return 0.0
    return round((len(times) - 1) * clock_rate / passed, 2)
