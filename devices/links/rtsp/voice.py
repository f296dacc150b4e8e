"""What a camera accepts on its audio back channel: told by its own receiver reports.

SRTP packets are sent to it, genuine, altered, cut short and repeated ones. A receiver that rejects
what does not verify does not count it (RFC 3711, 3.3), and its RTCP receiver reports say what it
counted: the highest sequence number, and how many packets are lost, which duplicates make fewer
(RFC 3550, 6.4.1 and A.3). All audio sent is silence.
"""

from __future__ import annotations

import contextlib
import secrets
import selectors
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from devices.description import Stream
from devices.errors import Garbled, LinkError, NotOffered
from devices.links.capture import Capture, Flow
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.backchannels import REQUIRE, describe_with_backchannel, offered_section
from devices.links.rtsp.client import RtspClient, endpoint_of, without_userinfo
from devices.links.rtsp.describe import OfferedKeys, keys_of, usable
from devices.links.rtsp.player import TRANSPORTS, UdpPorts, own_ports, to_ask_for
from devices.observation import Observation
from devices.protocols import mikey, sdp
from devices.protocols.reports import ReportBlock, report_blocks
from devices.protocols.rtp import RtpPacket, is_rtcp
from devices.protocols.rtsp import Interleaved, Response
from devices.protocols.srtp import Protector, Receiver, protector
from devices.protocols.srtp_suite import SDES_SUITES, SrtpKeys
from devices.protocols.transport import parse_transports

REPORT_SECONDS = 15.0
"""Longest wait for a receiver report: three times the least interval of RFC 3550, 6.2."""
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
        capture = Capture()
        try:
            found.append(_one(access, stream, transport, capture))
        except LinkError as error:
            problems.append(f"{stream.name} over {transport}: {error}")
        artefacts.append(capture.artefact(f"{stream.name}-{transport}-backchannel.pcap"))
    return VoiceReceptions(
        receptions=tuple(found), shortfall="; ".join(problems), artefacts=tuple(artefacts)
    )


def _one(access: RtspAccess, stream: Stream, transport: str, capture: Capture) -> VoiceReception:
    codec = stream.backchannel or ""
    if codec not in SILENCE:
        raise NotOffered(f"audio in {codec} is not sent here")
    with _line(access, stream, transport, capture) as line:
        speaker = _Speaker(line.keys, line.ssrc, *SILENCE[codec])
        first = speaker.genuine(_FIRST, leave_out=_GAP)
        line.send(first)
        last = speaker.last
        before = line.report(speaker.ssrc, last)
        hostile = [_flipped(speaker.ahead(n)) for n in _ALTERED]
        hostile += [speaker.ahead(n)[:-4] for n in _SHORT]
        sent = [n for n in range(_FIRST) if n not in _GAP]
        hostile += [first[sent.index(n)] for n in _REPEATED]
        line.send(hostile)
        second = speaker.genuine(_SECOND)
        line.send(second)
        after = line.report(speaker.ssrc, speaker.last)
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
        control=(before.highest & 0xFFFF, before.lost) == (last, len(_GAP)),
        beyond=(after.highest & 0xFFFF) - speaker.last,
        surplus=expected - after.lost - len(first) - len(second),
    )


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


