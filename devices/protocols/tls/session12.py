"""A complete handshake of TLS 1.2 as a client (RFC 5246, RFC 7627), and one again inside it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from devices.errors import Garbled
from devices.protocols.cipher_suites import CipherSuite, cipher_suites
from devices.protocols.tls.agreement import EphemeralKey, finite_field
from devices.protocols.tls.client_hello import ClientHello
from devices.protocols.tls.flight import (
    CertificateMessage,
    ServerHello,
    parse_message,
    parse_server_hello,
)
from devices.protocols.tls.key_exchange import KeyExchange, parse_key_exchange
from devices.protocols.tls.protection import Shape, shape_of
from devices.protocols.tls.records import Record
from devices.protocols.tls.registry import Content, Extension, Kind, TlsVersion
from devices.protocols.tls.secrets import Keys12, keys_of_tls12, prf
from devices.protocols.tls.session import Session
from devices.protocols.tls.wire import Reader, long, message, record, short


class Session12(Session):
    """One TLS 1.2 session. ``renegotiated``: the server began a second handshake inside it."""

    def __init__(self, hello: ClientHello) -> None:
        super().__init__()
        self._hello = replace(hello, encrypt_then_mac=False, deflate=False)
        self._transcript = self._hello.message()
        self._server: ServerHello | None = None
        self._suite: CipherSuite | None = None
        self._shape = Shape(0, 0, 0, "sha256")
        self._exchange: KeyExchange | None = None
        self._asked = False
        self._master = b""
        self._keys: Keys12 | None = None
        self._verify = b""
        self.renegotiated = False

    def start(self) -> bytes:
        """The first bytes to send."""
        return record(Content.HANDSHAKE, TlsVersion.TLS_1_0, self._hello.message())

    def renegotiate(self) -> bytes:
        """A ClientHello inside the established session, tied to it by RFC 5746."""
        again = replace(self._hello, renegotiation=self._verify, random=os.urandom(32))
        return self._sealed(Content.HANDSHAKE, again.message())

    def _opened(self, one: Record) -> tuple[int, bytes]:
        if (
            one.kind == Content.CHANGE_CIPHER_SPEC
            and self._keys is not None
            and self._reading is None
        ):
            self._reading = self._keys.server
            return one.kind, one.content
        return super()._opened(one)

    def _take(self, kind: int, body: bytes, whole: bytes) -> None:
        if kind == Kind.HELLO_REQUEST:
            return
        if self.established:
            self.renegotiated = self.renegotiated or kind == Kind.SERVER_HELLO
            return
        if kind == Kind.FINISHED:
            self._finish(body)
        self._transcript += whole
        handlers: dict[int, Callable[[bytes], None]] = {
            Kind.SERVER_HELLO: self._choose,
            Kind.CERTIFICATE: self._take_chain,
            Kind.SERVER_KEY_EXCHANGE: self._take_exchange,
            Kind.SERVER_HELLO_DONE: self._answer,
            Kind.NEW_SESSION_TICKET: self._take_ticket,
        }
        if kind in handlers:
            handlers[kind](body)
        self._asked = self._asked or kind == Kind.CERTIFICATE_REQUEST
        self.facts.stapled = self.facts.stapled or kind == Kind.CERTIFICATE_STATUS

    def _take_chain(self, body: bytes) -> None:
        found = parse_message(Kind.CERTIFICATE, body)
        self.facts.chain = found.chain if isinstance(found, CertificateMessage) else ()

    def _take_exchange(self, body: bytes) -> None:
        if self._suite is None:
            raise Garbled("a ServerKeyExchange before a ServerHello")
        self._exchange = parse_key_exchange(body, self._suite, TlsVersion.TLS_1_2)

    def _take_ticket(self, body: bytes) -> None:
        reader = Reader(body)
        self.facts.lifetime, self.facts.ticket = reader.number(4), reader.vector(2)
        self.facts.tickets += bool(self.facts.ticket)

    def _choose(self, body: bytes) -> None:
        hello = parse_server_hello(body)
        if hello.version != TlsVersion.TLS_1_2:
            raise Garbled("the server changed its version of TLS between two connections")
        suite = cipher_suites().get(hello.suite)
        shape = shape_of(suite) if suite is not None else None
        if suite is None or shape is None or hello.suite not in self._hello.suites:
            raise Garbled(f"the server chose suite {hello.suite:#06x}, which it was not offered")
        self._server, self._suite, self._shape = hello, suite, shape
        self.facts.session = hello.session
        extensions = hello.extensions
        self.facts.extended_master_secret = Extension.EXTENDED_MASTER_SECRET in extensions
        self.facts.alpn = _protocol(extensions.get(Extension.ALPN, b""))

    def _answer(self, _: bytes) -> None:
        """Key exchange, ChangeCipherSpec and Finished."""
        if self._server is None or self._suite is None or self._master:
            raise Garbled("a ServerHelloDone out of place")
        out = message(Kind.CERTIFICATE, bytes(3)) if self._asked else b""
        body, premaster = self._agree()
        out += message(Kind.CLIENT_KEY_EXCHANGE, body)
        self._transcript += out
        randoms = self._hello.random + self._server.random
        label, seed = b"master secret", randoms
        if self.facts.extended_master_secret:
            label, seed = b"extended master secret", self._digest()
        self._master = prf(self._shape.hash, premaster, label, seed, 48)
        backwards = self._server.random + self._hello.random
        self._keys = keys_of_tls12(self._suite, self._shape, self._master, backwards)
        self._writing = self._keys.client
        self._verify = prf(self._shape.hash, self._master, b"client finished", self._digest(), 12)
        finished = message(Kind.FINISHED, self._verify)
        self._transcript += finished
        self._out += record(Content.HANDSHAKE, TlsVersion.TLS_1_2, out)
        self._out += record(Content.CHANGE_CIPHER_SPEC, TlsVersion.TLS_1_2, b"\x01")
        self._out += self._writing.seal(Content.HANDSHAKE, finished)

    def _agree(self) -> tuple[bytes, bytes]:
        """The body of ClientKeyExchange, and the premaster secret."""
        exchange = self._exchange
        if exchange is None:
            premaster = TlsVersion.TLS_1_2.to_bytes(2, "big") + os.urandom(46)
            return long(self._encrypted(premaster)), premaster
        if exchange.group is not None:
            key = EphemeralKey(exchange.group)
            return short(key.public), key.shared(exchange.public)
        public, shared = finite_field(exchange.prime, exchange.generator, exchange.public)
        return long(public), shared

    def _encrypted(self, premaster: bytes) -> bytes:
        try:
            key = x509.load_der_x509_certificate(self.facts.chain[0]).public_key()
        except (IndexError, ValueError, UnsupportedAlgorithm) as error:
            raise Garbled(f"RSA key exchange without a certificate: {error}") from error
        if not isinstance(key, rsa.RSAPublicKey):
            raise Garbled("RSA key exchange with a certificate of another kind")
        return key.encrypt(premaster, padding.PKCS1v15())

    def _finish(self, body: bytes) -> None:
        if self._reading is None:
            raise Garbled("a Finished message that is not encrypted")
        expected = prf(self._shape.hash, self._master, b"server finished", self._digest(), 12)
        if body != expected:
            raise Garbled("the server's Finished message does not fit the handshake")
        self.established = True
        if self._exchange is not None:
            self.facts.scheme, self.facts.group = self._exchange.scheme, self._exchange.group

    def _digest(self) -> bytes:
        return hashlib.new(self._shape.hash, self._transcript).digest()


def _protocol(content: bytes) -> str:
    """The one protocol that a server chose (RFC 7301, 3.1)."""
    return content[3:].decode("ascii", "replace")
