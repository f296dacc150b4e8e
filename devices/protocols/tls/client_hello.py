"""ClientHello messages for a prober, which offers what no TLS library would.

SSL 2.0 (draft of Netscape, 1995; RFC 5246, E.2), SSL 3.0 (RFC 6101), TLS 1.0 to 1.2 (RFC 2246,
4346, 5246) and TLS 1.3 (RFC 8446).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from devices.protocols.tls.registry import Content, Extension, Kind, TlsVersion, groups, schemes
from devices.protocols.tls.wire import extension, long, message, record, short, words

SSL2_CIPHERS = (0x010080, 0x020080, 0x030080, 0x040080, 0x050080, 0x060040, 0x0700C0)
"""RC4, RC4-40, RC2, RC2-40, IDEA, DES and 3DES, with MD5."""


@dataclass(frozen=True)
class ClientHello:
    """What is offered: exactly one version (SSL 3.0 and later), and these suites.

    ``server_name`` is a DNS name (RFC 6066, 3: an address is not sent). ``signatures`` None leaves
    the extension out. ``shares`` are the key shares of TLS 1.3 by group; with none the server has
    to ask for one. ``renegotiation`` is the client's last verify_data (RFC 5746). ``deflate``
    offers compression up to TLS 1.2. ``ticket`` None leaves the extension out.
    """

    version: TlsVersion
    suites: tuple[int, ...]
    server_name: str = ""
    groups: tuple[int, ...] = ()
    signatures: tuple[int, ...] | None = ()
    shares: Mapping[int, bytes] = field(default_factory=dict)
    session: bytes = b""
    ticket: bytes | None = b""
    renegotiation: bytes = b""
    deflate: bool = True
    encrypt_then_mac: bool = True
    alpn: tuple[str, ...] = ()
    staple: bool = False
    cookie: bytes = b""
    random: bytes = field(default_factory=lambda: os.urandom(32))

    def message(self) -> bytes:
        """The handshake message."""
        legacy = min(self.version, TlsVersion.TLS_1_2)
        older = self.version < TlsVersion.TLS_1_3
        body = struct.pack(">H", legacy) + self.random + short(self.session)
        body += long(words(self.suites)) + (
            b"\x02\x01\x00" if self.deflate and older else b"\x01\x00"
        )
        if self.version is not TlsVersion.SSL_3_0:
            body += long(b"".join(self._extensions()))
        return message(Kind.CLIENT_HELLO, body)

    def record(self) -> bytes:
        """The message in a record of its own."""
        return record(Content.HANDSHAKE, min(self.version, TlsVersion.TLS_1_0), self.message())

    def _extensions(self) -> Iterator[bytes]:
        if self.server_name:
            name = b"\x00" + long(self.server_name.encode("idna"))
            yield extension(Extension.SERVER_NAME, long(name))
        offered = self.groups or default_groups(self.version)
        yield extension(Extension.SUPPORTED_GROUPS, long(words(offered)))
        yield extension(Extension.EC_POINT_FORMATS, b"\x01\x00")
        if self.version >= TlsVersion.TLS_1_2 and self.signatures is not None:
            yield extension(
                Extension.SIGNATURE_ALGORITHMS, long(words(self.signatures or tuple(schemes())))
            )
            if self.signatures:  # what the certificates are signed with is not in question
                every = long(words(tuple(schemes())))
                yield extension(Extension.SIGNATURE_ALGORITHMS_CERT, every)
        if self.alpn:
            names = b"".join(short(name.encode("ascii")) for name in self.alpn)
            yield extension(Extension.ALPN, long(names))
        if self.staple:
            yield extension(Extension.STATUS_REQUEST, b"\x01\x00\x00\x00\x00")
        yield from self._of_13() if self.version is TlsVersion.TLS_1_3 else self._before_13()

    def _before_13(self) -> Iterator[bytes]:
        yield extension(Extension.RENEGOTIATION_INFO, short(self.renegotiation))
        yield extension(Extension.EXTENDED_MASTER_SECRET, b"")
        if self.encrypt_then_mac:
            yield extension(Extension.ENCRYPT_THEN_MAC, b"")
        if self.ticket is not None:
            yield extension(Extension.SESSION_TICKET, self.ticket)

    def _of_13(self) -> Iterator[bytes]:
        yield extension(Extension.SUPPORTED_VERSIONS, short(words((self.version,))))
        yield extension(Extension.PSK_KEY_EXCHANGE_MODES, b"\x01\x01")
        if self.cookie:
            yield extension(Extension.COOKIE, long(self.cookie))
        shares = b"".join(words((group,)) + long(share) for group, share in self.shares.items())
        yield extension(Extension.KEY_SHARE, long(shares))


def default_groups(version: TlsVersion) -> tuple[int, ...]:
    """Every group of a version, save for those that make an old server refuse DHE (RFC 7919, 4)."""
    if version is TlsVersion.TLS_1_3:
        return tuple(code for code, group in groups().items() if group.tls13)
    return tuple(code for code in groups() if code < 0x100 and code not in (31, 32, 33))


def ssl2_hello() -> bytes:
    """A CLIENT-HELLO of SSL 2.0, which no later version answers with a SERVER-HELLO of its own."""
    specs = b"".join(code.to_bytes(3, "big") for code in SSL2_CIPHERS)
    body = b"\x01\x00\x02" + struct.pack(">HHH", len(specs), 0, 16) + specs + os.urandom(16)
    return struct.pack(">H", 0x8000 | len(body)) + body
