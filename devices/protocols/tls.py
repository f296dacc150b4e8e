"""TLS handshakes as far as a prober needs them: ClientHello out, the server's first flight in.

Sans-io and independent of any TLS library, so that what a library refuses to speak can still be
offered: SSL 3.0 (RFC 6101), TLS 1.0 to 1.2 (RFC 2246, 4346, 5246) and TLS 1.3 (RFC 8446).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from devices.errors import Garbled, NotOffered

MAX_FLIGHT = 256 * 1024
"""Most bytes of a server's answer that are looked at."""

_MAX_RECORD = 2**14 + 2048  # RFC 5246, 6.2.3
_MAX_MESSAGE = 128 * 1024
_RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


class TlsVersion(IntEnum):
    """Protocol versions by their number on the wire."""

    SSL_3_0 = 0x0300
    TLS_1_0 = 0x0301
    TLS_1_1 = 0x0302
    TLS_1_2 = 0x0303
    TLS_1_3 = 0x0304

    @property
    def label(self) -> str:
        """``TLS 1.2``."""
        family, major, minor = self.name.split("_")
        return f"{family} {major}.{minor}"


class Extension(IntEnum):
    """Extension types that are sent or looked at (IANA TLS ExtensionType Values)."""

    SERVER_NAME = 0
    SUPPORTED_GROUPS = 10
    EC_POINT_FORMATS = 11
    SIGNATURE_ALGORITHMS = 13
    ENCRYPT_THEN_MAC = 22
    EXTENDED_MASTER_SECRET = 23
    SUPPORTED_VERSIONS = 43
    PSK_KEY_EXCHANGE_MODES = 45
    KEY_SHARE = 51
    RENEGOTIATION_INFO = 0xFF01


ALERTS: Mapping[int, str] = {
    0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow",
    40: "handshake_failure", 41: "no_certificate", 42: "bad_certificate",
    43: "unsupported_certificate", 47: "illegal_parameter", 48: "unknown_ca",
    49: "access_denied", 50: "decode_error", 51: "decrypt_error", 70: "protocol_version",
    71: "insufficient_security", 80: "internal_error", 86: "inappropriate_fallback",
    90: "user_canceled", 109: "missing_extension", 110: "unsupported_extension",
    112: "unrecognized_name", 116: "certificate_required", 120: "no_application_protocol",
}  # fmt: skip


@dataclass(frozen=True)
class Alert:
    """An alert; ``description`` is its IANA name or number."""

    level: int
    description: str


@dataclass(frozen=True)
class ServerHello:
    """What the server chose. ``retry``: it is a HelloRetryRequest, which chooses as well."""

    version: int
    suite: int
    compression: int
    extensions: Mapping[int, bytes] = field(default_factory=dict)
    retry: bool = False


@dataclass(frozen=True)
class CertificateMessage:
    """The server's chain as sent (SSL 3.0 to TLS 1.2): DER, leaf first."""

    chain: tuple[bytes, ...]


@dataclass(frozen=True)
class OtherMessage:
    """A handshake message whose content is not looked at."""

    type: int


Message = Alert | ServerHello | CertificateMessage | OtherMessage

_GROUPS = (29, 23, 24, 25, 30, 256, 257, 258, 26, 27, 28, 22, 21)
# x25519, P-256, P-384, P-521, x448, ffdhe2048 to 4096, brainpool P256r1 to P512r1, secp256k1, P-224
_SIGNATURES = (
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B,
    0x0401, 0x0501, 0x0601, 0x0303, 0x0301, 0x0203, 0x0201, 0x0402, 0x0202, 0x0101,
)  # fmt: skip


def client_hello(version: TlsVersion, suites: Sequence[int], server_name: str = "") -> bytes:
    """A ClientHello, in its record, that offers exactly one version and these suites.

    ``server_name`` is a DNS name (RFC 6066, 3: an address is not sent).
    """
    legacy = min(version, TlsVersion.TLS_1_2)
    session = os.urandom(32) if version is TlsVersion.TLS_1_3 else b""
    listed = b"".join(struct.pack(">H", suite) for suite in suites)
    body = (
        struct.pack(">H", legacy) + os.urandom(32) + _short(session) + _long(listed) + b"\x01\x00"
    )
    if version is not TlsVersion.SSL_3_0:
        body += _long(b"".join(_extensions(version, server_name)))
    record_version = min(version, TlsVersion.TLS_1_0)
    return _record(22, record_version, b"\x01" + len(body).to_bytes(3, "big") + body)


def _extensions(version: TlsVersion, server_name: str) -> Iterator[bytes]:
    if server_name:
        name = b"\x00" + _long(server_name.encode("idna"))
        yield _extension(Extension.SERVER_NAME, _long(name))
    yield _extension(Extension.SUPPORTED_GROUPS, _long(_words(_GROUPS)))
    yield _extension(Extension.EC_POINT_FORMATS, b"\x01\x00")
    if version >= TlsVersion.TLS_1_2:
        yield _extension(Extension.SIGNATURE_ALGORITHMS, _long(_words(_SIGNATURES)))
    if version < TlsVersion.TLS_1_3:
        yield _extension(Extension.RENEGOTIATION_INFO, b"\x00")
        yield _extension(Extension.EXTENDED_MASTER_SECRET, b"")
        yield _extension(Extension.ENCRYPT_THEN_MAC, b"")
    else:
        yield _extension(Extension.SUPPORTED_VERSIONS, _short(_words((version,))))
        yield _extension(Extension.PSK_KEY_EXCHANGE_MODES, b"\x01\x01")
        # Any 32 bytes are an X25519 public key (RFC 7748, 5); the handshake ends before its use.
        yield _extension(Extension.KEY_SHARE, _long(_words((29,)) + _long(os.urandom(32))))


