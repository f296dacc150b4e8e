"""A complete handshake of TLS 1.3 as a client (RFC 8446), without pre-shared keys."""

from __future__ import annotations

from dataclasses import replace

from devices.errors import Garbled
from devices.protocols.cipher_suites import cipher_suites
from devices.protocols.tls.agreement import EphemeralKey
from devices.protocols.tls.client_hello import ClientHello
from devices.protocols.tls.flight import ServerHello, parse_server_hello
from devices.protocols.tls.protection import Protector, shape_of
from devices.protocols.tls.records import Record
from devices.protocols.tls.registry import Content, Extension, Kind, TlsVersion
from devices.protocols.tls.secrets import Schedule13
from devices.protocols.tls.session import Session
from devices.protocols.tls.wire import Reader, message, parse_extensions, record, short

_MESSAGE_HASH = 254


class Session13(Session):
    """One TLS 1.3 session; tickets that come after the handshake are counted."""

    def __init__(self, hello: ClientHello) -> None:
        super().__init__()
        first = [group for group in hello.groups if group in (29, 23)]
        self._keys = {group: EphemeralKey(group) for group in first}
        shares = {group: key.public for group, key in self._keys.items()}
        self._hello = replace(hello, shares=shares)
        self._transcript = self._hello.message()
        self._retried = False
        self._schedule: Schedule13 | None = None
        self._traffic = (b"", b"")  # handshake secrets: client's, server's
        self._next: Protector | None = None
        self._asked: bytes | None = None

    def start(self) -> bytes:
        """The first bytes to send."""
        return record(Content.HANDSHAKE, TlsVersion.TLS_1_0, self._hello.message())

    def _opened(self, one: Record) -> tuple[int, bytes]:
        if one.kind != Content.APPLICATION_DATA:
            return one.kind, one.content  # a server may refuse before it has keys
        return super()._opened(one)

    def _take(self, kind: int, body: bytes, whole: bytes) -> None:
        if kind == Kind.SERVER_HELLO and self._schedule is None:
            hello = parse_server_hello(body)
            self._retry(hello, whole) if hello.retry else self._choose(hello, whole)
            return
        if self._schedule is None or self._reading is None:
            raise Garbled(f"handshake message {kind} before a ServerHello")
        if self.established:
            if kind == Kind.NEW_SESSION_TICKET:
                self._ticket(body)
            return
        if kind == Kind.FINISHED:
            self._finish(self._schedule, body, whole)
            return
        self._transcript += whole
        if kind == Kind.ENCRYPTED_EXTENSIONS:
            chosen = parse_extensions(Reader(body)).get(Extension.ALPN, b"")
            self.facts.alpn = chosen[3:].decode("ascii", "replace")
        elif kind == Kind.CERTIFICATE_REQUEST:
            self._asked = Reader(body).vector(1)
        elif kind == Kind.CERTIFICATE:
            self._certificates(body)
        elif kind == Kind.CERTIFICATE_VERIFY:
            self.facts.scheme = Reader(body).number(2)

    def _retry(self, hello: ServerHello, whole: bytes) -> None:
        """A HelloRetryRequest: the same ClientHello again with the share that is asked for."""
        suite = cipher_suites().get(hello.suite)
        shape = shape_of(suite) if suite is not None else None
        if self._retried or shape is None or hello.group is None:
            raise Garbled("a HelloRetryRequest that cannot be followed")
        self._retried = True
        # The transcript goes on from the hash of the first ClientHello (RFC 8446, 4.4.1).
        empty = Schedule13(cipher_suites()[hello.suite], shape, b"")
        digest = empty.digest(self._transcript)
        self._keys = {hello.group: EphemeralKey(hello.group)}
        shares = {hello.group: self._keys[hello.group].public}
        cookie = hello.extensions.get(Extension.COOKIE, b"")[2:]
        self._hello = replace(self._hello, shares=shares, cookie=cookie)
        again = self._hello.message()
        self._transcript = message(_MESSAGE_HASH, digest) + whole + again
        self._out += record(Content.HANDSHAKE, TlsVersion.TLS_1_2, again)

    def _choose(self, hello: ServerHello, whole: bytes) -> None:
        suite = cipher_suites().get(hello.suite)
        shape = shape_of(suite) if suite is not None else None
        if hello.version != TlsVersion.TLS_1_3:
            raise Garbled("the server changed its version of TLS between two connections")
        if suite is None or shape is None or hello.suite not in self._hello.suites:
            raise Garbled(f"the server chose suite {hello.suite:#06x}, which it was not offered")
        share = Reader(hello.extensions.get(Extension.KEY_SHARE, b""))
        group = share.number(2)
        if group not in self._keys:
            raise Garbled(f"the server chose group {group:#06x}, for which it was sent no share")
        self.facts.group = group
        self._transcript += whole
        self._schedule = Schedule13(suite, shape, self._keys[group].shared(share.vector(2)))
        self._traffic = (
            self._schedule.handshake_traffic("c", self._transcript),
            self._schedule.handshake_traffic("s", self._transcript),
        )
        self._reading = self._schedule.protector(self._traffic[1])

    def _certificates(self, body: bytes) -> None:
        reader = Reader(body)
        reader.vector(1)
        entries, chain = Reader(reader.vector(3)), []
        while entries:
            chain.append(entries.vector(3))
            if Extension.STATUS_REQUEST in parse_extensions(entries):
                self.facts.stapled = True
        self.facts.chain = tuple(chain)

    def _finish(self, schedule: Schedule13, body: bytes, whole: bytes) -> None:
        if body != schedule.finished(self._traffic[1], self._transcript):
            raise Garbled("the server's Finished message does not fit the handshake")
        self._transcript += whole
        self._reading = schedule.protector(schedule.application_traffic("s", self._transcript))
        self._writing = schedule.protector(self._traffic[0])
        later = schedule.protector(schedule.application_traffic("c", self._transcript))
        self._out += record(Content.CHANGE_CIPHER_SPEC, TlsVersion.TLS_1_2, b"\x01")
        if self._asked is not None:
            none = message(Kind.CERTIFICATE, short(self._asked) + bytes(3))
            self._transcript += none
            self._out += self._writing.seal(Content.HANDSHAKE, none)
        finished = message(Kind.FINISHED, schedule.finished(self._traffic[0], self._transcript))
        self._out += self._writing.seal(Content.HANDSHAKE, finished)
        self._writing = later
        self.established = True

    def _ticket(self, body: bytes) -> None:
        reader = Reader(body)
        self.facts.lifetime, _ = reader.number(4), reader.number(4)
        reader.vector(1)
        self.facts.ticket = reader.vector(2)
        self.facts.tickets += 1
        allowed = parse_extensions(reader).get(Extension.EARLY_DATA, b"")
        self.facts.early_data = max(self.facts.early_data, int.from_bytes(allowed[:4], "big"))
