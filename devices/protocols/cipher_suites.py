"""TLS cipher suites by their IANA names, and what a name tells about a suite."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_BROKEN = ("NULL", "RC4", "RC2", "DES", "3DES", "IDEA")
_AEAD = ("_GCM", "_CCM", "_POLY1305")


@dataclass(frozen=True)
class CipherSuite:
    """One suite. ``code`` is its 16-bit code point, ``name`` the IANA name."""

    code: int
    name: str

    @property
    def tls13(self) -> bool:
        """Whether it is a suite of TLS 1.3, whose names leave the key exchange out."""
        return "_WITH_" not in self.name

    @property
    def key_exchange(self) -> str:
        """``ECDHE_RSA``, ``RSA``, ``DH_anon_EXPORT``, ...; empty in TLS 1.3."""
        return "" if self.tls13 else self.name.removeprefix("TLS_").partition("_WITH_")[0]

    @property
    def cipher(self) -> str:
        """``AES_128_GCM_SHA256``: everything after the key exchange."""
        return self.name.removeprefix("TLS_") if self.tls13 else self.name.partition("_WITH_")[2]

    @property
    def forward_secret(self) -> bool:
        """Whether each session has a key of its own that the certificate's key does not give."""
        return self.tls13 or self.key_exchange.startswith(("ECDHE_", "DHE_"))

    @property
    def authenticated(self) -> bool:
        """Whether the server proves who it is."""
        return "_anon" not in self.key_exchange

    @property
    def aead(self) -> bool:
        """Whether encryption and integrity are one operation (RFC 5116)."""
        return any(mark in self.cipher for mark in _AEAD)

    @property
    def broken(self) -> bool:
        """Whether its cipher hides nothing, or has a key or a block of 64 bits or less."""
        return self.cipher.startswith(_BROKEN)

    @property
    def needs_tls12(self) -> bool:
        """Whether the suite may not be negotiated below TLS 1.2 (RFC 5246, A.5; RFC 5288)."""
        return self.aead or self.cipher.endswith(("_SHA256", "_SHA384"))


@cache
def cipher_suites() -> Mapping[int, CipherSuite]:
    """All known suites by code point."""
    path = files("devices.protocols") / "cipher_suites.toml"
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["suites"]
    return {int(code, 16): CipherSuite(int(code, 16), name) for code, name in rows.items()}


def suite_name(code: int) -> str:
    """The name of a suite, or its code point when it is not in the table."""
    known = cipher_suites().get(code)
    return known.name if known else f"0x{code:04X}"
