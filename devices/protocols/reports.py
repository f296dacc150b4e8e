"""RTCP receiver reports (RFC 3550, 6.4.2): built, read, and counted for; sans-io."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from devices.errors import Garbled

RECEIVER_REPORT, SENDER_REPORT = 201, 200
_BLOCK = 24


@dataclass(frozen=True)
class ReportBlock:
    """What a receiver says of one source.

    ``ssrc`` is the source, ``lost`` the packets lost in all (negative when more were received than
    expected: duplicates), ``highest`` the extended highest sequence number.
    """

    ssrc: int
    fraction_lost: int
    lost: int
    highest: int
    jitter: int = 0

    def to_bytes(self) -> bytes:
        """Serialise; no sender report was seen (LSR and DLSR 0)."""
        lost = max(-0x800000, min(0x7FFFFF, self.lost)) & 0xFFFFFF
        return struct.pack(
            "!IIIIII",
            self.ssrc,
            (self.fraction_lost & 0xFF) << 24 | lost,
            self.highest & 0xFFFFFFFF,
            self.jitter & 0xFFFFFFFF,
            0,
            0,
        )


def receiver_report(ssrc: int, blocks: list[ReportBlock], name: str) -> bytes:
    """Build a compound packet of a receiver: report and CNAME (RFC 3550, 6.1). At most 31."""
    body = b"".join(block.to_bytes() for block in blocks)
    head = struct.pack(
        "!BBHI", 0x80 | len(blocks), RECEIVER_REPORT, 1 + len(body) // 4, ssrc & 0xFFFFFFFF
    )
    cname = name.encode()[:255]
    item = struct.pack("!IBB", ssrc & 0xFFFFFFFF, 1, len(cname)) + cname + b"\0"
    item += b"\0" * (-len(item) % 4)
    return head + body + struct.pack("!BBH", 0x81, 202, len(item) // 4) + item


def report_blocks(data: bytes) -> list[ReportBlock]:
    """Return the blocks of every report in a compound RTCP packet; raises Garbled."""
    found: list[ReportBlock] = []
    at = 0
    while at < len(data):
        if len(data) - at < 4 or data[at] >> 6 != 2:
            raise Garbled("not an RTCP packet")
        count, kind = data[at] & 0x1F, data[at + 1]
        end = at + 4 + 4 * int.from_bytes(data[at + 2 : at + 4], "big")
        if end > len(data):
            raise Garbled("an RTCP packet that ends early")
        if kind in (SENDER_REPORT, RECEIVER_REPORT):
            start = at + (28 if kind == SENDER_REPORT else 8)
            if start + count * _BLOCK > end:
                raise Garbled("an RTCP report shorter than its blocks")
            found += [_block(data, start + number * _BLOCK) for number in range(count)]
        at = end
    return found


def _block(data: bytes, at: int) -> ReportBlock:
    ssrc, word, highest, jitter = struct.unpack_from("!IIII", data, at)
    lost = word & 0xFFFFFF
    return ReportBlock(
        ssrc, word >> 24, lost - 0x1000000 if lost & 0x800000 else lost, highest, jitter
    )


class Reception:
    """Counts what comes of one source (RFC 3550, A.1 and A.3), without its probation."""

    _SHIFT = 0x10000
    _MAX_DROPOUT = 3000

    def __init__(self, ssrc: int, first: int) -> None:
        self.ssrc = ssrc
        self._base = self._highest = first
        self._received = 0
        self._told_expected = self._told_received = 0

    def count(self, sequence: int) -> None:
        """Count a packet with this sequence number (16 bits)."""
        self._received += 1
        step = (sequence - self._highest) % self._SHIFT
        if step < self._MAX_DROPOUT:
            self._highest += step

    def block(self) -> ReportBlock:
        """The report at this time; the fraction is of what came since the last one."""
        expected = self._highest - self._base + 1
        since = expected - self._told_expected
        missing = since - (self._received - self._told_received)
        self._told_expected, self._told_received = expected, self._received
        fraction = (missing << 8) // since if since > 0 and missing > 0 else 0
        return ReportBlock(self.ssrc, min(fraction, 255), expected - self._received, self._highest)
