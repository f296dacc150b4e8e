"""Numbers of TLS and their names: versions, extensions, alerts, groups, signature schemes."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from importlib.resources import files
from typing import Any

FALLBACK_SCSV = 0x5600
"""Pseudo suite of RFC 7507: the client says that it fell back from a newer version."""


class TlsVersion(IntEnum):
    """Protocol versions by their number on the wire."""

    SSL_2_0 = 0x0002
    SSL_3_0 = 0x0300
    TLS_1_0 = 0x0301
    TLS_1_1 = 0x0302
    TLS_1_2 = 0x0303
    TLS_1_3 = 0x0304

    @property
    def label(self) -> str:
        """``TLS 1.2``."""
        family, major, minor = self.name.split("_")
        return f"{family} {major}.{minor}"


class Extension(IntEnum):
    """Extension types that are sent or looked at (IANA TLS ExtensionType Values)."""

    SERVER_NAME = 0
    STATUS_REQUEST = 5
    SUPPORTED_GROUPS = 10
    EC_POINT_FORMATS = 11
    SIGNATURE_ALGORITHMS = 13
    ALPN = 16
    ENCRYPT_THEN_MAC = 22
    EXTENDED_MASTER_SECRET = 23
    SESSION_TICKET = 35
    EARLY_DATA = 42
    SUPPORTED_VERSIONS = 43
    COOKIE = 44
    PSK_KEY_EXCHANGE_MODES = 45
    SIGNATURE_ALGORITHMS_CERT = 50
    KEY_SHARE = 51
    RENEGOTIATION_INFO = 0xFF01


class Kind(IntEnum):
    """Handshake message types (IANA TLS HandshakeType)."""

    HELLO_REQUEST = 0
    CLIENT_HELLO = 1
    SERVER_HELLO = 2
    NEW_SESSION_TICKET = 4
    ENCRYPTED_EXTENSIONS = 8
    CERTIFICATE = 11
    SERVER_KEY_EXCHANGE = 12
    CERTIFICATE_REQUEST = 13
    SERVER_HELLO_DONE = 14
    CERTIFICATE_VERIFY = 15
    CLIENT_KEY_EXCHANGE = 16
    FINISHED = 20
    CERTIFICATE_STATUS = 22


class Content(IntEnum):
    """Record types."""

    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    APPLICATION_DATA = 23


ALERTS: Mapping[int, str] = {
    0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow",
    40: "handshake_failure", 41: "no_certificate", 42: "bad_certificate",
    43: "unsupported_certificate", 47: "illegal_parameter", 48: "unknown_ca",
    49: "access_denied", 50: "decode_error", 51: "decrypt_error", 70: "protocol_version",
    71: "insufficient_security", 80: "internal_error", 86: "inappropriate_fallback",
    90: "user_canceled", 100: "no_renegotiation", 109: "missing_extension",
    110: "unsupported_extension", 112: "unrecognized_name", 116: "certificate_required",
    120: "no_application_protocol",
}  # fmt: skip


@dataclass(frozen=True)
class Group:
    """A named group of a key exchange; ``tls13``: it may be used in TLS 1.3."""

    code: int
    name: str
    tls13: bool = False


@dataclass(frozen=True)
class Scheme:
    """A signature scheme; ``hash`` is ``intrinsic`` where the scheme has one of its own."""

    code: int
    name: str
    hash: str


@cache
def groups() -> Mapping[int, Group]:
    """All known groups by code point, in the order in which they are offered."""
    return {int(code): Group(int(code), **row) for code, row in _rows("groups").items()}


@cache
def schemes() -> Mapping[int, Scheme]:
    """All known signature schemes by code point, in the order in which they are offered."""
    return {int(code, 16): Scheme(int(code, 16), **row) for code, row in _rows("schemes").items()}


def group_name(code: int) -> str:
    """The name of a group, or its code point when it is not in the table."""
    known = groups().get(code)
    return known.name if known else f"0x{code:04X}"


def scheme_name(code: int) -> str:
    """The name of a scheme, or its code point when it is not in the table."""
    known = schemes().get(code)
    return known.name if known else f"0x{code:04X}"


@cache
def _rows(table: str) -> Mapping[str, Mapping[str, Any]]:
    path = files("devices.protocols.tls") / "registry.toml"
    found: Mapping[str, Mapping[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))[table]
    return found
