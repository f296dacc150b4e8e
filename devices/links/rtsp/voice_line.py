"""The line to a camera's audio back channel: set up with SRTP, packets out, reports in."""

from __future__ import annotations

import contextlib
import secrets
import selectors
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from devices.description import Stream
from devices.errors import Garbled, LinkError, NotOffered
from devices.links.capture import Capture, Flow
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.backchannels import REQUIRE, describe_with_backchannel, offered_section
from devices.links.rtsp.client import RtspClient, endpoint_of, without_userinfo
from devices.links.rtsp.describe import OfferedKeys, keys_of, usable
from devices.links.rtsp.setup import TRANSPORTS, UdpPorts, own_ports, to_ask_for
from devices.protocols import mikey, sdp
from devices.protocols.reports import ReportBlock, report_blocks
from devices.protocols.rtp import is_rtcp
from devices.protocols.rtsp import Interleaved, Response
from devices.protocols.srtp import Receiver
from devices.protocols.srtp_suite import SDES_SUITES, SrtpKeys
from devices.protocols.transport import parse_transports

REPORT_SECONDS = 15.0
"""Longest wait for a receiver report: three times the least interval of RFC 3550, 6.2."""


@dataclass
class Line:
    """A playing back channel: packets go out, reports come in."""

    client: RtspClient
    ports: UdpPorts | None
    target: tuple[int, int]
    ssrc: int
    keys: SrtpKeys
    openers: list[Receiver]
    capture: Capture

    def send(self, packets: list[bytes], *, rtcp: bool = False) -> None:
        """Send RTP packets (``rtcp``: RTCP), one after the other."""
        to = self.target[rtcp]
        for packet in packets:
            if self.ports is None:
                self.client.wire.send(Interleaved(to, packet).to_bytes(), time.monotonic() + 5)
                continue
            own, address = self.ports.sockets[rtcp], self.client.wire.address
            own.sendto(packet, (address, to))
            self.capture.udp(Flow(own.getsockname()[:2], (address, to)), packet, outgoing=True)

    def report(self, ssrc: int, number: int) -> ReportBlock:
        """The first report that counts this sequence number, or one above; raises NotOffered."""
        return self.reports(ssrc, lambda block: block.highest & 0xFFFF >= number)[-1]

    def reports(
        self, ssrc: int, enough: Callable[[ReportBlock], bool], times: int = 1
    ) -> list[ReportBlock]:
        """What comes on a source until ``times`` reports were ``enough``, or for REPORT_SECONDS.

        Raises NotOffered when nothing comes.
        """
        found: list[ReportBlock] = []
        unread = 0
        deadline = time.monotonic() + REPORT_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            for packet in self._receive(left):
                blocks = self._blocks(packet)
                unread += blocks is None
                found += [block for block in blocks or () if block.ssrc == ssrc]
            if sum(map(enough, found)) >= times:
                return found
        if found:
            return found
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
def line_to(access: RtspAccess, stream: Stream, transport: str, capture: Capture) -> Iterator[Line]:
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
            yield Line(client, ports, target, ssrc, keys, openers, capture)
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
