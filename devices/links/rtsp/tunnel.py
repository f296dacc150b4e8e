"""RTSP in an HTTP tunnel: two connections, GET for what comes and POST for what is sent.

As QuickTime introduced it and cameras of many makers do: both requests carry the same
``x-sessioncookie``; requests go in base64 as the body of the POST, answers and media come as the
body of the answer to the GET. TLS around both by https.
"""

from __future__ import annotations

import base64
import secrets
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from devices.errors import Garbled, LinkError, LoginRefused, NotOffered, Unreachable
from devices.links.capture import Capture
from devices.links.rtsp.wire import RtspWire
from devices.protocols.challenge import parse_challenges
from devices.protocols.digest import DigestClient
from devices.protocols.http_tunnel import MEDIA_TYPE, HttpHead, parse_head

_PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322}


@dataclass(frozen=True)
class TunnelTarget:
    """Where a tunnel is asked for. ``path`` is the HTTP request's target."""

    host: str
    port: int
    encrypted: bool
    path: str

    @property
    def url(self) -> str:
        """Its URL, as people write it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.encrypted else 'http'}://{host}:{self.port}{self.path}"


def tunnel_target(url: str) -> TunnelTarget:
    """Return the target that a URL means: http and https, or rtsp and rtsps on the same port.

    Raises Garbled.
    """
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise Garbled(f"not a URL: {url!r}") from error
    if parts.scheme not in _PORTS or not host:
        raise Garbled(f"no address for a tunnel: {url!r}")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    encrypted = parts.scheme in ("https", "rtsps")
    return TunnelTarget(host, port or _PORTS[parts.scheme], encrypted, path)


class TunnelWire:
    """A tunnel in the place of one connection; see :class:`devices.links.rtsp.wire.RtspWire`.

    ``login`` answers a Digest challenge of HTTP, and nothing else. Raises NotOffered when the
    answer to the GET is no tunnel, LoginRefused when it wants a login that is not there.
    """

    def __init__(
        self,
        target: TunnelTarget,
        address: str,
        *,
        login: DigestClient | None,
        capture: Capture,
        timeout: float,
    ) -> None:
        self._target, self._address, self._login = target, address, login
        self._capture, self._timeout = capture, timeout
        self._cookie = secrets.token_urlsafe(16)
        self._before = b""
        self._down = self._get(time.monotonic() + timeout)
        self.address, self.port = address, target.port
        self.tls_version = self._down.tls_version
        self.local_address = self._down.local_address
        try:
            self._up = self._post()
        except BaseException:
            self._down.close()
            raise

    @property
    def tap(self) -> bytearray | None:
        """Collects what comes in on the connection of the GET, as it is on the network."""
        return self._down.tap

    @tap.setter
    def tap(self, value: bytearray | None) -> None:
        self._down.tap = value

    @property
    def ended(self) -> bool:
        """Whether the camera has ended the connection that media comes on."""
        return self._down.ended

    def fileno(self) -> int:
        """For select: the connection that media comes on."""
        return self._down.fileno()

    def send(self, data: bytes, deadline: float) -> None:
        """Send all of it before ``deadline`` (monotonic seconds), in base64."""
        self._up.send(base64.b64encode(data), deadline)

    def receive(self, deadline: float) -> bytes:
        """Return some bytes of the stream; empty at its end. Raises TimedOut."""
        if self._before:
            data, self._before = self._before, b""
            return data
        return self._down.receive(deadline)

    def receive_ready(self) -> bytes | None:
        """Return what a readable socket gives without waiting; None at the end of the stream."""
        return self._down.receive_ready()

    def close(self) -> None:
        """Close both connections."""
        self._down.close()
        self._up.close()

    def _get(self, deadline: float) -> RtspWire:
        wire, head = self._got(deadline)
        if head.status == 401 and take_up(self._login, head):
            wire.close()
            wire, head = self._got(deadline)
        if head.status == 200 and head.media_type == MEDIA_TYPE:
            return wire
        wire.close()
        raise refused(self._target, head, "no tunnel")

    def _got(self, deadline: float) -> tuple[RtspWire, HttpHead]:
        wire = self._connect()
        try:
            wire.send(self._head("GET", f"Accept: {MEDIA_TYPE}"), deadline)
            head, self._before = http_answer(wire, deadline, "the GET of a tunnel")
        except BaseException:
            wire.close()
            raise
        return wire, head

    def _post(self) -> RtspWire:
        wire = self._connect()
        # The length is none that will be kept: the request is open for as long as the tunnel.
        more = f"Content-Type: {MEDIA_TYPE}\r\nContent-Length: 32767"
        try:
            wire.send(self._head("POST", more), time.monotonic() + self._timeout)
        except BaseException:
            wire.close()
            raise
        return wire

    def _connect(self) -> RtspWire:
        return RtspWire(
            self._address,
            self._target.port,
            encrypted=self._target.encrypted,
            capture=self._capture,
            timeout=self._timeout,
        )

    def _head(self, method: str, more: str) -> bytes:
        target = self._target
        host = f"[{target.host}]" if ":" in target.host else target.host
        lines = [
            f"{method} {target.path} HTTP/1.0",
            f"Host: {host}:{target.port}",
            "User-Agent: camproof",
            f"x-sessioncookie: {self._cookie}",
            "Pragma: no-cache",
            "Cache-Control: no-cache",
            more,
        ]
        if self._login is not None and (value := self._login.authorization(method, target.path)):
            lines.append(f"Authorization: {value}")
        return "\r\n".join([*lines, "", ""]).encode()


class TunnelLogin(LoginRefused):
    """The GET of a tunnel is refused for want of a login; ``status`` is 401 or 403."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class NoTunnel(NotOffered):
    """The GET of a tunnel is answered as any other request."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def take_up(login: DigestClient | None, head: HttpHead) -> bool:
    """Whether a challenge of HTTP is worth an answer: by Digest, never by Basic."""
    if login is None:
        return False
    try:
        return login.challenged(parse_challenges(head.all("www-authenticate")))
    except LinkError:
        return False


def refused(target: TunnelTarget, head: HttpHead, what: str) -> LinkError:
    """Return the error for an answer to a GET that opens nothing; ``what`` it is not."""
    if head.status in (401, 403):
        return TunnelLogin(f"{target.url}: GET is answered {head.status}", head.status)
    kind = f" ({head.media_type})" if head.media_type else ""
    return NoTunnel(f"{target.url}: GET is answered {head.status}{kind}, {what}", head.status)


def http_answer(wire: RtspWire, deadline: float, what: str) -> tuple[HttpHead, bytes]:
    """Return the head of an HTTP answer to ``what``, and the bytes that came behind it."""
    data = b""
    while True:
        more = wire.receive(deadline)
        if not more:
            raise Unreachable(f"closed before the answer to {what}")
        data += more
        if (found := parse_head(data)) is not None:
            return found
