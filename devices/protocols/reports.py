"""RTCP receiver reports (RFC 3550, 6.4.2): built, read, and counted for; sans-io."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from devices.errors import Garbled
from devices.protocols.rtcp import DESCRIPTION, RECEIVER_REPORT, SENDER_REPORT, parts

_BLOCK = 24


@dataclass(frozen=True)
class ReportBlock:
    """What a receiver says of one source.

    ``ssrc`` is the source, ``lost`` the packets lost in all (negative when more were received than
    expected: duplicates), ``highest`` the extended highest sequence number. ``last_report`` (LSR)
    is the middle of the NTP timestamp of the last sender report that came of it, 0 without any, and
    ``delay`` (DLSR) the time since, in 1/65536 s.
    """

    ssrc: int
    fraction_lost: int
    lost: int
    highest: int
    jitter: int = 0
    last_report: int = 0
    delay: int = 0

    def to_bytes(self) -> bytes:
        """Serialise."""
        lost = max(-0x800000, min(0x7FFFFF, self.lost)) & 0xFFFFFF
        return struct.pack(
            "!IIIIII",
            self.ssrc,
            (self.fraction_lost & 0xFF) << 24 | lost,
            self.highest & 0xFFFFFFFF,
            self.jitter & 0xFFFFFFFF,
            self.last_report & 0xFFFFFFFF,
            self.delay & 0xFFFFFFFF,
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
    return head + body + struct.pack("!BBH", 0x81, DESCRIPTION, len(item) // 4) + item


def report_blocks(data: bytes) -> list[ReportBlock]:
    """Return the blocks of every report in a compound RTCP packet; raises Garbled."""
    found: list[ReportBlock] = []
    for part in parts(data):
        if part.kind in (SENDER_REPORT, RECEIVER_REPORT):
            start = 24 if part.kind == SENDER_REPORT else 4
            if start + part.count * _BLOCK > len(part.body):
                raise Garbled("an RTCP report shorter than its blocks")
            found += [_block(part.body, start + n * _BLOCK) for n in range(part.count)]
    return found


def _block(data: bytes, at: int) -> ReportBlock:
    ssrc, word, highest, jitter, last_report, delay = struct.unpack_from("!IIIIII", data, at)
    lost = word & 0xFFFFFF
    return ReportBlock(
        ssrc,
        word >> 24,
        lost - 0x1000000 if lost & 0x800000 else lost,
        highest,
        jitter,
        last_report,
        delay,
    )


def sender_times(data: bytes) -> dict[int, int]:
    """Return the middle 32 bits of the NTP timestamp of each sender's report, by source.

    They are what a receiver names as LSR (RFC 3550, 6.4.1). Raises Garbled.
    """
    found: dict[int, int] = {}
    for part in parts(data):
        if part.kind == SENDER_REPORT:
            if len(part.body) < 24:
                raise Garbled("an RTCP sender report without its sender information")
            ssrc, middle = struct.unpack_from("!I2xI", part.body)
            found[ssrc] = middle
    return found


class Reception:
    """Counts what comes of one source (RFC 3550, A.1 and A.3), without its probation."""

    _SHIFT = 0x10000
    _MAX_DROPOUT = 3000

    def __init__(self, ssrc: int, first: int) -> None:
        self.ssrc = ssrc
        self._base = self._highest = first
        self._received = 0
        self._told_expected = self._told_received = 0
        self._reported: tuple[int, float] | None = None

    def sender_reported(self, middle: int, now: float) -> None:
        """A sender report with this middle of its NTP timestamp came at ``now`` (seconds)."""
        self._reported = (middle, now)

    def count(self, sequence: int) -> None:
        """Count a packet with this sequence number (16 bits)."""
        self._received += 1
        step = (sequence - self._highest) % self._SHIFT
        if step < self._MAX_DROPOUT:
            self._highest += step

    def block(self, now: float = 0.0) -> ReportBlock:
        """The report at ``now``; the fraction is of what came since the last one."""
        expected = self._highest - self._base + 1
        since = expected - self._told_expected
        missing = since - (self._received - self._told_received)
        self._told_expected, self._told_received = expected, self._received
        fraction = (missing << 8) // since if since > 0 and missing > 0 else 0
        middle, came = self._reported or (0, now)
        return ReportBlock(
            self.ssrc,
            min(fraction, 255),
            expected - self._received,
            self._highest,
            last_report=middle,
            delay=int((now - came) * 65536),
        )
