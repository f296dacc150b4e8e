"""What a TLS client says of itself before anything is encrypted: its ClientHello, sans-io.

RFC 8446, 4.1.2; RFC 5246, 7.4.1.2; names by RFC 6066, 3 and ALPN by RFC 7301, 3.1.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from devices.errors import Garbled

MAX_BYTES = 64 * 1024
"""Longest ClientHello that is put together."""

_HANDSHAKE, _CLIENT_HELLO = 22, 1
_SERVER_NAME, _ALPN, _SUPPORTED_VERSIONS = 0, 16, 43


@dataclass(frozen=True)
class ClientOffer:
    """``server_name`` is empty when none is sent; ``alpn`` in the client's order.

    ``version`` is the highest that is offered, as on the wire (0x0304 for TLS 1.3).
    ``fingerprint`` is the same for one TLS client from connection to connection: a digest of the
    cipher suites and of the kinds of extensions.
    """

    server_name: str = ""
    alpn: tuple[str, ...] = ()
    version: int = 0
    fingerprint: str = ""


def begins_tls(data: bytes) -> bool:
    """Whether the first bytes of a connection are a TLS handshake record (three are enough)."""
    return len(data) >= 3 and data[0] == _HANDSHAKE and data[1] == 3 and data[2] <= 4


def parse(data: bytes) -> ClientOffer | None:
    """Return the ClientHello that a connection begins with; None while it is not whole.

    It may lie in several records. Raises Garbled when it is something else or malformed.
    """
    message = bytearray()
    at = 0
    while True:
        if len(data) < at + 5:
            return None
        kind, version, length = struct.unpack_from(">BHH", data, at)
        if kind != _HANDSHAKE or version >> 8 != 3 or length == 0:
            raise Garbled("the connection does not begin with a TLS handshake")
        message += data[at + 5 : at + 5 + length]
        at += 5 + length
        if len(message) >= 4:
            if message[0] != _CLIENT_HELLO:
                raise Garbled(f"a TLS connection that begins with handshake message {message[0]}")
            wanted = 4 + int.from_bytes(message[1:4], "big")
            if wanted > MAX_BYTES:
                raise Garbled(f"a ClientHello of {wanted} bytes")
            if len(message) >= wanted:
                return _parsed(bytes(message[4:wanted]))
        if len(data) < at:
            return None


class _Fields:
    """Takes fields off the front; Garbled when there is too little."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._data):
            raise Garbled("a ClientHello that ends in the middle of a field")
        self._at += count
        return self._data[self._at - count : self._at]

    def vector(self, size: int) -> bytes:
        return self.take(int.from_bytes(self.take(size), "big"))


def _parsed(body: bytes) -> ClientOffer:
    fields = _Fields(body)
    version = int.from_bytes(fields.take(2), "big")
    fields.take(32)
    fields.vector(1)  # session
    suites = fields.vector(2)
    fields.vector(1)  # compression
    extensions: dict[int, bytes] = {}
    block = _Fields(fields.vector(2) if fields else b"")
    while block:
        kind = int.from_bytes(block.take(2), "big")
        extensions[kind] = block.vector(2)
    if _SUPPORTED_VERSIONS in extensions:
        version = max(version, *_versions(extensions[_SUPPORTED_VERSIONS]))
    return ClientOffer(
        _server_name(extensions[_SERVER_NAME]) if _SERVER_NAME in extensions else "",
        _alpn(extensions[_ALPN]) if _ALPN in extensions else (),
        version,
        _fingerprint(suites, extensions.keys()),
    )


def _fingerprint(suites: bytes, kinds: Iterable[int]) -> str:
    """Extensions are sorted, because some clients shuffle them; GREASE (RFC 8701) is left out."""
    offered = [int.from_bytes(suites[at : at + 2], "big") for at in range(0, len(suites), 2)]
    # What a client sends on some connections only: names, padding, resumption, early data.
    passing = {_SERVER_NAME, 21, 35, 41, 42, 44}
    shown = [n for n in offered if not _is_grease(n)]
    shown += sorted(n for n in kinds if not _is_grease(n) and n not in passing)
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:12]


def _is_grease(number: int) -> bool:
    return number & 0x0F0F == 0x0A0A and number >> 8 == number & 0xFF


def _server_name(content: bytes) -> str:
    names = _Fields(_Fields(content).vector(2))
    while names:
        kind = names.take(1)[0]
        name = names.vector(2)
        if kind == 0:
            return name.decode("ascii", "backslashreplace").lower().rstrip(".")
    return ""


def _alpn(content: bytes) -> tuple[str, ...]:
    names = _Fields(_Fields(content).vector(2))
    found: list[str] = []
    while names:
        found.append(names.vector(1).decode("ascii", "backslashreplace"))
    return tuple(found)


def _versions(content: bytes) -> list[int]:
    listed = _Fields(content).vector(1)
    numbers = [int.from_bytes(listed[at : at + 2], "big") for at in range(0, len(listed), 2)]
    # GREASE values (RFC 8701) stand for no version.
    return [number for number in numbers if 0x0300 <= number <= 0x0304] or [0]
