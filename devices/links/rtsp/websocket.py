"""RTSP in a WebSocket (ONVIF Streaming, 5.1.1.5): one byte stream in binary messages.

What RTSP would send over TCP, requests, answers and interleaved media, goes in binary messages of
the sub-protocol rtsp.onvif.org; where one message ends says nothing. TLS around it by wss. Login is
RTSP's own; a web server may ask for one by HTTP besides.
"""

from __future__ import annotations

import base64
import secrets
import time

from devices.errors import Garbled
from devices.links.capture import Capture
from devices.links.rtsp.tunnel import TunnelTarget, http_answer, refused, take_up, tunnel_target
from devices.links.rtsp.wire import RtspWire
from devices.protocols import websocket
from devices.protocols.digest import DigestClient
from devices.protocols.http_tunnel import HttpHead

SUBPROTOCOL = "rtsp.onvif.org"

_HTTP = {"ws": "http", "wss": "https"}
_KEY, _MASK = 16, 4  # bytes, RFC 6455, 4.1 and 5.3
_CARRIERS = (websocket.BINARY, websocket.TEXT)  # some send answers as text


class WebSocketTarget(TunnelTarget):
    """Where a WebSocket is asked for."""

    @property
    def url(self) -> str:
        """Its URL, as people write it."""
        return f"{'wss' if self.encrypted else 'ws'}{super().url.removeprefix('http').lstrip('s')}"


def websocket_target(url: str) -> WebSocketTarget:
    """Return the target that a ws(s) or http(s) URL means; raises Garbled."""
    scheme, mark, rest = url.partition("://")
    found = tunnel_target(f"{_HTTP.get(scheme.lower(), scheme)}{mark}{rest}")
    return WebSocketTarget(found.host, found.port, found.encrypted, found.path)


class WebSocketWire:
    """A WebSocket in the place of a connection; see :class:`devices.links.rtsp.wire.RtspWire`.

    ``login`` answers a Digest challenge of HTTP. ``subprotocol`` is what the camera agreed on,
    empty when it said nothing. Raises NotOffered when the answer to the GET is no WebSocket,
    LoginRefused when it wants a login that is not there.
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
        self._target, self._login = target, login
        self.address, self.port = address, target.port
        self.subprotocol = ""
        self._capture, self._timeout = capture, timeout
        self._reader = websocket.Reader()
        self._closed = False
        self._wire, before = self._opened(time.monotonic() + timeout)
        self.tls_version = self._wire.tls_version
        self.local_address = self._wire.local_address
        try:
            self._before = self._taken(before)
        except BaseException:
            self._wire.close()
            raise

    @property
    def tap(self) -> bytearray | None:
        """Collects what comes in, as it is on the network, from the frame that is coming in on."""
        return self._wire.tap

    @tap.setter
    def tap(self, value: bytearray | None) -> None:
        if value is not None and not self._wire.tls_version:
            value += self._reader.pending
        self._wire.tap = value

    @property
    def ended(self) -> bool:
        """Whether the camera has ended the WebSocket, or the connection under it."""
        return self._closed or self._wire.ended

    def fileno(self) -> int:
        """For select."""
        return self._wire.fileno()

    def send(self, data: bytes, deadline: float) -> None:
        """Send all of it before ``deadline`` (monotonic seconds), as one message."""
        self._send(websocket.BINARY, data, deadline)

    def receive(self, deadline: float) -> bytes:
        """Return some bytes of the stream; empty at its end. Raises TimedOut and Garbled."""
        if self._before:
            data, self._before = self._before, b""
            return data
        while not self._closed:
            raw = self._wire.receive(deadline)
            if not raw:
                break
            if data := self._taken(raw):
                return data
        return b""

    def receive_ready(self) -> bytes | None:
        """Return what a readable socket gives without waiting; None at the end of the stream."""
        raw = self._wire.receive_ready()
        if raw is None:
            return None
        data, self._before = self._before + self._taken(raw), b""
        return None if self._closed and not data else data

    def close(self) -> None:
        """Close, without waiting for the other side."""
        self._wire.close()

    def _send(self, opcode: int, payload: bytes, deadline: float) -> None:
        frame = websocket.to_frame(opcode, payload, secrets.token_bytes(_MASK))
        self._wire.send(frame, deadline)

    def _taken(self, raw: bytes) -> bytes:
        """What the messages hold that these bytes complete; pings are answered."""
        pieces: list[bytes] = []
        for message in self._reader.feed(raw):
            if message.opcode in _CARRIERS:
                pieces.append(message.payload)
            elif message.opcode == websocket.PING:
                self._send(websocket.PONG, message.payload, time.monotonic() + self._timeout)
            elif message.opcode == websocket.CLOSE:
                self._closed = True
        return b"".join(pieces)

    def _opened(self, deadline: float) -> tuple[RtspWire, bytes]:
        wire, head, rest, key = self._asked(deadline)
        if head.status == 401 and take_up(self._login, head):
            wire.close()
            wire, head, rest, key = self._asked(deadline)
        if head.status == 101:
            if head.first("sec-websocket-accept") == websocket.accept_of(key):
                self.subprotocol = head.first("sec-websocket-protocol")
                return wire, rest
            wire.close()
            raise Garbled(f"{self._target.url}: an upgrade without the right Sec-WebSocket-Accept")
        wire.close()
        raise refused(self._target, head, "no WebSocket")

    def _asked(self, deadline: float) -> tuple[RtspWire, HttpHead, bytes, str]:
        target = self._target
        wire = RtspWire(
            self.address,
            target.port,
            encrypted=target.encrypted,
            capture=self._capture,
            timeout=self._timeout,
        )
        key = base64.b64encode(secrets.token_bytes(_KEY)).decode()
        try:
            wire.send(self._request(key), deadline)
            head, rest = http_answer(wire, deadline, "the GET of a WebSocket")
        except BaseException:
            wire.close()
            raise
        return wire, head, rest, key

    def _request(self, key: str) -> bytes:
        target = self._target
        host = f"[{target.host}]" if ":" in target.host else target.host
        fields = {"Host": f"{host}:{target.port}", "User-Agent": "camproof"}
        fields |= websocket.upgrade_fields(key, SUBPROTOCOL)
        if self._login is not None and (value := self._login.authorization("GET", target.path)):
            fields["Authorization"] = value
        lines = [f"GET {target.path} HTTP/1.1", *(f"{name}: {v}" for name, v in fields.items())]
        return "\r\n".join([*lines, "", ""]).encode()
