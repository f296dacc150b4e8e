"""The server's first flight: what it chose, its certificates, and its part of the key exchange."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from devices.errors import Garbled
from devices.protocols.tls.records import Alert, MessageReader, RecordReader, parse_alert
from devices.protocols.tls.registry import Content, Extension, Kind
from devices.protocols.tls.wire import Reader, parse_extensions

_RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
_SENTINELS = (b"DOWNGRD\x01", b"DOWNGRD\x00")  # to TLS 1.2; to TLS 1.1 or before
_SSL2_SERVER_HELLO = 4


@dataclass(frozen=True)
class ServerHello:
    """What the server chose. ``retry``: it is a HelloRetryRequest, which chooses as well.

    ``random`` is the server's, 32 bytes; ``session`` the session identifier that it names.
    """

    version: int
    suite: int
    compression: int
    extensions: Mapping[int, bytes] = field(default_factory=dict)
    retry: bool = False
    random: bytes = bytes(32)
    session: bytes = b""

    @property
    def sentinel(self) -> bool:
        """Whether the random says that the server could do a newer version (RFC 8446, 4.1.3)."""
        return self.random.endswith(_SENTINELS)

    @property
    def group(self) -> int | None:
        """The group of the key share, or the one that a HelloRetryRequest asks for."""
        share = self.extensions.get(Extension.KEY_SHARE, b"")
        return int.from_bytes(share[:2], "big") if len(share) >= 2 else None


@dataclass(frozen=True)
class CertificateMessage:
    """The server's chain as sent (SSL 3.0 to TLS 1.2): DER, leaf first."""

    chain: tuple[bytes, ...]


@dataclass(frozen=True)
class OtherMessage:
    """A handshake message whose content depends on what was chosen, or is not looked at."""

    type: int
    body: bytes = b""


Message = Alert | ServerHello | CertificateMessage | OtherMessage


class FlightReader:
    """Turns the bytes of a server's first flight into messages, however they are cut."""

    def __init__(self) -> None:
        self._records = RecordReader()
        self._messages = MessageReader()
        self._encrypted = False

    @property
    def idle(self) -> bool:
        """Whether no record or message has been begun and not ended."""
        return self._records.idle and self._messages.idle

    def feed(self, data: bytes) -> list[Message]:
        """Take bytes in and return the messages that are complete now.

        Raises NotOffered when the server speaks a protocol without TLS here, and Garbled when the
        bytes are no TLS.
        """
        found: list[Message] = []
        for record in self._records.feed(data):
            if record.kind == Content.ALERT:
                found.append(parse_alert(record.content))
            elif record.kind == Content.CHANGE_CIPHER_SPEC:
                self._encrypted = True
            elif record.kind == Content.HANDSHAKE and not self._encrypted:
                for kind, body, _ in self._messages.feed(record.content):
                    found.append(parse_message(kind, body))
            # What is encrypted follows a ServerHello of TLS 1.3 or of a resumed session: unread.
        return found


def parse_message(kind: int, body: bytes) -> Message:
    """One handshake message that is not encrypted; raises Garbled."""
    if kind == Kind.SERVER_HELLO:
        return parse_server_hello(body)
    if kind == Kind.CERTIFICATE:
        return CertificateMessage(tuple(_chain(body)))
    return OtherMessage(kind, body)


def parse_server_hello(body: bytes) -> ServerHello:
    """Parse the body of a ServerHello; raises Garbled."""
    reader = Reader(body)
    version, random, session = reader.number(2), reader.take(32), reader.vector(1)
    suite, compression = reader.number(2), reader.number(1)
    extensions = parse_extensions(reader)
    chosen = extensions.get(Extension.SUPPORTED_VERSIONS)
    if chosen is not None:
        if len(chosen) != 2:
            raise Garbled("a ServerHello with a malformed supported_versions extension")
        version = int.from_bytes(chosen, "big")
    return ServerHello(
        version, suite, compression, extensions, random == _RETRY_RANDOM, random, session
    )


def speaks_ssl2(answer: bytes) -> bool | None:
    """Whether bytes are a SERVER-HELLO of SSL 2.0; None while that cannot be told.

    The header is two bytes with the top bit set, or three without; the version stands after the
    message type, the session and the type of certificate.
    """
    header = 2 if answer[:1] >= b"\x80" else 3
    if len(answer) < header + 5:
        return None
    kind, version = answer[header], answer[header + 3 : header + 5]
    return kind == _SSL2_SERVER_HELLO and version == b"\x00\x02"


def _chain(body: bytes) -> Iterator[bytes]:
    block = Reader(Reader(body).vector(3))
    while block:
        yield block.vector(3)
