"""The audio back channel (ONVIF Streaming, 5.3): who watches may speak, encrypted as the video is.

A description shows it to who asks with ``Require: www.onvif.org/ver20/backchannel``. What comes is
G.711; what is done with it shows in the receiver reports, which count the packets that were
accepted.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from devices.emulated.posture import Posture
from devices.errors import Garbled, LinkError, NotOffered
from devices.protocols.mikey import parse_key_management
from devices.protocols.reports import Reception, receiver_report, sender_times
from devices.protocols.rtp import header_length, is_rtcp, parse_rtp
from devices.protocols.rtsp import Request
from devices.protocols.srtp import Protector, Receiver, protector
from devices.protocols.srtp_suite import SDES_SUITES, SrtpKeys
from devices.protocols.srtp_transform import CounterMode
from devices.protocols.transport import Transport

REQUIRED = "www.onvif.org/ver20/backchannel"
TRACK = "trackID=2"
PATHS = ("/live/main",)
REPORT_SECONDS = 0.2
"""Between two receiver reports: profiles with feedback know no least interval (RFC 4585, 3.4)."""


def is_required(request: Request) -> bool:
    """Whether a request asks for the back channel."""
    return request.get("Require") == REQUIRED


def is_meant(request: Request) -> bool:
    """Whether a request is for the back channel's track."""
    return request.uri.rstrip("/").endswith("/" + TRACK)


def section(key_management: str) -> bytes:
    """Return the section of the description; SRTP is offered when ``key_management`` is given."""
    lines = [
        f"m=audio 0 RTP/{'SAVPF' if key_management else 'AVPF'} 0",
        "c=IN IP4 0.0.0.0",
        "a=rtpmap:0 PCMU/8000",
        f"a=control:{TRACK}",
        "a=sendonly",
    ]
    if key_management:
        lines.append(f"a=key-mgmt:{key_management}")
    return "\r\n".join([*lines, ""]).encode()


class Opener(Protocol):
    """Takes the protection off a packet; raises LinkError for one that is not accepted."""

    def unprotect(self, packet: bytes) -> bytes:
        """Return the RTP packet."""
        ...


class _Careless:
    """Takes the tag for padding: whatever arrives is decrypted, as long as it has a header."""

    def __init__(self, keys: SrtpKeys) -> None:
        bare = replace(keys.suite, authentication="NULL", tag_bytes=0)
        self._tag = keys.suite.tag_bytes
        self._inner = CounterMode(replace(keys, suite=bare))

    def unprotect(self, packet: bytes) -> bytes:
        start = header_length(packet)
        return self._inner.unprotect(packet[: max(start, len(packet) - self._tag)])


class _Remembering:
    """Takes each packet once, for suites that libsrtp with its replay list does not do."""

    _WINDOW = 1024

    def __init__(self, keys: SrtpKeys) -> None:
        self._inner = CounterMode(keys)
        self._seen: dict[bytes, None] = {}

    def unprotect(self, packet: bytes) -> bytes:
        opened = self._inner.unprotect(packet)
        name = packet[2:4] + packet[8:12]  # sequence number and source
        if name in self._seen:
            raise Garbled("an SRTP packet that was taken before")
        self._seen[name] = None
        while len(self._seen) > self._WINDOW:
            del self._seen[next(iter(self._seen))]
        return opened


def opener(keys: SrtpKeys, *, checks_tags: bool, checks_replay: bool) -> Opener:
    """What opens a client's packets: libsrtp, with tags and a replay list, but for a fault."""
    if not checks_tags:
        return _Careless(keys)
    if not checks_replay:
        return CounterMode(keys)
    return Receiver(keys) if keys.suite in SDES_SUITES.values() else _Remembering(keys)


