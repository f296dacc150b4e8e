"""One RTSP connection of the emulated camera: reads requests, checks the login, answers."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from devices.emulated.rtsp import backchannel
from devices.emulated.rtsp.backchannel import BackchannelSession
from devices.emulated.rtsp.login import RtspLogin
from devices.emulated.rtsp.sdp import TRACK, describe
from devices.emulated.rtsp.session import TIMEOUT, RtspSession, Send, UdpPair, interleaved_sender
from devices.errors import Garbled, LinkError
from devices.protocols.rtsp import Interleaved, Parser, Request, Response, header_list
from devices.protocols.srtp import protector
from devices.protocols.srtp_suite import SrtpKeys
from devices.protocols.transport import Transport, parse_transports

if TYPE_CHECKING:
    from devices.emulated.rtsp.service import RtspService

MAX_SESSIONS = 4  # on one connection
IDLE_SECONDS = 60.0

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class _Offer:
    """Keys handed out by DESCRIBE, for the one session that is set up with them."""

    keys: SrtpKeys
    ssrc: int


@dataclass(frozen=True)
class _Way:
    """How packets leave, and what SETUP says about it."""

    send: Send
    parameters: dict[str, str]
    pair: UdpPair | None = None
    channels: tuple[int, ...] = ()


class _Refused(Exception):
    """Carries the status of a request that is refused."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