class FlightReader:
    """Turns the bytes of a server's first flight into messages, however they are cut."""

    def __init__(self) -> None:
        self._records = bytearray()
        self._handshake = bytearray()
        self._total = 0

    @property
    def idle(self) -> bool:
        """Whether no record or message has been begun and not ended."""
        return not self._records and not self._handshake

    def feed(self, data: bytes) -> list[Message]:
        """Take bytes in and return the messages that are complete now.

        Raises NotOffered when the server speaks a protocol without TLS here, and Garbled when the
        bytes are no TLS.
        """
        self._total += len(data)
        if self._total > MAX_FLIGHT:
            raise Garbled(f"a TLS server that answers with more than {MAX_FLIGHT} bytes")
        self._records += data
        messages: list[Message] = []
        while (record := self._next_record()) is not None:
            kind, content = record
            if kind == 21:
                messages.append(_alert(content))
            elif kind == 22:
                self._handshake += content
                messages.extend(self._messages())
            # Encrypted content and change-cipher-spec follow a ServerHello of TLS 1.3: unread.
        return messages

    def _next_record(self) -> tuple[int, bytes] | None:
        buffer = self._records
        if buffer and buffer[0] not in range(20, 25):
            raise _no_record(bytes(buffer[:64]))
        if len(buffer) < 5:
            return None
        kind, version, length = struct.unpack_from(">BHH", buffer)
        if version >> 8 != 3 or length > _MAX_RECORD:
            raise Garbled(f"no TLS record: version {version:#06x}, length {length}")
        if len(buffer) < 5 + length:
            return None
        content = bytes(buffer[5 : 5 + length])
        del buffer[: 5 + length]
        return kind, content

    def _messages(self) -> Iterator[Message]:
        while len(self._handshake) >= 4:
            length = int.from_bytes(self._handshake[1:4], "big")
            if length > _MAX_MESSAGE:
                raise Garbled(f"a TLS handshake message of {length} bytes")
            if len(self._handshake) < 4 + length:
                return
            kind, body = self._handshake[0], bytes(self._handshake[4 : 4 + length])
            del self._handshake[: 4 + length]
            if kind == 2:
                yield parse_server_hello(body)
            elif kind == 11:
                yield CertificateMessage(tuple(_chain(body)))
            else:
                yield OtherMessage(kind)


class _Reader:
    """Takes fields off the front of a message; Garbled when it is too short."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._data):
            raise Garbled("a TLS handshake message that ends in the middle of a field")
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        return self.take(self.number(size))


def parse_server_hello(body: bytes) -> ServerHello:
    """Parse the body of a ServerHello; raises Garbled."""
    reader = _Reader(body)
    version, random = reader.number(2), reader.take(32)
    reader.vector(1)
    suite, compression = reader.number(2), reader.number(1)
    extensions: dict[int, bytes] = {}
    if reader:
        block = _Reader(reader.vector(2))
        while block:
            kind = block.number(2)
            extensions[kind] = block.vector(2)
    chosen = extensions.get(Extension.SUPPORTED_VERSIONS)
    if chosen is not None:
        if len(chosen) != 2:
            raise Garbled("a ServerHello with a malformed supported_versions extension")
        version = int.from_bytes(chosen, "big")
    return ServerHello(version, suite, compression, extensions, retry=random == _RETRY_RANDOM)


def _chain(body: bytes) -> Iterator[bytes]:
    block = _Reader(_Reader(body).vector(3))
    while block:
        yield block.vector(3)


def _alert(content: bytes) -> Alert:
    if len(content) < 2:
        raise Garbled("a TLS alert of less than two bytes")
    return Alert(content[0], ALERTS.get(content[1], str(content[1])))


def _no_record(start: bytes) -> Garbled | NotOffered:
    printable = start.split(b"\r\n")[0].decode("ascii", "replace")
    if start.startswith((b"HTTP/", b"RTSP/", b"<", b"SSH-", b"220")):
        return NotOffered(f"the port answers without TLS: {printable!r}")
    return Garbled(f"the answer is no TLS record; it begins with {start[:16].hex()}")


def _record(kind: int, version: int, content: bytes) -> bytes:
    return struct.pack(">BHH", kind, version, len(content)) + content


def _extension(kind: Extension, content: bytes) -> bytes:
    return struct.pack(">H", kind) + _long(content)


def _short(content: bytes) -> bytes:
    return bytes([len(content)]) + content


def _long(content: bytes) -> bytes:
    return struct.pack(">H", len(content)) + content


def _words(values: Sequence[int]) -> bytes:
    return b"".join(struct.pack(">H", value) for value in values)
