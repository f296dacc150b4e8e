"""Records and handshake messages out of a stream of bytes, however it is cut."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from devices.errors import Garbled, NotOffered
from devices.protocols.tls.registry import ALERTS

MAX_FLIGHT = 256 * 1024
"""Most bytes of a server's answer that are looked at."""

_MAX_RECORD = 2**14 + 2048  # RFC 5246, 6.2.3
_MAX_MESSAGE = 128 * 1024


@dataclass(frozen=True)
class Record:
    """One record as it came; ``header`` is its five bytes."""

    kind: int
    content: bytes
    header: bytes


@dataclass(frozen=True)
class Alert:
    """An alert; ``description`` is its IANA name or number."""

    level: int
    description: str


class RecordReader:
    """Cuts a stream into records. ``limit``: most bytes that are taken in."""

    def __init__(self, limit: int = MAX_FLIGHT) -> None:
        self._buffer = bytearray()
        self._total = 0
        self._limit = limit

    @property
    def idle(self) -> bool:
        """Whether no record has been begun and not ended."""
        return not self._buffer

    def feed(self, data: bytes) -> Iterator[Record]:
        """Take bytes in and give the records that are complete now.

        Raises NotOffered when the server speaks a protocol without TLS here, and Garbled when the
        bytes are no TLS.
        """
        self._total += len(data)
        if self._total > self._limit:
            raise Garbled(f"a TLS server that answers with more than {self._limit} bytes")
        self._buffer += data
        while (found := self._next()) is not None:
            yield found

    def _next(self) -> Record | None:
        buffer = self._buffer
        if buffer and buffer[0] not in range(20, 25):
            raise _no_record(bytes(buffer[:64]))
        if len(buffer) < 5:
            return None
        kind, version, length = struct.unpack_from(">BHH", buffer)
        if version >> 8 != 3 or length > _MAX_RECORD:
            raise Garbled(f"no TLS record: version {version:#06x}, length {length}")
        if len(buffer) < 5 + length:
            return None
        found = Record(kind, bytes(buffer[5 : 5 + length]), bytes(buffer[:5]))
        del buffer[: 5 + length]
        return found


class MessageReader:
    """Puts handshake messages together from the content of records."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def idle(self) -> bool:
        """Whether no message has been begun and not ended."""
        return not self._buffer

    def feed(self, content: bytes) -> Iterator[tuple[int, bytes, bytes]]:
        """Give type, body and whole bytes of each message that is complete now; raises Garbled."""
        self._buffer += content
        while len(self._buffer) >= 4:
            length = int.from_bytes(self._buffer[1:4], "big")
            if length > _MAX_MESSAGE:
                raise Garbled(f"a TLS handshake message of {length} bytes")
            if len(self._buffer) < 4 + length:
                return
            whole = bytes(self._buffer[: 4 + length])
            del self._buffer[: 4 + length]
            yield whole[0], whole[4:], whole


def parse_alert(content: bytes) -> Alert:
    """The content of an alert record; raises Garbled."""
    if len(content) < 2:
        raise Garbled("a TLS alert of less than two bytes")
    return Alert(content[0], ALERTS.get(content[1], str(content[1])))


def _no_record(start: bytes) -> Garbled | NotOffered:
    printable = start.split(b"\r\n")[0].decode("ascii", "replace")
    if start.startswith((b"HTTP/", b"RTSP/", b"<", b"SSH-", b"220")):
        return NotOffered(f"the port answers without TLS: {printable!r}")
    return Garbled(f"the answer is no TLS record; it begins with {start[:16].hex()}")