class ReportOpener:
    """Takes the protection off a client's RTCP; raises LinkError for what is not accepted.

    Faults: without ``checks_tags`` whatever arrives is decrypted, SRTCP or not; without
    ``checks_replay`` a packet is taken again.
    """

    _WINDOW = 256

    def __init__(self, keys: SrtpKeys, *, checks_tags: bool, checks_replay: bool) -> None:
        bare = replace(keys.suite, authentication="NULL", tag_bytes=0)
        self._careless = None if checks_tags else CounterMode(replace(keys, suite=bare))
        self._inner = Receiver(keys)
        self._remembers = checks_replay
        self._seen: dict[bytes, None] = {}

    def open(self, packet: bytes) -> bytes:
        """Return the RTCP packet (RFC 3711, 3.4)."""
        if self._careless is not None:
            try:
                return self._inner.unprotect_rtcp(packet)
            except LinkError:
                tag = self._inner.keys.suite.tag_bytes
                return self._careless.unprotect_rtcp(packet[: max(0, len(packet) - tag)])
        opened = self._inner.unprotect_rtcp(packet)
        if self._remembers and packet in self._seen:
            raise Garbled("an SRTCP packet that was taken before")
        self._seen[packet] = None
        while len(self._seen) > self._WINDOW:
            del self._seen[next(iter(self._seen))]
        return opened


@dataclass(frozen=True)
class Protection:
    """Both directions of an encrypted back channel."""

    opener: Opener
    reports: Protector
    report_opener: ReportOpener


def guard(
    request: Request,
    transport: Transport,
    offered: SrtpKeys | None,
    posture: Posture,
    *,
    in_tls: bool,
) -> Protection | None:
    """How a back channel asked for so is protected; None when TLS around it does that.

    A client sends with keys of its own, as it says in SETUP (RFC 4567, 3.2), or with the
    ``offered`` ones. Raises LinkError when it would not be protected.
    """
    if not transport.secure:
        if in_tls if transport.lower == "TCP" else posture.backchannel_plain:
            return None
        raise NotOffered("a back channel in the clear")
    if offered is None:
        raise NotOffered("SRTP without keys")
    given = request.get("KeyMgmt")
    keys = parse_key_management(given).srtp_keys() if given else offered
    return Protection(
        opener(
            keys, checks_tags=posture.srtp_checks_tags, checks_replay=posture.srtp_checks_replay
        ),
        protector(offered),
        ReportOpener(
            keys, checks_tags=posture.srtcp_checks_tags, checks_replay=posture.srtcp_checks_replay
        ),
    )


class BackchannelSession:
    """Receives one client's voice; to its connection a session like those that send.

    ``send`` sends a packet, its flag says RTCP.
    """

    next_packet = (0, 0)

    def __init__(
        self, send: Callable[[bytes, bool], bool], guard: Protection | None, name: str
    ) -> None:
        self.identifier = secrets.token_hex(8)
        self.ssrc = secrets.randbits(32)
        self.last_seen = time.monotonic()
        self.closing: Callable[[], None] = lambda: None
        self.in_datagrams = False
        self._send = send
        self._guard = guard
        self._name = name
        self._reception: Reception | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._playing = False

    def play(self) -> None:
        """Listen from now on."""
        if not self._playing:
            self._playing = True
            self._report()

    def pause(self) -> None:
        """Listen no more until the next play."""
        self._playing = False
        if self._timer is not None:
            self._timer.cancel()

    def close(self) -> None:
        """End, and give the transport back."""
        self.pause()
        self.closing()
        self.closing = lambda: None

    def received(self, packet: bytes, rtcp: bool) -> None:  # noqa: FBT001 - as Send has it
        """Take a packet from the network."""
        if not self._playing:
            return
        try:
            if rtcp or is_rtcp(packet):
                self._reported(packet)
                return
            if self._guard is not None:
                packet = self._guard.opener.unprotect(packet)
            audio = parse_rtp(packet)
        except LinkError:
            return
        self.last_seen = time.monotonic()
        if self._reception is None or self._reception.ssrc != audio.ssrc:
            self._reception = Reception(audio.ssrc, audio.sequence)
        self._reception.count(audio.sequence)

    def _reported(self, packet: bytes) -> None:
        """Take RTCP: the time of a sender report is named in the next report."""
        if self._guard is not None:
            packet = self._guard.report_opener.open(packet)
        times = sender_times(packet)
        self.last_seen = time.monotonic()
        if self._reception is not None and self._reception.ssrc in times:
            self._reception.sender_reported(times[self._reception.ssrc], time.monotonic())

    def _report(self) -> None:
        blocks = [self._reception.block(time.monotonic())] if self._reception else []
        packet = receiver_report(self.ssrc, blocks, self._name)
        if self._guard is not None:
            packet = self._guard.reports.protect_rtcp(packet)
        self._send(packet, True)  # noqa: FBT003 - the flag of Send
        self._timer = asyncio.get_running_loop().call_later(REPORT_SECONDS, self._report)
