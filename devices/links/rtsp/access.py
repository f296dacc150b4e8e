"""How the RTSP link gets at a camera: permitted addresses, declared streams, the test's account."""

from __future__ import annotations

from devices.description import DeviceFile, Stream
from devices.errors import NotOffered
from devices.journal import LOCK_SECONDS, Journal
from devices.links.capture import Capture
from devices.links.capture.method import beside
from devices.links.rtsp.client import (
    REQUEST_SECONDS,
    Endpoint,
    RtspClient,
    endpoint_of,
    without_userinfo,
)
from devices.links.rtsp.tunnel import TunnelTarget, tunnel_target
from devices.links.rtsp.websocket import websocket_target
from devices.permit import Permit
from devices.protocols.digest import DigestClient
from devices.secrets import Secrets


class RtspAccess:
    """Opens connections as the device file allows and says."""

    def __init__(self, device: DeviceFile, permit: Permit, secrets: Secrets) -> None:
        self.device = device
        self._permit = permit
        self._secrets = secrets

    @property
    def journal(self) -> Journal:
        """Where changes of the camera are written down."""
        return self._permit.journal

    @property
    def lock_seconds(self) -> float:
        """How long a lock lasts, as declared."""
        declared = self.device.declared.lockout
        return declared.seconds if declared else LOCK_SECONDS

    def streams(self) -> list[Stream]:
        """Return the declared RTSP streams; raises NotOffered when there are none."""
        found = [stream for stream in self.device.declared.streams if stream.over_rtsp]
        if not found:
            raise NotOffered("the device file declares no RTSP stream")
        return found

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints of the declared streams, each once."""
        return list(dict.fromkeys(endpoint_of(stream.url) for stream in self.streams()))

    def services(self) -> list[Endpoint]:
        """Return the endpoints of the declared RTSP services that are on, each port once."""
        found = [
            Endpoint(service.host or self.host, port, encrypted=service.protocol == "rtsps")
            for service in self.device.declared.services
            if service.protocol in ("rtsp", "rtsps") and service.transport == "tcp" and service.on
            for port in range(service.port, (service.last_port or service.port) + 1)
        ]
        return list(dict.fromkeys(found))

    @property
    def host(self) -> str:
        """The host of the declared RTSP streams, else the camera's."""
        urls = [stream.url for stream in self.device.declared.streams if stream.over_rtsp]
        return endpoint_of(urls[0]).host if urls else self.device.host

    def camera_address(self) -> str:
        """Return the IP address of the streams' host; raises OutsideAuthorisation."""
        return self._permit.address(self.host)

    def capture(self) -> Capture:
        """A capture of one exchange that no verdict cites frames of."""
        return beside(self.device.bench.capture.method)

    def connect(
        self,
        endpoint: Endpoint,
        *,
        login: DigestClient | None = None,
        capture: Capture | None = None,
        allow_basic: bool = True,
        timeout: float = REQUEST_SECONDS,
        tunnel: TunnelTarget | None = None,
        http_login: DigestClient | None = None,
    ) -> RtspClient:
        """Connect to a permitted endpoint; raises OutsideAuthorisation and LinkError.

        With ``tunnel`` through HTTP there, whose challenges ``http_login`` answers, else a fresh
        login when ``login`` is given; Basic goes into none without TLS. Where the device file has
        an endpoint's streams in a WebSocket alone, RTSP is spoken in it.
        """
        tunnel = tunnel or self._only_websocket(endpoint)
        return RtspClient(
            endpoint,
            self._permit.address(tunnel.host if tunnel else endpoint.host),
            tunnel=tunnel,
            tunnel_login=http_login or (self.login() if tunnel and login else None),
            login=login,
            allow_basic=allow_basic and (tunnel is None or tunnel.encrypted),
            capture=capture,
            timeout=timeout,
        )

    def tunnel(self, stream: Stream, transport: str, url: str) -> TunnelTarget | None:
        """Where this transport of a stream is tunnelled; None for others. Raises Garbled."""
        if transport == "websocket":
            return websocket_target(stream.websocket_url or "")
        if transport != "tunnel":
            return None
        return tunnel_target(stream.tunnel_url or url)

    def tunnel_of(self, url: str, transport: str) -> TunnelTarget | None:
        """As tunnel(), for the declared stream of this address. Raises Garbled."""
        for stream in self.device.declared.streams:
            if without_userinfo(stream.url) == url:
                return self.tunnel(stream, transport, url)
        return None

    def _only_websocket(self, endpoint: Endpoint) -> TunnelTarget | None:
        declared = [s for s in self.device.declared.streams if s.over_rtsp]
        own = [s for s in declared if endpoint_of(s.url) == endpoint]
        if own and all(set(s.transports) == {"websocket"} for s in own):
            return self.tunnel(own[0], "websocket", own[0].url)
        return None

    def login(self) -> DigestClient | None:
        """Return a fresh login of the test's account; None when the device file gives none."""
        link = self.device.links.rtsp
        if link is not None and link.account is not None:
            return self.login_of(link.account)
        for role in ("viewer", "operator", "admin"):
            found = self._secrets.account(role=role, service="rtsp")
            if found is not None and found[1].password is not None:
                return self.login_of(found[0])
        return None

    def login_of(self, account: str) -> DigestClient:
        """Return a fresh login of one account; raises DeviceFileError."""
        username = self.device.accounts[account].username
        return DigestClient(username, self._secrets.password(account))

    def account_of(self, username: str) -> str | None:
        """Return the account with this user name whose password is known and that RTSP takes."""
        for name, account in self.device.accounts.items():
            services = account.services or ["rtsp"]
            if account.username == username and account.password and "rtsp" in services:
                return name
        return None
