"""What a camera accepts on its audio back channel: told by its own receiver reports.

SRTP packets are sent to it, genuine, altered, cut short and repeated ones. A receiver that rejects
what does not verify does not count it (RFC 3711, 3.3), and its RTCP receiver reports say what it
counted: the highest sequence number, and how many packets are lost, which duplicates make fewer
(RFC 3550, 6.4.1 and A.3). All audio sent is silence.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from devices.description import Stream
from devices.errors import LinkError, NotOffered
from devices.links.capture import Capture
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.client import without_userinfo
from devices.links.rtsp.setup import TRANSPORTS
from devices.links.rtsp.voice_line import Line, line_to
from devices.links.rtsp.voice_reports import ReportTrial, try_reports
from devices.observation import Observation
from devices.protocols.rtp import RtpPacket
from devices.protocols.srtp import Protector, protector
from devices.protocols.srtp_suite import SrtpKeys

SILENCE = {"pcmu": (0, 0xFF), "pcma": (8, 0xD5)}
"""Payload type (RFC 3551, 6) and the byte of silence, of the codecs that can be sent here."""
_SAMPLES = 160  # 20 ms
_FIRST, _SECOND = 20, 10  # genuine packets sent before and after the others
_GAP = range(8, 12)  # of the first, never sent: repetitions would make this loss smaller
_ALTERED, _SHORT = range(20, 24), range(30, 34)  # ahead of the last genuine packet of the first
_REPEATED = range(12, 15)


@dataclass(frozen=True)
class VoiceReception:
    """What a stream's back channel counted, over one transport.

    ``control``: its reports count the genuine packets exactly, before anything else was sent.
    ``beyond``: how far the highest sequence number, in the end, is above that of any genuine
    packet: more than 0 when an altered or shortened packet was accepted. ``surplus``: packets
    counted in the end less genuine ones sent: more than 0 when a repeated (or another) one was
    accepted, less when genuine ones were lost. ``altered``, ``shortened``, ``repeated`` were sent.
    ``reports`` is what it made of RTCP, tried afterwards; None with the problem that kept it.
    """

    name: str
    url: str
    transport: str
    suite: str
    genuine: int
    altered: int
    shortened: int
    repeated: int
    control: bool
    beyond: int
    surplus: int
    reports: ReportTrial | None = None
    reports_problem: str = ""


@dataclass(frozen=True, kw_only=True)
class VoiceReceptions(Observation):
    """Every declared back channel over the first SRTP transport of its stream."""

    receptions: tuple[VoiceReception, ...]


def voice_receptions(access: RtspAccess) -> VoiceReceptions:
    """Send to every declared back channel; raises NotOffered when none is declared with SRTP."""
    tasks = [
        (stream, transport)
        for stream in access.streams()
        if stream.backchannel
        for transport in [t for t in stream.transports if t in TRANSPORTS and TRANSPORTS[t][1]][:1]
    ]
    if not tasks:
        raise NotOffered("the device file declares no back channel of a stream with SRTP")
    found, problems, artefacts = [], [], []
    for stream, transport in tasks:
        capture = access.capture()
        try:
            found.append(_one(access, stream, transport, capture))
        except LinkError as error:
            problems.append(f"{stream.name} over {transport}: {error}")
        artefacts.append(capture.artefact(f"{stream.name}-{transport}-backchannel.pcapng"))
    return VoiceReceptions(
        receptions=tuple(found), shortfall="; ".join(problems), artefacts=tuple(artefacts)
    )


def _one(access: RtspAccess, stream: Stream, transport: str, capture: Capture) -> VoiceReception:
    codec = stream.backchannel or ""
    if codec not in SILENCE:
        raise NotOffered(f"audio in {codec} is not sent here")
    with line_to(access, stream, transport, capture) as line:
        speaker = _Speaker(line.keys, line.ssrc, *SILENCE[codec])
        first = speaker.genuine(_FIRST, leave_out=_GAP)
        line.send(first)
        before = line.report(speaker.ssrc, speaker.last)
        control = (before.highest & 0xFFFF, before.lost) == (speaker.last, len(_GAP))
        hostile = [_flipped(speaker.ahead(n)) for n in _ALTERED]
        hostile += [speaker.ahead(n)[:-4] for n in _SHORT]
        sent = [n for n in range(_FIRST) if n not in _GAP]
        hostile += [first[sent.index(n)] for n in _REPEATED]
        line.send(hostile)
        second = speaker.genuine(_SECOND)
        line.send(second)
        after, last = line.report(speaker.ssrc, speaker.last), speaker.last
        reports, problem = _reports(line, speaker)
    expected = (after.highest - speaker.first) % 0x10000 + 1
    return VoiceReception(
        name=stream.name,
        url=without_userinfo(stream.url),
        transport=transport,
        suite=line.keys.suite.name,
        genuine=len(first) + len(second),
        altered=len(_ALTERED),
        shortened=len(_SHORT),
        repeated=len(_REPEATED),
        control=control,
        beyond=(after.highest & 0xFFFF) - last,
        surplus=expected - after.lost - len(first) - len(second),
        reports=reports,
        reports_problem=problem,
    )


def _reports(line: Line, speaker: _Speaker) -> tuple[ReportTrial | None, str]:
    """What the camera makes of RTCP, or what kept it from being tried."""

    def voice() -> tuple[list[bytes], int]:
        return speaker.genuine(_SECOND), speaker.last

    try:
        return try_reports(line, voice), ""
    except LinkError as error:
        return None, str(error)


class _Speaker:
    """Makes the packets of one voice; sequence numbers stay below 2**15 (RFC 3711, 3.3.1)."""

    def __init__(self, keys: SrtpKeys, ssrc: int, payload_type: int, silence: int) -> None:
        self.ssrc = ssrc
        self.first = secrets.randbelow(0x4000)
        self.last = self.first - 1
        self._payload_type, self._silence = payload_type, bytes([silence]) * _SAMPLES
        self._protector, self._ahead = protector(keys), protector(keys)

    def genuine(self, count: int, leave_out: range = range(0)) -> list[bytes]:
        """The next packets, but for some that are never sent."""
        numbers = range(self.last + 1, self.last + 1 + count)
        self.last += count
        return [
            self._packet(number, self._protector)
            for place, number in enumerate(numbers)
            if place not in leave_out
        ]

    def ahead(self, steps: int) -> bytes:
        """A genuine packet with a number that no packet sent otherwise has."""
        return self._packet(self.last + steps, self._ahead)

    def _packet(self, number: int, protect: Protector) -> bytes:
        timestamp = (number * _SAMPLES) & 0xFFFFFFFF
        packet = RtpPacket(self._payload_type, number, timestamp, self.ssrc, self._silence)
        return protect.protect(packet.to_bytes())


def _flipped(packet: bytes) -> bytes:
    """One bit of the payload is another."""
    middle = len(packet) // 2
    return packet[:middle] + bytes([packet[middle] ^ 0x10]) + packet[middle + 1 :]
