"""RTSP/1.0 messages (RFC 2326), sans-io: an incremental, bounded parser and the serialiser.

One connection carries requests, responses and interleaved media frames (RFC 2326, 10.12) in any
order; :class:`Parser` takes bytes as they come and gives whole messages. Camera and client share
it, so requests and responses are told apart by their first line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from devices.errors import Garbled

VERSION = "RTSP/1.0"
MAX_HEAD = 32 * 1024
"""Longest head of a message in bytes; no camera needs a tenth of it."""
MAX_BODY = 512 * 1024
"""Longest body in bytes: an SDP with keys is a few kilobytes."""
MAX_HEADERS = 128

REASONS: Mapping[int, str] = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Request Entity Too Large",
    453: "Not Enough Bandwidth",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    459: "Aggregate Operation Not Allowed",
    461: "Unsupported Transport",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "RTSP Version not supported",
    551: "Option not supported",
}
"""Status codes of RFC 2326, 7.1.1 that this package sends."""

_STATUS_LINE = re.compile(r"RTSP/\d\.\d\s+(\d{3})(?:\s+(.*))?")
_REQUEST_LINE = re.compile(r"([A-Z_]{1,32})\s+(\S+)\s+RTSP/(\d\.\d)")
_HEAD_END = re.compile(rb"\r?\n\r?\n")

HeaderList = tuple[tuple[str, str], ...]


def header_list(headers: Iterable[tuple[str, str]] | Mapping[str, str]) -> HeaderList:
    """Return headers as the ordered pairs that messages hold."""
    return tuple(headers.items() if isinstance(headers, Mapping) else headers)


@dataclass(frozen=True)
class Message:
    """What requests and responses share: ordered headers, compared without case, and a body."""

    headers: HeaderList = ()
    body: bytes = field(default=b"", repr=False)

    def all(self, name: str) -> list[str]:
        """Return every value of a header, in order of appearance."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of a header."""
        return next(iter(self.all(name)), default)

    def _serialised(self, first_line: str) -> bytes:
        lines = [first_line, *(f"{name}: {_one_line(value)}" for name, value in self.headers)]
        if self.body:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("utf-8") + self.body


@dataclass(frozen=True)
class Request(Message):
    """One request. ``uri`` is as sent; ``*`` for the whole server."""

    method: str = "OPTIONS"
    uri: str = "*"
    version: str = "1.0"

    @property
    def cseq(self) -> str:
        """The sequence number, as text; empty when the client sent none."""
        return self.get("CSeq")

    def to_bytes(self) -> bytes:
        """Serialise; Content-Length is added for a body."""
        return self._serialised(f"{self.method} {self.uri} {VERSION}")


@dataclass(frozen=True)
class Response(Message):
    """One response."""

    status: int = 200
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether the status says success."""
        return 200 <= self.status < 300

    def to_bytes(self) -> bytes:
        """Serialise; the reason phrase defaults to the RFC's."""
        reason = self.reason or REASONS.get(self.status, "Status")
        return self._serialised(f"{VERSION} {self.status} {reason}")


@dataclass(frozen=True)
class Interleaved:
    """One frame of media or RTCP inside the RTSP connection (RFC 2326, 10.12)."""

    channel: int
    payload: bytes = field(repr=False)

    def to_bytes(self) -> bytes:
        """Serialise; a payload is at most 65,535 bytes."""
        return b"$" + bytes([self.channel]) + len(self.payload).to_bytes(2, "big") + self.payload


Event = Request | Response | Interleaved


class Parser:
    """Turns the byte stream of one connection into messages, however it is cut.

    ``feed`` bytes, then iterate ``events()``. Raises Garbled when the stream is not RTSP or a
    part exceeds its bound; after that the connection cannot be used.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: Request | Response | None = None
        self._missing = 0

    @property
    def pending(self) -> int:
        """Bytes held that are not yet a whole message."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Add bytes as they came from the connection."""
        self._buffer += data

    def events(self) -> Iterator[Event]:
        """Yield every whole message that has arrived."""
        while (event := self._next()) is not None:
            yield event

    def _next(self) -> Event | None:
        if self._head is None:
            self._drop_blank_lines()
            if self._buffer[:1] == b"$":
                return self._frame()
            if not self._read_head():
                return None
        if self._head is None or len(self._buffer) < self._missing:
            return None
        head, body = self._head, bytes(self._buffer[: self._missing])
        del self._buffer[: self._missing]
        self._head = None
        if isinstance(head, Request):
            return Request(head.headers, body, head.method, head.uri, head.version)
        return Response(head.headers, body, head.status, head.reason)

    def _drop_blank_lines(self) -> None:
        stripped = self._buffer.lstrip(b"\r\n")
        if len(stripped) != len(self._buffer):
            self._buffer = stripped

    def _frame(self) -> Interleaved | None:
        if len(self._buffer) < 4:
            return None
        end = 4 + int.from_bytes(self._buffer[2:4], "big")
        if len(self._buffer) < end:
            return None
        frame = Interleaved(self._buffer[1], bytes(self._buffer[4:end]))
        del self._buffer[:end]
        return frame

    def _read_head(self) -> bool:
        found = _HEAD_END.search(self._buffer)
        length = found.start() if found else len(self._buffer)
        if length > MAX_HEAD:
            raise Garbled(f"an RTSP message head of more than {MAX_HEAD} bytes")
        self._refuse_early()
        if not found:
            return False
        text = bytes(self._buffer[:length]).decode("utf-8", "replace")
        del self._buffer[: found.end()]
        self._head = parse_head(text)
        self._missing = _content_length(self._head)
        return True

    def _refuse_early(self) -> None:
        """Refuse what cannot become a message without waiting for more of it."""
        first = bytes(self._buffer[:1])
        if first and not (first.isalpha() and first.isupper()):
            raise Garbled(f"not RTSP: starts with {bytes(self._buffer[:16])!r}")


def parse_head(text: str) -> Request | Response:
    """Parse first line and headers (without the empty line); raises Garbled."""
    first, *rest = text.replace("\r\n", "\n").split("\n")
    headers = _parse_headers(rest)
    if status := _STATUS_LINE.fullmatch(first.strip()):
        return Response(headers, b"", int(status[1]), status[2] or "")
    if line := _REQUEST_LINE.fullmatch(first.strip()):
        return Request(headers, b"", line[1], line[2], line[3])
    raise Garbled(f"not an RTSP first line: {first[:80]!r}")


def _parse_headers(lines: list[str]) -> HeaderList:
    headers: list[tuple[str, str]] = []
    for line in lines:
        if line[:1] in (" ", "\t") and headers:  # folded header, RFC 2326 by way of RFC 2068
            name, value = headers[-1]
            headers[-1] = (name, f"{value} {line.strip()}")
            continue
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise Garbled(f"not an RTSP header: {line[:80]!r}")
        headers.append((name.strip(), value.strip()))
        if len(headers) > MAX_HEADERS:
            raise Garbled(f"more than {MAX_HEADERS} RTSP headers")
    return tuple(headers)


def _content_length(head: Message) -> int:
    text = head.get("Content-Length", "0") or "0"
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise Garbled(f"Content-Length is not a number: {text[:40]!r}")
    if int(text) > MAX_BODY:
        raise Garbled(f"an RTSP body of {text} bytes, more than {MAX_BODY}")
    return int(text)


def _one_line(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")
