"""Encryption of records, for handshakes that a prober carries to the end.

AEAD suites of TLS 1.2 (RFC 5288, RFC 7905) and of TLS 1.3 (RFC 8446, 5.2), and AES-CBC with HMAC of
TLS 1.2 (RFC 5246, 6.2.3.2). Nothing secret is ever sent through it: it measures.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from devices.errors import Garbled
from devices.protocols.cipher_suites import CipherSuite
from devices.protocols.tls.records import Record

_VERSION = 0x0303
_Aead = AESGCM | ChaCha20Poly1305 | AESCCM


@dataclass(frozen=True)
class Shape:
    """What a suite needs: key bytes, fixed nonce bytes, MAC key bytes, the hash of its PRF."""

    key: int
    nonce: int
    mac: int
    hash: str
    mac_hash: str = ""


_SHAPES = {
    "AES_128_GCM_SHA256": Shape(16, 4, 0, "sha256"),
    "AES_256_GCM_SHA384": Shape(32, 4, 0, "sha384"),
    "CHACHA20_POLY1305_SHA256": Shape(32, 12, 0, "sha256"),
    "AES_128_CCM": Shape(16, 4, 0, "sha256"),
    "AES_256_CCM": Shape(32, 4, 0, "sha256"),
    "AES_128_CCM_SHA256": Shape(16, 4, 0, "sha256"),
    "AES_128_CBC_SHA": Shape(16, 0, 20, "sha256", "sha1"),
    "AES_256_CBC_SHA": Shape(32, 0, 20, "sha256", "sha1"),
    "AES_128_CBC_SHA256": Shape(16, 0, 32, "sha256", "sha256"),
    "AES_256_CBC_SHA256": Shape(32, 0, 32, "sha256", "sha256"),
    "AES_256_CBC_SHA384": Shape(32, 0, 48, "sha384", "sha384"),
}


def shape_of(suite: CipherSuite) -> Shape | None:
    """What a suite needs; None for a suite that is not computed here."""
    return _SHAPES.get(suite.cipher)


class Protector(Protocol):
    """One direction of a connection."""

    def seal(self, kind: int, content: bytes) -> bytes:
        """One encrypted record."""

    def open(self, record: Record) -> tuple[int, bytes]:
        """Type and content of an encrypted record; raises Garbled."""


def protector(suite: CipherSuite, key: bytes, nonce: bytes, mac: bytes = b"") -> Protector:
    """The protection of one direction with these keys (``Shape`` says how long they are)."""
    shape = _SHAPES[suite.cipher]
    if shape.mac:
        return _Cbc(key, mac, shape.mac_hash)
    cipher = _aead(suite, key)
    return _Aead13(cipher, nonce) if suite.tls13 else _Aead12(cipher, nonce)


def _aead(suite: CipherSuite, key: bytes) -> _Aead:
    if "CHACHA20" in suite.cipher:
        return ChaCha20Poly1305(key)
    return AESCCM(key) if "CCM" in suite.cipher else AESGCM(key)


class _Aead12:
    def __init__(self, cipher: _Aead, nonce: bytes) -> None:
        self._cipher, self._nonce, self._count = cipher, nonce, 0

    def seal(self, kind: int, content: bytes) -> bytes:
        explicit = struct.pack(">Q", self._count) if len(self._nonce) == 4 else b""
        sealed = self._cipher.encrypt(
            self._next(explicit), content, self._data(kind, len(content), self._count)
        )
        self._count += 1
        return struct.pack(">BHH", kind, _VERSION, len(explicit + sealed)) + explicit + sealed

    def open(self, record: Record) -> tuple[int, bytes]:
        size = 8 if len(self._nonce) == 4 else 0
        explicit, sealed = record.content[:size], record.content[size:]
        if len(sealed) < 16:
            raise Garbled("an encrypted TLS record that is too short")
        data = self._data(record.kind, len(sealed) - 16, self._count)
        content = _opened(lambda: self._cipher.decrypt(self._next(explicit), sealed, data))
        self._count += 1
        return record.kind, content

    def _next(self, explicit: bytes) -> bytes:
        return self._nonce + explicit if explicit else _xor(self._nonce, self._count)

    @staticmethod
    def _data(kind: int, length: int, count: int) -> bytes:
        return struct.pack(">QBHH", count, kind, _VERSION, length)


class _Aead13:
    def __init__(self, cipher: _Aead, nonce: bytes) -> None:
        self._cipher, self._nonce, self._count = cipher, nonce, 0

    def seal(self, kind: int, content: bytes) -> bytes:
        header = struct.pack(">BHH", 23, _VERSION, len(content) + 17)
        nonce = _xor(self._nonce, self._count)
        self._count += 1
        return header + self._cipher.encrypt(nonce, content + bytes([kind]), header)

    def open(self, record: Record) -> tuple[int, bytes]:
        nonce = _xor(self._nonce, self._count)
        inner = _opened(lambda: self._cipher.decrypt(nonce, record.content, record.header))
        self._count += 1
        content = inner.rstrip(b"\0")
        if not content:
            raise Garbled("a TLS 1.3 record without content")
        return content[-1], content[:-1]


class _Cbc:
    def __init__(self, key: bytes, mac: bytes, digest: str) -> None:
        self._key, self._mac, self._digest, self._count = key, mac, digest, 0

    def seal(self, kind: int, content: bytes) -> bytes:
        plain = content + self._code(kind, content)
        padding = 15 - len(plain) % 16
        plain += bytes([padding]) * (padding + 1)
        start = os.urandom(16)
        cipher = Cipher(algorithms.AES(self._key), modes.CBC(start)).encryptor()
        self._count += 1
        sealed = start + cipher.update(plain) + cipher.finalize()
        return struct.pack(">BHH", kind, _VERSION, len(sealed)) + sealed

    def open(self, record: Record) -> tuple[int, bytes]:
        start, sealed = record.content[:16], record.content[16:]
        if not sealed or len(sealed) % 16:
            raise Garbled("an encrypted TLS record of an impossible length")
        cipher = Cipher(algorithms.AES(self._key), modes.CBC(start)).decryptor()
        plain = cipher.update(sealed) + cipher.finalize()
        plain = plain[: max(0, len(plain) - plain[-1] - 1)]
        size = hashlib.new(self._digest).digest_size
        content, code = plain[:-size], plain[-size:]
        if len(plain) < size or not hmac.compare_digest(code, self._code(record.kind, content)):
            raise Garbled("an encrypted TLS record that does not authenticate")
        self._count += 1
        return record.kind, content

    def _code(self, kind: int, content: bytes) -> bytes:
        header = struct.pack(">QBHH", self._count, kind, _VERSION, len(content))
        return hmac.digest(self._mac, header + content, self._digest)


def _opened(decrypt: Callable[[], bytes]) -> bytes:
    try:
        return decrypt()
    except (InvalidTag, ValueError) as error:
        raise Garbled("an encrypted TLS record that does not authenticate") from error


def _xor(nonce: bytes, count: int) -> bytes:
    return (int.from_bytes(nonce, "big") ^ count).to_bytes(len(nonce), "big")
