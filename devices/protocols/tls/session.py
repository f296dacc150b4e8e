"""What the two kinds of complete handshake share: records in, messages out, alerts kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from devices.protocols.cipher_suites import CipherSuite, cipher_suites
from devices.protocols.tls.protection import Protector, shape_of
from devices.protocols.tls.records import (
    Alert,
    MessageReader,
    Record,
    RecordReader,
    parse_alert,
)
from devices.protocols.tls.registry import Content
from devices.protocols.tls.wire import record

CLOSE_NOTIFY = b"\x01\x00"
_LIMIT = 1024 * 1024  # bytes of a whole session


@dataclass
class SessionFacts:
    """What a completed handshake told; ``ticket`` is the last one given, as it was sent.

    ``early_data``: bytes that the server takes before the handshake of a resumed session is over.
    ``lifetime``: of the ticket, in seconds.
    """

    chain: tuple[bytes, ...] = ()
    scheme: int | None = None
    group: int | None = None
    session: bytes = b""
    ticket: bytes = b""
    tickets: int = 0
    lifetime: int = 0
    early_data: int = 0
    extended_master_secret: bool | None = None
    alpn: str = ""
    stapled: bool = False
    unread: list[str] = field(default_factory=list)


class Session:
    """A client's handshake, sans-io: give it what came, send what it returns.

    ``established``: both Finished messages were exchanged. ``alert``: the last fatal alert, or
    no_renegotiation.
    """

    def __init__(self) -> None:
        self.facts = SessionFacts()
        self.established = False
        self.alert: Alert | None = None
        self.closed = False
        self._records = RecordReader(_LIMIT)
        self._messages = MessageReader()
        self._reading: Protector | None = None
        self._writing: Protector | None = None
        self._out = bytearray()

    @property
    def over(self) -> bool:
        """Whether the server ended it."""
        return self.closed or (self.alert is not None and self.alert.level == 2)

    def start(self) -> bytes:
        """The first bytes to send."""
        raise NotImplementedError

    def feed(self, data: bytes) -> bytes:
        """Take in what the server sent; returns what to send. Raises Garbled, NotOffered."""
        for one in self._records.feed(data):
            kind, content = self._opened(one)
            if kind == Content.ALERT:
                self._take_alert(parse_alert(content))
            elif kind == Content.HANDSHAKE:
                for message_kind, body, whole in self._messages.feed(content):
                    self._take(message_kind, body, whole)
        out = bytes(self._out)
        self._out.clear()
        return out

    def close(self) -> bytes:
        """A close_notify, after which an orderly server closes."""
        return self._sealed(Content.ALERT, CLOSE_NOTIFY)

    def _opened(self, one: Record) -> tuple[int, bytes]:
        if self._reading is None or one.kind == Content.CHANGE_CIPHER_SPEC:
            return one.kind, one.content
        return self._reading.open(one)

    def _take(self, kind: int, body: bytes, whole: bytes) -> None:
        """Handle one handshake message: its type, its body, and all its bytes."""
        raise NotImplementedError

    def _take_alert(self, alert: Alert) -> None:
        if alert.description == "close_notify":
            self.closed = True
        elif alert.level == 2 or alert.description == "no_renegotiation":
            self.alert = alert

    def _sealed(self, kind: int, content: bytes) -> bytes:
        if self._writing is None:
            return record(kind, 0x0303, content)
        return self._writing.seal(kind, content)


def computed(suites: Iterator[int] | tuple[int, ...]) -> tuple[int, ...]:
    """Those of these suites that a handshake can be carried to the end with."""
    known = cipher_suites()
    return tuple(code for code in suites if code in known and _feasible(known[code]))


def _feasible(suite: CipherSuite) -> bool:
    kinds = ("", "ECDHE_ECDSA", "ECDHE_RSA", "DHE_RSA", "RSA")
    return shape_of(suite) is not None and suite.key_exchange in kinds
