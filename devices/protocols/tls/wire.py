"""Fields of TLS messages: taken off the front, and put together (RFC 8446, 3)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from devices.errors import Garbled


class Reader:
    """Takes fields off the front of a message; Garbled when it is too short."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    @property
    def taken(self) -> int:
        """How many bytes were taken so far."""
        return self._at

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        if self._at + count > len(self._data):
            raise Garbled("a TLS handshake message that ends in the middle of a field")
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, size: int) -> int:
        """The next big-endian number of ``size`` bytes."""
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        """The next vector, whose length stands before it in ``size`` bytes."""
        return self.take(self.number(size))


def parse_extensions(reader: Reader) -> dict[int, bytes]:
    """A block of extensions, which may be absent at the end of a message; raises Garbled."""
    found: dict[int, bytes] = {}
    if reader:
        block = Reader(reader.vector(2))
        while block:
            kind = block.number(2)
            found[kind] = block.vector(2)
    return found


def record(kind: int, version: int, content: bytes) -> bytes:
    """One record that is not encrypted."""
    return struct.pack(">BHH", kind, version, len(content)) + content


def message(kind: int, body: bytes) -> bytes:
    """One handshake message with its header."""
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def extension(kind: int, content: bytes) -> bytes:
    """One extension."""
    return struct.pack(">H", kind) + long(content)


def short(content: bytes) -> bytes:
    """A vector with a length of one byte."""
    return bytes([len(content)]) + content


def long(content: bytes) -> bytes:
    """A vector with a length of two bytes."""
    return struct.pack(">H", len(content)) + content


def words(values: Sequence[int]) -> bytes:
    """Numbers of two bytes each."""
    return b"".join(struct.pack(">H", value) for value in values)
