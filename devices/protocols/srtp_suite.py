"""What an SRTP stream is protected with: the suite, and the keys with it (RFC 3711)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SrtpSuite:
    """Transforms of one SRTP stream.

    ``cipher`` is AES-CM, AES-GCM, AES-F8 or NULL; ``authentication`` is HMAC-SHA1, AEAD or NULL;
    ``key_bytes`` and ``salt_bytes`` are lengths of the master key and salt, ``tag_bytes`` that
    of the tag of each packet.
    """

    cipher: str
    key_bytes: int
    salt_bytes: int
    authentication: str
    tag_bytes: int

    @property
    def name(self) -> str:
        """The registered SDES name where there is one (RFC 4568, RFC 6188, RFC 7714)."""
        registered = next((name for name, suite in SDES_SUITES.items() if suite == self), None)
        if registered:
            return registered
        return f"{self.cipher}-{8 * self.key_bytes}/{self.authentication}-{8 * self.tag_bytes}"


@dataclass(frozen=True)
class SrtpKeys:
    """Suite, master key and master salt of one sender, and the master key identifier if any."""

    suite: SrtpSuite
    key: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    mki: bytes = b""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over key and salt, shortened: tells keys apart without giving them away."""
        return hashlib.sha256(b"camproof srtp key\0" + self.key + self.salt).hexdigest()[:32]


SDES_SUITES: dict[str, SrtpSuite] = {
    "AES_CM_128_HMAC_SHA1_80": SrtpSuite("AES-CM", 16, 14, "HMAC-SHA1", 10),
    "AES_CM_128_HMAC_SHA1_32": SrtpSuite("AES-CM", 16, 14, "HMAC-SHA1", 4),
    "AES_192_CM_HMAC_SHA1_80": SrtpSuite("AES-CM", 24, 14, "HMAC-SHA1", 10),
    "AES_192_CM_HMAC_SHA1_32": SrtpSuite("AES-CM", 24, 14, "HMAC-SHA1", 4),
    "AES_256_CM_HMAC_SHA1_80": SrtpSuite("AES-CM", 32, 14, "HMAC-SHA1", 10),
    "AES_256_CM_HMAC_SHA1_32": SrtpSuite("AES-CM", 32, 14, "HMAC-SHA1", 4),
    "F8_128_HMAC_SHA1_80": SrtpSuite("AES-F8", 16, 14, "HMAC-SHA1", 10),
    "AEAD_AES_128_GCM": SrtpSuite("AES-GCM", 16, 12, "AEAD", 16),
    "AEAD_AES_256_GCM": SrtpSuite("AES-GCM", 32, 12, "AEAD", 16),
}
"""Crypto suites by their registered names (RFC 4568, 6.2; RFC 6188, 4; RFC 7714, 14.2)."""
