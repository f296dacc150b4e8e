"""What a camera makes of RTCP sent to its audio back channel: told by the times that it names.

A receiver report names the time of the last sender report that was taken of a source (LSR, RFC
3550, 6.4.1). Genuine sender reports show whether a camera does so; then come others, which SRTCP,
whose authentication is mandatory (RFC 3711, 3.4), has to keep out, each with a time of its own.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from devices.errors import NotOffered
from devices.links.rtsp.voice_line import Line
from devices.protocols.reports import ReportBlock, sender_times
from devices.protocols.rtp import sender_report
from devices.protocols.srtp import protector

UNKNOWN = "unknown"
"""The kind of a packet that was taken and names a time that none of ours has."""


@dataclass(frozen=True)
class ReportTrial:
    """What was sent to a back channel as RTCP, and what its reports tell of it.

    ``control``: they named the time of the genuine sender report, before anything else was sent;
    ``alive``: of another one after it all. ``sent`` are the kinds that have to be rejected, and
    ``accepted`` those whose time was named. ``silent``: no time was named any more.
    """

    control: bool = False
    sent: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    silent: bool = False
    alive: bool = False


def try_reports(line: Line, voice: Callable[[], tuple[list[bytes], int]]) -> ReportTrial:
    """Send genuine and other sender reports; raises LinkError.

    ``voice`` gives genuine audio and its last sequence number: a report that counts it, and the
    next one, came after the camera took what had been sent before.
    """
    sender = _Sender(line)
    first, second = sender.genuine(), sender.genuine()
    line.send([first, second], rtcp=True)
    shown = line.reports(line.ssrc, lambda block: block.last_report == sender.latest)
    if shown[-1].last_report != sender.latest:
        return ReportTrial()
    right = sender.latest
    hostile = sender.hostile() | {"repeated": (first, sender.time_of[first])}
    line.send([packet for packet, _ in hostile.values()], rtcp=True)
    packets, number = voice()
    line.send(packets)
    after = line.reports(line.ssrc, lambda b: b.highest & 0xFFFF >= number, times=2)
    line.send([sender.genuine()], rtcp=True)
    final = _until_named(line, sender.latest)
    named = {block.last_report for block in after + final} - {right, sender.latest, 0}
    kinds = {moment: kind for kind, (_, moment) in hostile.items()}
    return ReportTrial(
        control=True,
        sent=tuple(hostile),
        accepted=tuple(sorted({kinds.get(moment, UNKNOWN) for moment in named})),
        silent=after[-1].last_report == 0,
        alive=any(block.last_report == sender.latest for block in final),
    )


def _until_named(line: Line, moment: int) -> list[ReportBlock]:
    """The reports until one names this time; none when there are none."""
    with contextlib.suppress(NotOffered):
        return line.reports(line.ssrc, lambda block: block.last_report == moment)
    return []


class _Sender:
    """Makes sender reports of one source, each of another second. ``latest``: the last genuine."""

    def __init__(self, line: Line) -> None:
        self.latest = 0
        self.time_of: dict[bytes, int] = {}
        self._ssrc, self._moment = line.ssrc, time.time()
        self._protector = protector(line.keys)
        suite = line.keys.suite
        self._stranger = protector(
            replace(
                line.keys,
                key=secrets.token_bytes(suite.key_bytes),
                salt=secrets.token_bytes(suite.salt_bytes),
            )
        )

    def genuine(self) -> bytes:
        """The next genuine packet."""
        plain, self.latest = self._report()
        packet = self._protector.protect_rtcp(plain)
        self.time_of[packet] = self.latest
        return packet

    def hostile(self) -> dict[str, tuple[bytes, int]]:
        """Packets that are to be rejected, by kind, with the time that each would be named by."""
        found: dict[str, tuple[bytes, int]] = {}
        for kind, spoil in (
            ("altered", self._altered),
            ("shortened", lambda plain: self._protector.protect_rtcp(plain)[:-4]),
            ("of another key", self._stranger.protect_rtcp),
            ("unprotected", lambda plain: plain),
        ):
            plain, moment = self._report()
            found[kind] = (spoil(plain), moment)
        return found

    def _altered(self, plain: bytes) -> bytes:
        """One bit of the sender's packet count is another: after SSRC, NTP and RTP time."""
        packet = self._protector.protect_rtcp(plain)
        return packet[:23] + bytes([packet[23] ^ 0x01]) + packet[24:]

    def _report(self) -> tuple[bytes, int]:
        self._moment += 1.5
        plain = sender_report(
            self._ssrc, unix_time=self._moment, timestamp=0, packets=0, octets=0, name="camproof"
        )
        return plain, sender_times(plain)[self._ssrc]
