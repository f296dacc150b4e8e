"""One HTTP request on a connection of its own, whose every wire byte is recorded."""

from __future__ import annotations

import http.client
import io
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from devices.errors import LinkError, TimedOut
from devices.links.capture import Capture
from devices.links.http.errors import translated_errors
from devices.links.http.server import Server
from devices.links.rtsp.wire import RtspWire

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 8.0
"""Longest wait for the head of an answer, and for the first media after it."""

_SECRETS = re.compile(
    rb"(?im)^((?:cookie|set-cookie|authorization|x-[\w-]*token):[ \t]*)([^\r\n]+)"
)
_CHUNK = 32 * 1024


class DiscreetCapture(Capture):
    """A capture in which cookies and tokens of plain HTTP are blotted out, length kept."""

    def discreet(self, data: bytes, *, outgoing: bool) -> bytes:
        """Bytes of a TCP connection without what is secret in them."""
        if data[:1].isalpha():  # a head, not media and not TLS
            data = _SECRETS.sub(lambda m: m[1] + b"x" * len(m[2]), data)
        return super().discreet(data, outgoing=outgoing)


class _Incoming(io.RawIOBase):
    """What the connection gives, as a file; reading ends at ``deadline`` (monotonic seconds)."""

    def __init__(self, wire: RtspWire) -> None:
        super().__init__()
        self.deadline = 0.0
        self._wire = wire
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            self._left = self._wire.receive(self.deadline)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


class _Socket:
    """As much of a socket as http.client needs to read an answer."""

    def __init__(self, reader: io.BufferedReader) -> None:
        self._reader = reader

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return self._reader


class MediaWire:
    """A connection for one request. Raises LinkError of the kind that fits."""

    def __init__(self, server: Server, capture: Capture | None = None) -> None:
        self._what = server.url
        self.encrypted = server.scheme == "https"
        self.wire = RtspWire(
            server.address,
            server.port,
            encrypted=self.encrypted,
            capture=capture or Capture(),
            timeout=CONNECT_SECONDS,
        )
        self._incoming = _Incoming(self.wire)
        self._reader = io.BufferedReader(self._incoming, _CHUNK)
        self._answer: http.client.HTTPResponse | None = None

    @property
    def protection(self) -> str:
        """How the connection is protected, as exchanges say it."""
        if not self.encrypted:
            return "none"
        return f"{self.wire.tls_version}, not authenticated: judged elsewhere"

    def close(self) -> None:
        """Close the connection, without waiting."""
        self.wire.close()
        if self._answer is not None:  # before its reader goes: Python 3.13 flushes that one then
            self._answer.close()

    def request(
        self, method: str, target: str, fields: Mapping[str, str], seconds: float = ANSWER_SECONDS
    ) -> http.client.HTTPResponse:
        """Send a request without body and return its answer, with the body still to be read."""
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {v}" for name, v in fields.items())]
        deadline = time.monotonic() + seconds
        self._incoming.deadline = deadline
        with translated_errors(f"{method} {self._what}{target}"):
            self.wire.send("\r\n".join([*lines, "", ""]).encode("latin-1"), deadline)
            answer = http.client.HTTPResponse(_Socket(self._reader), method=method)  # type: ignore[arg-type]
            self._answer = answer
            answer.begin()
        return answer

    def body(
        self,
        answer: http.client.HTTPResponse,
        limit: int,
        enough: Callable[[bytearray], bool],
        seconds: float = ANSWER_SECONDS,
    ) -> tuple[bytes, bool]:
        """Read until ``enough``, ``limit`` bytes, the end, or ``seconds``; and whether it is cut.

        What came before something went wrong is returned, marked as cut.
        """
        data = bytearray()
        self._incoming.deadline = time.monotonic() + seconds
        while len(data) < limit:
            try:
                with translated_errors(self._what):
                    chunk = answer.read1(min(_CHUNK, limit - len(data)))
            except LinkError:
                return bytes(data), True
            if not chunk:
                return bytes(data), bool(answer.length)  # closed before all that was announced
            data += chunk
            if enough(data):
                return bytes(data), True
        return bytes(data), True

    def send(self, data: bytes, seconds: float = CONNECT_SECONDS) -> None:
        """Send bytes after an upgrade."""
        self.wire.send(data, time.monotonic() + seconds)

    def receive(self, deadline: float) -> bytes:
        """Bytes after an upgrade; empty at the end of the connection or at ``deadline``."""
        self._incoming.deadline = deadline
        try:
            return self._reader.read1(_CHUNK)
        except TimedOut:
            return b""
