"""Where a web server is, and how connections to it are protected.

A camera whose TLS is out of date or whose certificate is bad must still be measured: judging TLS
is the business of other tests. So a bad certificate does not end the link; every exchange says
that the server was not authenticated, and why.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from devices.errors import Garbled
from devices.links.http.errors import translated_errors
from devices.permit import Permit

CONNECT_SECONDS = 5.0

_LEGACY_RENEGOTIATION = 0x4  # SSL_OP_LEGACY_SERVER_CONNECT; Python names it from 3.12 on


@dataclass(frozen=True)
class Server:
    """Where a web server is: its URL's parts, and the one address that may be contacted."""

    scheme: str
    host: str
    port: int
    address: str

    @property
    def url(self) -> str:
        """``https://camera.example:8443``, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"http": 80, "https": 443}[self.scheme] == self.port
        return f"{self.scheme}://{host}" + ("" if usual else f":{self.port}")


def server_of(url: str, permit: Permit) -> Server:
    """The server of an http or https URL. Raises Garbled, OutsideAuthorisation, Unreachable."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError) as error:
        raise Garbled(f"{url!r} is not an http or https address") from error
    if not parts.hostname:
        raise Garbled(f"{url!r} names no host")
    return Server(parts.scheme, parts.hostname, port, permit.address(parts.hostname))


@dataclass(frozen=True)
class Protection:
    """How connections to a server are protected; ``context`` is None for plain HTTP."""

    label: str
    context: ssl.SSLContext | None = None


def protection_of(server: Server, trust: Path | None) -> Protection:
    """Find out whether the server's certificate is good, by one handshake that demands it.

    Without ``trust``, or when the certificate is not good, connections go on unauthenticated, and
    every exchange says so. Raises Unreachable, TimedOut, Garbled.
    """
    if server.scheme == "http":
        return Protection("none")
    if trust is None:
        return Protection("TLS, not authenticated: no trust anchor is given", _tolerant())
    try:
        strict = ssl.create_default_context(cafile=str(trust))
        with translated_errors(f"TLS with {server.url}"), _tcp(server) as plain:
            strict.wrap_socket(plain, server_hostname=server.host).close()
    except Garbled as error:
        return Protection(f"TLS, not authenticated: {error}", _tolerant())
    except (ssl.SSLError, OSError) as error:
        return Protection(f"TLS, not authenticated: {trust.name}: {error}", _tolerant())
    return Protection("authenticated TLS", strict)


@contextmanager
def _tcp(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection((server.address, server.port), CONNECT_SECONDS) as plain:
        yield plain


def _tolerant() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.options |= _LEGACY_RENEGOTIATION
    return context