class RtspConnection:
    """Serves one client until it leaves, falls silent or sends garbage."""

    def __init__(
        self, service: RtspService, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._service = service
        self._reader, self._writer = reader, writer
        self._peer = str(writer.get_extra_info("peername")[0])
        self._encrypted = writer.get_extra_info("ssl_object") is not None
        self._login = RtspLogin(service.camera, self._peer, service.logins)
        self._sessions: dict[str, RtspSession | BackchannelSession] = {}
        self._offers: dict[str, _Offer] = {}
        self._voices: dict[int, Callable[[bytes, bool], None]] = {}
        self._handlers: dict[str, Handler] = {
            "OPTIONS": self._options,
            "DESCRIBE": self._describe,
            "SETUP": self._setup,
            "PLAY": self._play,
            "PAUSE": self._pause,
            "TEARDOWN": self._teardown,
            "GET_PARAMETER": self._get_parameter,
        }

    @property
    def user(self) -> str:
        """Who logged in here; empty for nobody."""
        return self._login.user

    @property
    def sessions(self) -> Mapping[str, RtspSession | BackchannelSession]:
        """The sessions that were set up here."""
        return self._sessions

    async def run(self) -> None:
        """Answer requests until the connection ends."""
        parser = Parser()
        try:
            while data := await self._read():
                parser.feed(data)
                for event in parser.events():
                    if isinstance(event, Request):
                        self._writer.write((await self._answer(event)).to_bytes())
                    elif isinstance(event, Interleaved):  # the client's reports, or its voice
                        self._seen(*self._sessions.values())
                        self._voices.get(event.channel, _nobody)(
                            event.payload, event.channel % 2 == 1
                        )
                await self._writer.drain()
        except Garbled:
            self._writer.write(Response(status=400).to_bytes())
        except (ConnectionError, TimeoutError, ssl.SSLError):
            pass  # the client is gone; closing ends its sessions

    def close(self) -> None:
        """End the sessions and the connection."""
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()
        if not self._writer.transport.is_closing():
            self._writer.close()

    async def _read(self) -> bytes:
        """Read; raises TimeoutError when neither a request nor media keeps the client alive."""
        while True:
            try:
                return await asyncio.wait_for(self._reader.read(65536), IDLE_SECONDS)
            except TimeoutError:
                limit = time.monotonic() - TIMEOUT - 5
                if not any(s.last_seen > limit for s in self._sessions.values()):
                    raise

    def _seen(self, *sessions: RtspSession | BackchannelSession) -> None:
        for session in sessions:
            session.last_seen = time.monotonic()

    async def _answer(self, request: Request) -> Response:
        try:
            answer = await self._handled(request)
        except _Refused as refused:
            answer = Response(status=refused.status)
        common = [("CSeq", request.cseq)] if request.cseq else []
        common.append(("Server", self._service.camera.reported.model))
        return Response(headers=(*common, *answer.headers), body=answer.body, status=answer.status)

    async def _handled(self, request: Request) -> Response:
        if request.version != "1.0":
            raise _Refused(505)
        handler = self._handlers.get(request.method)
        if handler is None:
            return Response(status=501, headers=header_list({"Public": ", ".join(self._handlers)}))
        if request.get("Require") and not backchannel.is_required(request):
            unsupported = header_list({"Unsupported": request.get("Require")})
            return Response(status=551, headers=unsupported)
        if self._asks_for_login(request):
            checked = self._login.check(request)
            if not checked.accepted:
                values = self._login.challenges(stale=checked.stale)
                return Response(status=401, headers=(*(("WWW-Authenticate", v) for v in values),))
        return await handler(request)

    def _asks_for_login(self, request: Request) -> bool:
        """Every request but OPTIONS needs a login, if no fault lets it do without."""
        posture = self._service.camera.posture
        if request.method == "OPTIONS" or self._path(request) in posture.rtsp_open_paths:
            return False
        if posture.backchannel_anonymous and backchannel.is_required(request):
            return False
        if posture.rtsp_login_scope == "describe":
            return request.method == "DESCRIBE"
        return self._service.session_anywhere(_identifier(request)) is None

    def _path(self, request: Request) -> str:
        try:
            path = unquote(urlsplit(request.uri).path)
        except ValueError:
            raise _Refused(400) from None
        path = path.rstrip("/").removesuffix("/" + TRACK)
        return path.removesuffix("/" + backchannel.TRACK)

    def _stream_path(self, request: Request) -> str:
        path = self._path(request)
        if path not in self._service.streams:
            raise _Refused(404)
        return path

    def _session(self, request: Request) -> RtspSession | BackchannelSession:
        identifier = _identifier(request)
        session = self._sessions.get(identifier) or self._service.session_anywhere(identifier)
        if session is None:
            raise _Refused(454)
        self._seen(session)
        return session

    async def _options(self, request: Request) -> Response:
        if request.get("Session") and (session := self._sessions.get(request.get("Session"))):
            self._seen(session)
        return Response(headers=header_list({"Public": ", ".join(self._handlers)}))

    async def _get_parameter(self, request: Request) -> Response:
        if request.get("Session"):
            self._session(request)
        return Response()

    async def _describe(self, request: Request) -> Response:
        path = self._stream_path(request)
        camera = self._service.camera
        key_management = self._offer_keys(path)
        body = describe(
            self._service.streams[path],
            address=camera.address,
            title=f"{camera.reported.manufacturer} {camera.reported.model}",
            parameter_sets=await self._service.source(path).parameter_sets(),
            key_management=key_management,
        )
        if backchannel.is_required(request) and self._has_backchannel(path):
            body += backchannel.section(self._offer_keys(path + "/" + backchannel.TRACK))
        base = urlsplit(request.uri)._replace(path=path + "/", query="").geturl()
        headers = {"Content-Type": "application/sdp", "Content-Base": base}
        return Response(headers=header_list(headers), body=body)

    def _offer_keys(self, path: str) -> str:
        """Make keys for a track and return how they are handed out; empty without TLS."""
        if not self._encrypted:  # keys in the clear would be worth nothing
            return ""
        offer = _Offer(self._service.session_keys(), secrets.randbits(32))
        self._offers[path] = offer
        return self._service.key_management(offer.keys, offer.ssrc)

    def _has_backchannel(self, path: str) -> bool:
        everywhere = self._service.camera.posture.backchannel_everywhere
        return everywhere or path in backchannel.PATHS

    async def _setup(self, request: Request) -> Response:
        path = self._stream_path(request)
        if backchannel.is_meant(request) and self._has_backchannel(path):
            return await self._set_up_backchannel(request, path)
        if request.get("Session"):  # one track: nothing to add to a session that exists
            self._session(request)
            raise _Refused(459)
        if len(self._sessions) >= MAX_SESSIONS:
            raise _Refused(453)
        try:
            wanted = parse_transports(request.get("Transport"))
        except Garbled:
            raise _Refused(461) from None
        for transport in wanted:
            if self._accepts(transport, path):
                return await self._set_up(path, transport)
        raise _Refused(461)

    def _accepts(self, transport: Transport, path: str) -> bool:
        """Whether media may go this way: encrypted by TLS, or by SRTP with keys from TLS."""
        if "multicast" in transport.parameters or transport.lower not in ("TCP", "UDP"):
            return False
        if transport.lower == "UDP" and transport.pair("client_port") is None:
            return False
        if transport.secure:
            return path in self._offers
        return transport.lower == "TCP" or self._service.camera.posture.rtp_plain_udp

    async def _set_up(self, path: str, transport: Transport) -> Response:
        way = await (self._tcp(transport) if transport.lower == "TCP" else self._udp(transport))
        offer = self._offers.pop(path) if transport.secure else None
        ssrc = offer.ssrc if offer else secrets.randbits(32)
        session = RtspSession(
            self._service.source(path),
            way.send,
            ssrc=ssrc,
            protector=protector(offer.keys) if offer else None,
        )
        if way.pair is not None:
            session.closing = way.pair.close
            way.pair.heard = lambda: self._seen(session)
        reply = {"unicast": "", **way.parameters, "ssrc": f"{ssrc:08X}"}
        return self._made(session, transport, reply)

    async def _set_up_backchannel(self, request: Request, path: str) -> Response:
        """Make a session of the back channel alone."""
        camera = self._service.camera
        offer = self._offers.pop(path + "/" + backchannel.TRACK, None)
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
            raise _Refused(461) from None
        way = await (self._tcp(transport) if transport.lower == "TCP" else self._udp(transport))
        session = BackchannelSession(way.send, guard, camera.reported.model)
        if way.pair is not None:
            session.closing, way.pair.received = way.pair.close, session.received
        else:
            self._voices |= dict.fromkeys(way.channels, session.received)
        return self._made(session, transport, {"unicast": "", **way.parameters})

    def _made(
        self,
        session: RtspSession | BackchannelSession,
        transport: Transport,
        parameters: dict[str, str],
    ) -> Response:
        """Enter a new session, and say so."""
        self._sessions[session.identifier] = session
        headers = {
            "Transport": Transport(transport.profile, transport.lower, parameters).to_text(),
            "Session": f"{session.identifier};timeout={TIMEOUT}",
        }
        return Response(headers=header_list(headers))

    async def _tcp(self, transport: Transport) -> _Way:
        channels = transport.pair("interleaved") or self._free_channels()
        if max(channels) > 255:
            raise _Refused(461)
        text = "{}-{}".format(*channels)
        send = interleaved_sender(self._writer, channels)
        return _Way(send, {"interleaved": text}, channels=channels)

    async def _udp(self, transport: Transport) -> _Way:
        ports = transport.pair("client_port") or (0, 0)
        pair = UdpPair((self._peer, *ports))  # never elsewhere: a camera is no amplifier
        try:
            await pair.open(self._service.camera.address)
        except OSError:
            raise _Refused(453) from None
        own = "{}-{}".format(*pair.ports)
        return _Way(pair.send, {"client_port": "{}-{}".format(*ports), "server_port": own}, pair)

    def _free_channels(self) -> tuple[int, int]:
        first = 2 * len(self._sessions)
        return first, first + 1

    async def _play(self, request: Request) -> Response:
        session = self._session(request)
        sequence, timestamp = session.next_packet
        url = request.uri.rstrip("/").removesuffix("/" + TRACK) + "/" + TRACK
        # After this answer is written: media before it confuses clients.
        asyncio.get_running_loop().call_soon(session.play)
        return Response(
            headers=header_list(
                {
                    "Session": session.identifier,
                    "Range": "npt=now-",
                    "RTP-Info": f"url={url};seq={sequence};rtptime={timestamp}",
                }
            )
        )

    async def _pause(self, request: Request) -> Response:
        session = self._session(request)
        session.pause()
        return Response(headers=header_list({"Session": session.identifier}))

    async def _teardown(self, request: Request) -> Response:
        session = self._session(request)
        self._sessions.pop(session.identifier, None)
        if self._service.camera.posture.rtsp_teardown_ends:
            session.close()
        else:
            self._service.lingering.append(session)
        return Response(headers=header_list({"Session": session.identifier}))


def _identifier(request: Request) -> str:
    return request.get("Session").partition(";")[0].strip()


def _nobody(packet: bytes, rtcp: bool) -> None:  # noqa: FBT001 - as Send has it
    """Take what comes on a channel that no back channel uses."""
    del packet, rtcp
