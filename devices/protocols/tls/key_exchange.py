"""ServerKeyExchange of TLS 1.2 and before: the group, the public value, the signature's kind."""

from __future__ import annotations

from dataclasses import dataclass

from devices.errors import Garbled
from devices.protocols.cipher_suites import CipherSuite
from devices.protocols.tls.registry import TlsVersion
from devices.protocols.tls.wire import Reader

_NAMED_CURVE = 3
EXPLICIT = 0xFF01
"""Stands for a curve that the server spells out (arbitrary_explicit_prime_curves, RFC 4492)."""


@dataclass(frozen=True)
class KeyExchange:
    """The server's part of an ephemeral key exchange.

    ``group`` is the named curve, None for a finite field; ``prime`` and ``generator`` are of the
    finite field, zero for a curve. ``scheme`` is the signature scheme, which TLS 1.2 alone names.
    """

    group: int | None
    public: bytes
    scheme: int | None = None
    prime: int = 0
    generator: int = 0


def parse_key_exchange(body: bytes, suite: CipherSuite, version: int) -> KeyExchange | None:
    """Parse a ServerKeyExchange (RFC 5246, 7.4.3; RFC 8422, 5.4); raises Garbled.

    None for a key exchange that is neither elliptic nor finite-field Diffie-Hellman.
    """
    reader = Reader(body)
    kind = suite.key_exchange
    if kind.startswith(("ECDHE", "ECDH_anon")):
        if reader.number(1) != _NAMED_CURVE:
            return KeyExchange(EXPLICIT, b"")
        group, public = reader.number(2), reader.vector(1)
        return KeyExchange(group, public, _scheme(reader, suite, version))
    if kind.startswith(("DHE", "DH_anon")):
        prime, generator = (int.from_bytes(reader.vector(2), "big") for _ in range(2))
        public = reader.vector(2)
        if prime < 2:
            raise Garbled("a Diffie-Hellman prime below two")
        return KeyExchange(None, public, _scheme(reader, suite, version), prime, generator)
    return None


def _scheme(reader: Reader, suite: CipherSuite, version: int) -> int | None:
    if not suite.authenticated or version < TlsVersion.TLS_1_2:
        return None
    return reader.number(2)