@dataclass
class _Line:
    """A playing back channel: packets go out, reports come in."""

    client: RtspClient
    ports: UdpPorts | None
    target: tuple[int, int]
    ssrc: int
    keys: SrtpKeys
    openers: list[Receiver]
    capture: Capture

    def send(self, packets: list[bytes]) -> None:
        """Send RTP packets, one after the other."""
        for packet in packets:
            if self.ports is None:
                frame = Interleaved(self.target[0], packet).to_bytes()
                self.client.wire.send(frame, time.monotonic() + 5)
                continue
            own, address = self.ports.sockets[0], self.client.wire.address
            own.sendto(packet, (address, self.target[0]))
            flow = Flow(own.getsockname()[:2], (address, self.target[0]))
            self.capture.udp(flow, packet, outgoing=True)

    def report(self, ssrc: int, number: int) -> ReportBlock:
        """The first report that counts this sequence number, or one above; raises NotOffered."""
        latest: ReportBlock | None = None
        unread = 0
        deadline = time.monotonic() + REPORT_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            for packet in self._receive(left):
                blocks = self._blocks(packet)
                unread += blocks is None
                for block in blocks or ():
                    latest = block if block.ssrc == ssrc else latest
            if latest is not None and latest.highest & 0xFFFF >= number:
                return latest
        if latest is not None:
            return latest
        raise NotOffered(
            f"no receiver report on the audio came within {REPORT_SECONDS:.0f} s"
            + (f"; {unread} RTCP packets do not open by any key that was agreed" * bool(unread))
        )

    def _blocks(self, packet: bytes) -> list[ReportBlock] | None:
        """The blocks of a packet; None when no key opens it."""
        for opener in self.openers:
            with contextlib.suppress(Garbled):
                return report_blocks(opener.unprotect_rtcp(packet))
        return None

    def _receive(self, seconds: float) -> list[bytes]:
        """Whatever RTCP arrives first, within so many seconds."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.client.wire, selectors.EVENT_READ)
            for own in self.ports.sockets if self.ports else ():
                selector.register(own, selectors.EVENT_READ)
            ready = [key.fileobj for key, _ in selector.select(seconds)]
        packets: list[bytes] = []
        if self.client.wire in ready:
            packets += self._from_connection()
        for own in self.ports.sockets if self.ports else ():
            if own in ready:
                data, source = own.recvfrom(65536)
                self.capture.udp(Flow(own.getsockname()[:2], source[:2]), data, outgoing=False)
                packets.append(data)
        return [packet for packet in packets if is_rtcp(packet)]

    def _from_connection(self) -> list[bytes]:
        data = self.client.wire.receive_ready()
        if data is None:
            raise NotOffered("the camera closed the connection of its back channel")
        frames = self.client.feed(data)
        return [event.payload for event in frames if isinstance(event, Interleaved)]


@contextmanager
def _line(access: RtspAccess, stream: Stream, transport: str, capture: Capture) -> Iterator[_Line]:
    """Set a back channel up with SRTP and start it; ended at last. Raises LinkError."""
    url = without_userinfo(stream.url)
    lower, _, datagrams = TRANSPORTS[transport]
    with (
        access.connect(endpoint_of(url), login=access.login(), capture=capture) as client,
        own_ports(client, datagrams=datagrams) as ports,
    ):
        offer, media = offered_section(describe_with_backchannel(client, url), url)
        offered = _offered(offer.description, media)
        track, ssrc = offer.track(media), secrets.randbits(32)
        headers = {"Transport": to_ask_for(media, lower, secure=True, ports=ports).to_text()}
        if offered is None or offered.exchange == "mikey":
            keys = _own_keys(offered)
            headers["KeyMgmt"] = _key_management(keys, ssrc, track)
        else:
            keys = _usable(offered)
        answer = client.request("SETUP", track, headers | REQUIRE)
        if not answer.ok:
            raise NotOffered(f"SETUP of the back channel is answered {answer.status}")
        agreed = parse_transports(answer.get("Transport"))[0]
        target = agreed.pair("server_port" if datagrams else "interleaved")
        if target is None:
            raise Garbled("SETUP of the back channel does not say where to send")
        session = {"Session": answer.get("Session").partition(";")[0], **REQUIRE}
        if not (played := client.request("PLAY", offer.aggregate, session)).ok:
            raise NotOffered(f"PLAY of the back channel is answered {played.status}")
        try:
            openers = _openers(offer.description, answer, keys)
            yield _Line(client, ports, target, ssrc, keys, openers, capture)
        finally:
            with contextlib.suppress(LinkError):
                request = client.prepared("TEARDOWN", offer.aggregate, session)
                client.send_unanswered(request)


def _offered(description: sdp.SessionDescription, media: sdp.Media) -> OfferedKeys | None:
    """The keys offered for a section; None where the client has to give its own, and gets none.

    Raises NotOffered for keys that cannot be used.
    """
    offers = keys_of(description, media)
    return usable(offers) if offers else None


def _usable(offered: OfferedKeys) -> SrtpKeys:
    assert offered.keys is not None  # usable() gave them
    return offered.keys


def _own_keys(offered: OfferedKeys | None) -> SrtpKeys:
    """Keys for what is sent to the camera, of the suite that it offers, else the usual one."""
    suite = _usable(offered).suite if offered else SDES_SUITES["AES_CM_128_HMAC_SHA1_80"]
    return SrtpKeys(
        suite, secrets.token_bytes(suite.key_bytes), secrets.token_bytes(suite.salt_bytes)
    )


def _openers(
    description: sdp.SessionDescription, answer: Response, own: SrtpKeys
) -> list[Receiver]:
    """What the camera's reports may be protected with: keys it gave anywhere, or ours."""
    offers = [offer for media in description.media for offer in keys_of(description, media, answer)]
    given = {keys.fingerprint: keys for offer in offers if (keys := offer.keys) is not None}
    given[own.fingerprint] = own
    found = []
    for keys in given.values():
        with contextlib.suppress(NotOffered):
            found.append(Receiver(keys))
    return found


def _key_management(keys: SrtpKeys, ssrc: int, track: str) -> str:
    """The KeyMgmt header with our keys (RFC 4567, 3.2)."""
    message = mikey.build(keys, ssrc=ssrc, unix_time=time.time())
    data = mikey.key_management(message).partition(" ")[2]
    return f'prot=mikey;uri="{track}";data="{data}"'
