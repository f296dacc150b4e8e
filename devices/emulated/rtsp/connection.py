"""One RTSP connection of the emulated camera: reads requests, checks the login, answers."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from devices.emulated.rtsp import backchannel
from devices.emulated.rtsp.login import RtspLogin
from devices.emulated.rtsp.metadata import MetadataTrack
from devices.emulated.rtsp.negotiation import TRACKS, AnySession, Negotiation, track_of
from devices.emulated.rtsp.refused import Refused
from devices.emulated.rtsp.sdp import METADATA_TRACK, TRACK
from devices.emulated.rtsp.session import TIMEOUT, RtspSession, Writer
from devices.errors import Garbled
from devices.protocols.rtsp import Interleaved, Parser, Request, Response, header_list

if TYPE_CHECKING:
    from devices.emulated.rtsp.service import RtspService

MAX_SESSIONS = 4  # on one connection
IDLE_SECONDS = 60.0
_LOOK_SECONDS = 1.0  # between two looks at the sessions, when nothing arrives

Handler = Callable[[Request], Awaitable[Response]]


class Reader(Protocol):
    """Where a connection's bytes come from."""

    async def read(self, n: int, /) -> bytes:
        """Return some bytes; empty at the end."""


class RtspConnection:
    """Serves one client until it leaves, falls silent or sends garbage.

    ``trusted``, under a fault: whoever came this way needs no login.
    """

    def __init__(
        self,
        service: RtspService,
        reader: Reader,
        writer: Writer,
        *,
        trusted: bool = False,
    ) -> None:
        self._service = service
        self._trusted = trusted
        self._reader, self._writer = reader, writer
        self._encrypted = writer.get_extra_info("ssl_object") is not None
        peer = str(writer.get_extra_info("peername")[0])
        self._login = RtspLogin(service.camera, peer, service.logins)
        self._negotiation = Negotiation(service, writer, self._seen)
        self._sessions: dict[str, AnySession] = {}
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
    def sessions(self) -> Mapping[str, AnySession]:
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
                        self._heard(event)
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
        began = time.monotonic()
        while True:
            self._expire()
            try:
                return await asyncio.wait_for(self._reader.read(65536), _LOOK_SECONDS)
            except TimeoutError:
                now = time.monotonic()
                limit = now - IDLE_SECONDS - 5
                if now - began > IDLE_SECONDS and not any(
                    s.last_seen > limit or self._lasts(s) for s in self._sessions.values()
                ):
                    raise

    def _expire(self) -> None:
        """End the sessions in datagrams whose client has given no sign of life for long."""
        limit = time.monotonic() - TIMEOUT
        for identifier, session in list(self._sessions.items()):
            if session.in_datagrams and session.last_seen < limit and not self._lasts(session):
                del self._sessions[identifier]
                session.close()

    def _lasts(self, session: AnySession) -> bool:
        """Whether, under a fault, a session ends with its connection alone."""
        return session.in_datagrams and not self._service.camera.posture.rtsp_sessions_time_out

    def _heard(self, event: Interleaved) -> None:
        self._seen(*self._sessions.values())
        if voice := self._negotiation.voices.get(event.channel):
            voice(event.payload, event.channel % 2 == 1)

    def _seen(self, *sessions: AnySession) -> None:
        for session in sessions:
            session.last_seen = time.monotonic()

    async def _answer(self, request: Request) -> Response:
        try:
            answer = await self._handled(request)
        except Refused as refused:
            answer = Response(status=refused.status)
        common = [("CSeq", request.cseq)] if request.cseq else []
        common.append(("Server", self._service.camera.reported.model))
        return Response(headers=(*common, *answer.headers), body=answer.body, status=answer.status)

    async def _handled(self, request: Request) -> Response:
        if request.version != "1.0":
            raise Refused(505)
        handler = self._handlers.get(request.method)
        if handler is None:
            return Response(status=501, headers=header_list({"Public": ", ".join(self._handlers)}))
        if request.get("Require") and not backchannel.is_required(request):
            unsupported = header_list({"Unsupported": request.get("Require")})
            return Response(status=551, headers=unsupported)
        posture = self._service.camera.posture
        if not self._encrypted and request.method in posture.rtsp_plain_refuses:
            raise Refused(403)
        if self._asks_for_login(request):
            checked = self._login.check(request)
            if not checked.accepted:
                values = self._login.challenges(stale=checked.stale)
                status = self._login.refusal(checked)
                headers = (*(("WWW-Authenticate", v) for v in values),)
                return Response(status=status, headers=headers)
        return await handler(request)

    def _asks_for_login(self, request: Request) -> bool:
        """Every request but OPTIONS needs a login, if no fault lets it do without."""
        posture = self._service.camera.posture
        if request.method == "OPTIONS" or self._trusted:
            return False
        if self._path(request) in posture.rtsp_open_paths:
            return False
        if posture.backchannel_anonymous and backchannel.is_required(request):
            return False
        if posture.rtsp_metadata_open and self._is_for_metadata(request):
            return False
        if posture.rtsp_login_scope == "describe":
            return request.method == "DESCRIBE"
        return self._service.session_anywhere(_identifier(request)) is None

    def _is_for_metadata(self, request: Request) -> bool:
        session = self._sessions.get(_identifier(request))
        return track_of(request) == METADATA_TRACK or isinstance(session, MetadataTrack)

    def _path(self, request: Request) -> str:
        try:
            path = unquote(urlsplit(request.uri).path).rstrip("/")
        except ValueError:
            raise Refused(400) from None
        before, _, track = path.rpartition("/")
        return before if track in TRACKS else path

    def _stream_path(self, request: Request) -> str:
        path = self._path(request)
        if path not in self._service.streams:
            raise Refused(404)
        return path

    def _session(self, request: Request) -> AnySession:
        identifier = _identifier(request)
        session = self._sessions.get(identifier) or self._service.session_anywhere(identifier)
        if session is None:
            raise Refused(454)
        self._seen(session)
        return session

    async def _options(self, request: Request) -> Response:
        if session := self._sessions.get(_identifier(request)):
            self._seen(session)
        return Response(headers=header_list({"Public": ", ".join(self._handlers)}))

    async def _get_parameter(self, request: Request) -> Response:
        if request.get("Session"):
            self._session(request)
        return Response()

    async def _describe(self, request: Request) -> Response:
        path = self._stream_path(request)
        body = await self._negotiation.describe(request, path)
        base = urlsplit(request.uri)._replace(path=path + "/", query="").geturl()
        headers = {"Content-Type": "application/sdp", "Content-Base": base}
        return Response(headers=header_list(headers), body=body)

    async def _setup(self, request: Request) -> Response:
        path = self._stream_path(request)
        joined = self._session(request) if request.get("Session") else None
        if len(self._sessions) >= MAX_SESSIONS:
            raise Refused(453)
        made = await self._negotiation.set_up(request, path, joined)
        session = made.session
        self._sessions.setdefault(session.identifier, session)  # one that joined is not its own
        headers = {
            "Transport": made.transport.to_text(),
            "Session": f"{session.identifier};timeout={TIMEOUT}",
        }
        return Response(headers=header_list(headers))

    async def _play(self, request: Request) -> Response:
        session = self._session(request)
        # After this answer is written: media before it confuses clients.
        asyncio.get_running_loop().call_soon(session.play)
        return Response(
            headers=header_list(
                {
                    "Session": session.identifier,
                    "Range": "npt=now-",
                    "RTP-Info": ",".join(_rtp_info(request.uri, session)),
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


def _rtp_info(uri: str, session: AnySession) -> list[str]:
    """Where each track of a session begins (RFC 2326, 12.33)."""
    before, _, last = uri.rstrip("/").rpartition("/")
    base = before if last in TRACKS else f"{before}/{last}"
    tracks = [(METADATA_TRACK if isinstance(session, MetadataTrack) else TRACK, session)]
    if isinstance(session, RtspSession) and session.companion is not None:
        tracks.append((METADATA_TRACK, session.companion))
    infos = []
    for track, media in tracks:
        sequence, timestamp = media.next_packet
        infos.append(f"url={base}/{track};seq={sequence};rtptime={timestamp}")
    return infos
