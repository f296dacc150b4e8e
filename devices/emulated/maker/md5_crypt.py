"""MD5-crypt (``$1$``), which old firmware stores passwords in; it exists here only as a fault.

The construction is Poul-Henning Kamp's of FreeBSD 2.0 (1994), as every C library's ``crypt``
carries it. Its author declared it no longer safe in 2012, after CVE-2012-3287.
"""

from __future__ import annotations

import hashlib

_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ORDER = ((0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5))
"""The order in which digest bytes are packed into groups of three."""


def md5_crypt(password: str, salt: str) -> str:
    """Hash ``password`` as ``$1$salt$digest``; ``salt`` counts with at most eight characters."""
    secret, salt_bytes = password.encode(), salt[:8].encode()
    digest = _rounds(secret, salt_bytes, _first(secret, salt_bytes))
    packed = "".join(
        _base64((digest[a] << 16) | (digest[b] << 8) | digest[c], 4) for a, b, c in _ORDER
    )
    return f"$1${salt[:8]}${packed}{_base64(digest[11], 2)}"


def _first(secret: bytes, salt: bytes) -> bytes:
    inner = hashlib.md5(secret + salt + secret, usedforsecurity=False).digest()
    mixed = secret + b"$1$" + salt
    mixed += (inner * (len(secret) // 16 + 1))[: len(secret)]
    length = len(secret)
    while length:
        mixed += b"\0" if length & 1 else secret[:1]
        length >>= 1
    return hashlib.md5(mixed, usedforsecurity=False).digest()


def _rounds(secret: bytes, salt: bytes, digest: bytes) -> bytes:
    for number in range(1000):
        parts = secret if number & 1 else digest
        if number % 3:
            parts += salt
        if number % 7:
            parts += secret
        parts += digest if number & 1 else secret
        digest = hashlib.md5(parts, usedforsecurity=False).digest()
    return digest


def _base64(value: int, characters: int) -> str:
    return "".join(_ALPHABET[(value >> (6 * index)) & 0x3F] for index in range(characters))
