"""DESCRIBE and SETUP of one connection: keys are handed out, and sessions made with them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devices.emulated.rtsp import backchannel
from devices.emulated.rtsp.backchannel import BackchannelSession
from devices.emulated.rtsp.beside import Beside
from devices.emulated.rtsp.metadata import MetadataTrack
from devices.emulated.rtsp.refused import Refused
from devices.emulated.rtsp.sdp import METADATA_TRACK, TRACK, describe
from devices.emulated.rtsp.session import RtspSession, UdpPair, Writer
from devices.emulated.rtsp.ways import Way, Ways
from devices.errors import Garbled, LinkError
from devices.protocols.rtsp import Request
from devices.protocols.srtp import protector
from devices.protocols.srtp_suite import SrtpKeys
from devices.protocols.transport import Transport, parse_transports

if TYPE_CHECKING:
    from devices.emulated.rtsp.service import RtspService

TRACKS = (METADATA_TRACK, backchannel.TRACK, TRACK)

AnySession = RtspSession | BackchannelSession


@dataclass(frozen=True)
class _Offer:
    """Keys handed out by DESCRIBE, for the one session that is set up with them."""

    keys: SrtpKeys
    ssrc: int


@dataclass(frozen=True)
class Made:
    """A session that SETUP made; ``transport`` is what the answer says."""

    session: AnySession
    transport: Transport


def track_of(request: Request) -> str:
    """The track that a request names; the video where it names none."""
    end = request.uri.rstrip("/").rpartition("/")[2]
    return end if end in TRACKS else TRACK


class Negotiation:
    """Makes the sessions of one connection. ``seen`` is told of each sign of life of one."""

    def __init__(
        self,
        service: RtspService,
        writer: Writer,
        seen: Callable[[AnySession], None],
    ) -> None:
        self._service = service
        self._encrypted = writer.get_extra_info("ssl_object") is not None
        self._ways = Ways(writer, service.camera.address)
        self._seen = seen
        self._offers: dict[tuple[str, str], _Offer] = {}  # by path and track
        self.voices: dict[int, Callable[[bytes, bool], None]] = {}

    async def describe(self, request: Request, path: str) -> bytes:
        """Return the description of a stream, with keys for one session of each track."""
        camera = self._service.camera
        plain_metadata = camera.posture.rtp_metadata_plain
        body = describe(
            self._service.streams[path],
            address=camera.address,
            title=f"{camera.reported.manufacturer} {camera.reported.model}",
            parameter_sets=await self._service.source(path).parameter_sets(),
            key_management=self._offer_keys(path, TRACK),
            metadata_keys="" if plain_metadata else self._offer_keys(path, METADATA_TRACK),
        )
        if backchannel.is_required(request) and self._has_backchannel(path):
            body += backchannel.section(self._offer_keys(path, backchannel.TRACK))
        return body

    async def set_up(self, request: Request, path: str, joined: AnySession | None) -> Made:
        """Make a session of a track, or let it join one; raises Refused."""
        track = track_of(request)
        if track == backchannel.TRACK and self._has_backchannel(path):
            return await self._set_up_backchannel(request, path)
        if track == METADATA_TRACK and not self._service.streams[path].metadata:
            raise Refused(404)
        video = self._to_join(joined, track)
        try:
            wanted = parse_transports(request.get("Transport"))
        except Garbled:
            raise Refused(461) from None
        for transport in wanted:
            if self._accepts(transport, path, track):
                return await self._set_up(path, track, transport, video)
        raise Refused(461)

    def _to_join(self, joined: AnySession | None, track: str) -> RtspSession | None:
        """The session of the video that its metadata may join; nothing else joins anything."""
        if joined is None:
            return None
        if not isinstance(joined, RtspSession) or isinstance(joined, MetadataTrack):
            raise Refused(459)
        if joined.companion is not None or track != METADATA_TRACK:
            raise Refused(459)
        return joined

    def _offer_keys(self, path: str, track: str) -> str:
        """Make keys for a track and return how they are handed out; empty without TLS."""
        if not self._encrypted:  # keys in the clear would be worth nothing
            return ""
        offer = _Offer(self._service.session_keys(), secrets.randbits(32))
        self._offers[path, track] = offer
        return self._service.key_management(offer.keys, offer.ssrc)

    def _has_backchannel(self, path: str) -> bool:
        everywhere = self._service.camera.posture.backchannel_everywhere
        return everywhere or path in backchannel.PATHS

    def _accepts(self, transport: Transport, path: str, track: str) -> bool:
        """Whether media may go this way: encrypted by TLS, or by SRTP with keys from TLS."""
        if transport.lower not in ("TCP", "UDP"):
            return False
        posture = self._service.camera.posture
        known = (path, track) in self._offers
        if "multicast" in transport.parameters:
            wanted = "srtp" if transport.secure else "plain"
            return posture.rtp_multicast == wanted and (known or not transport.secure)
        if transport.lower == "UDP" and transport.pair("client_port") is None:
            return False
        if transport.secure:
            return known
        plain = posture.rtp_metadata_plain and track == METADATA_TRACK
        return transport.lower == "TCP" or posture.rtp_plain_udp or plain

    async def _set_up(
        self, path: str, track: str, transport: Transport, joined: RtspSession | None
    ) -> Made:
        way = await self._ways.open(transport)
        offer = self._offers.pop((path, track)) if transport.secure else None
        session = self._session(path, track, way, offer)
        if way.pair is not None:
            session.closing = way.pair.close
            session.in_datagrams = True
            way.pair.heard = lambda: self._seen(joined or session)
        if joined is not None:
            joined.companion, session.identifier = session, joined.identifier
        parameters = {**way.parameters, "ssrc": f"{session.ssrc:08X}"}
        return Made(session, Transport(transport.profile, transport.lower, parameters))

    def _session(self, path: str, track: str, way: Way, offer: _Offer | None) -> RtspSession:
        ssrc = offer.ssrc if offer else secrets.randbits(32)
        guard = protector(offer.keys) if offer else None
        beside = Beside.of(self._service.camera)
        if track == METADATA_TRACK:
            stream = self._service.streams[path]
            return MetadataTrack(stream, way.send, ssrc=ssrc, protector=guard, beside=beside)
        source = self._service.source(path)
        return RtspSession(source, way.send, ssrc=ssrc, protector=guard, beside=beside)

    async def _set_up_backchannel(self, request: Request, path: str) -> Made:
        """Make a session of the back channel alone."""
        camera = self._service.camera
        offer = self._offers.pop((path, backchannel.TRACK), None)
        try:
            transport = parse_transports(request.get("Transport"))[0]
            guard = backchannel.guard(
                request,
                transport,
                offer.keys if offer else None,
                camera.posture,
                in_tls=self._encrypted,
            )
        except LinkError:
            raise Refused(461) from None
        if "multicast" in transport.parameters:
            raise Refused(461)  # a camera listens to one client
        way = await self._ways.open(transport)
        session = BackchannelSession(way.send, guard, camera.reported.model)
        if way.pair is not None:
            session.closing = way.pair.close
            session.in_datagrams = True
        if isinstance(way.pair, UdpPair):
            way.pair.received = session.received
        self.voices |= dict.fromkeys(way.channels, session.received)
        return Made(session, Transport(transport.profile, transport.lower, way.parameters))
