"""The RTSP service of the emulated camera: RTSP inside TLS, and what its posture opens besides."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import time
from typing import Protocol

from devices.emulated.accounts import AccountStore
from devices.emulated.addresses import PORTS, TUNNEL_PORT
from devices.emulated.audit import AuditLog
from devices.emulated.clock import Clock
from devices.emulated.lockout import Lockout
from devices.emulated.posture import Posture
from devices.emulated.rtsp.backchannel import BackchannelSession
from devices.emulated.rtsp.connection import Reader, RtspConnection
from devices.emulated.rtsp.login_state import LoginState
from devices.emulated.rtsp.session import RtspSession, Writer
from devices.emulated.rtsp.tunnel import Rewound, TunnelDoor
from devices.emulated.unit import DeviceInformation
from devices.emulated.video.source import StreamDefinition, VideoHost, VideoSource, definitions
from devices.protocols import mikey
from devices.protocols.srtp_suite import SDES_SUITES, SrtpKeys, SrtpSuite

MAX_CONNECTIONS = 32
_HANDSHAKE_SECONDS = 5.0
_FIRST_SECONDS = 60.0  # for the first bytes of a connection that may be a tunnel's


class RtspHost(VideoHost, Protocol):
    """What the RTSP service needs of a camera."""

    @property
    def address(self) -> str:
        """The IP address to listen on."""

    @property
    def reported(self) -> DeviceInformation:
        """What it says about itself."""

    @property
    def accounts(self) -> AccountStore:
        """Its users."""

    @property
    def lockout(self) -> Lockout:
        """Its protection against guessing."""

    @property
    def audit(self) -> AuditLog:
        """Its audit log."""

    @property
    def clock(self) -> Clock:
        """Its clock."""

    def tls_context(self) -> ssl.SSLContext:
        """Its TLS settings."""


class RtspService:
    """Listens, and holds what its connections share: video sources and key material."""

    def __init__(self, camera: RtspHost) -> None:
        self.camera = camera
        self.streams: dict[str, StreamDefinition] = definitions(camera.posture)
        self.logins = LoginState(camera)
        self._sources = {path: VideoSource(camera, stream) for path, stream in self.streams.items()}
        self._fixed_keys = self._fresh_keys() if camera.posture.srtp_key_reuse else None
        self._door = TunnelDoor(self._tunnelled)
        self._servers: list[asyncio.Server] = []
        self.lingering: list[RtspSession | BackchannelSession] = []
        self._connections: set[RtspConnection] = set()
        camera.accounts.on_revoked(self._revoked)

    async def start(self) -> None:
        """Listen with TLS, and under a fault without it as well."""
        await self._listen(PORTS["rtsps"], self.camera.tls_context())
        if self.camera.posture.rtsp_plain_port:
            await self._listen(PORTS["rtsp"], None)
        if "plain" in self.camera.posture.rtsp_tunnel:
            await self._listen(TUNNEL_PORT, None)

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        for server in self._servers:
            server.close()
        for connection in tuple(self._connections):
            connection.close()
        for session in self.lingering:
            session.close()
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()

    def source(self, path: str) -> VideoSource:
        """Return the live video of a path."""
        return self._sources[path]

    def session_anywhere(self, identifier: str) -> RtspSession | BackchannelSession | None:
        """Return a session of any connection: under a fault its identifier opens it."""
        if not self.camera.posture.rtsp_session_hijack:
            return None
        found = (connection.sessions.get(identifier) for connection in self._connections)
        return next((session for session in found if session is not None), None)

    def _revoked(self, name: str) -> None:
        """End everything of a user who is removed, or whose password is another now."""
        if not self.camera.posture.rtsp_revocation_ends:
            return
        for connection in tuple(self._connections):
            if connection.user == name:
                connection.close()

    def session_keys(self) -> SrtpKeys:
        """Return the SRTP keys for one session: new ones, unless the posture says otherwise."""
        return self._fixed_keys or self._fresh_keys()

    def key_management(self, keys: SrtpKeys, ssrc: int) -> str:
        """Return the ``a=key-mgmt`` value that hands the keys to a client."""
        return mikey.key_management(mikey.build(keys, ssrc=ssrc, unix_time=time.time()))

    def _fresh_keys(self) -> SrtpKeys:
        suite = _suite(self.camera.posture)
        return SrtpKeys(
            suite, secrets.token_bytes(suite.key_bytes), secrets.token_bytes(suite.salt_bytes)
        )

    async def _listen(self, port: int, context: ssl.SSLContext | None) -> None:
        server = await asyncio.start_server(
            self._serve,
            self.camera.address,
            port,
            ssl=context,
            ssl_handshake_timeout=_HANDSHAKE_SECONDS if context else None,
        )
        self._servers.append(server)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve RTSP, or a tunnel where the posture has one on this port."""
        tunnels = self.camera.posture.rtsp_tunnel
        plain_tunnel = writer.get_extra_info("sockname")[1] == TUNNEL_PORT
        if not plain_tunnel and "tls" not in tunnels:
            await self.connected(reader, writer)
            return
        try:
            first = await asyncio.wait_for(reader.read(4096), _FIRST_SECONDS)
            if plain_tunnel or self._door.knocks(first):
                await self._door.enter(first, reader, writer)
            else:
                await self.connected(Rewound(first, reader), writer)
        except (ConnectionError, TimeoutError):
            pass  # the client is gone
        finally:
            writer.close()

    async def _tunnelled(self, reader: Reader, writer: asyncio.StreamWriter) -> None:
        await self.connected(reader, writer, trusted="anonymous" in self.camera.posture.rtsp_tunnel)

    async def connected(self, reader: Reader, writer: Writer, *, trusted: bool = False) -> None:
        """Serve one client until it leaves; ``trusted``, under a fault: without a login."""
        if len(self._connections) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        connection = RtspConnection(self, reader, writer, trusted=trusted)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            connection.close()


def _suite(posture: Posture) -> SrtpSuite:
    standard = SDES_SUITES["AES_CM_128_HMAC_SHA1_80"]
    return SrtpSuite(
        cipher="NULL" if posture.srtp_cipher == "null" else standard.cipher,
        key_bytes=standard.key_bytes,
        salt_bytes=standard.salt_bytes,
        authentication=standard.authentication if posture.srtp_authentication else "NULL",
        tag_bytes=standard.tag_bytes if posture.srtp_authentication else 0,
    )
