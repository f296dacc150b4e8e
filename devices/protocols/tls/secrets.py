"""A session's secrets: the PRF of TLS 1.2 (RFC 5246, 5), key schedule of TLS 1.3 (RFC 8446, 7)."""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass

from devices.protocols.cipher_suites import CipherSuite
from devices.protocols.tls.protection import Protector, Shape, protector
from devices.protocols.tls.wire import short


def prf(digest: str, secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    """The pseudorandom function of TLS 1.2."""
    seed, found = label + seed, b""
    rolling = seed
    while len(found) < length:
        rolling = hmac.digest(secret, rolling, digest)
        found += hmac.digest(secret, rolling + seed, digest)
    return found[:length]


@dataclass(frozen=True)
class Keys12:
    """The two directions of a TLS 1.2 session."""

    client: Protector
    server: Protector


def keys_of_tls12(suite: CipherSuite, shape: Shape, master: bytes, randoms: bytes) -> Keys12:
    """Expand a master secret; ``randoms`` is the server's random and then the client's."""
    size = 2 * (shape.mac + shape.key + shape.nonce)
    block = prf(shape.hash, master, b"key expansion", randoms, size)
    parts = []
    for length in (shape.mac, shape.mac, shape.key, shape.key, shape.nonce, shape.nonce):
        parts.append(block[:length])
        block = block[length:]
    return Keys12(
        client=protector(suite, parts[2], parts[4], parts[0]),
        server=protector(suite, parts[3], parts[5], parts[1]),
    )


class Schedule13:
    """The key schedule of TLS 1.3 without a pre-shared key."""

    def __init__(self, suite: CipherSuite, shape: Shape, shared: bytes) -> None:
        self._suite, self._shape, self.hash = suite, shape, shape.hash
        self._size = hashlib.new(self.hash).digest_size
        empty = hashlib.new(self.hash).digest()
        early = hmac.digest(bytes(self._size), bytes(self._size), self.hash)
        self._handshake = hmac.digest(self.expand(early, "derived", empty), shared, self.hash)
        derived = self.expand(self._handshake, "derived", empty)
        self._main = hmac.digest(derived, bytes(self._size), self.hash)

    def expand(self, secret: bytes, label: str, context: bytes, length: int = 0) -> bytes:
        """HKDF-Expand-Label; the length of the hash by default."""
        length = length or self._size
        info = struct.pack(">H", length) + short(b"tls13 " + label.encode()) + short(context)
        found, block = b"", b""
        for count in range(1, -(-length // self._size) + 1):
            block = hmac.digest(secret, block + info + bytes([count]), self.hash)
            found += block
        return found[:length]

    def handshake_traffic(self, whose: str, transcript: bytes) -> bytes:
        """The handshake traffic secret; ``whose``: ``c`` or ``s``."""
        return self.expand(self._handshake, f"{whose} hs traffic", self.digest(transcript))

    def application_traffic(self, whose: str, transcript: bytes) -> bytes:
        """The first application traffic secret."""
        return self.expand(self._main, f"{whose} ap traffic", self.digest(transcript))

    def protector(self, traffic: bytes) -> Protector:
        """The protection of a direction by its traffic secret."""
        key = self.expand(traffic, "key", b"", self._shape.key)
        return protector(self._suite, key, self.expand(traffic, "iv", b"", 12))

    def finished(self, traffic: bytes, transcript: bytes) -> bytes:
        """The verify_data of a Finished message."""
        return hmac.digest(
            self.expand(traffic, "finished", b""), self.digest(transcript), self.hash
        )

    def digest(self, transcript: bytes) -> bytes:
        """The transcript's hash."""
        return hashlib.new(self.hash, transcript).digest()
