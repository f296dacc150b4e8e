"""The certificate chain by the ssl module, where the suite's own handshake does not reach."""

from __future__ import annotations

import ssl

from devices.errors import LinkError, Unreachable
from devices.links.tls.handshake import Prober


def chain_by_library(prober: Prober, shortfalls: list[str]) -> list[tuple[bytes, ...]]:
    """The chain of a server of TLS 1.3 alone, by the ssl module: for suites not computed here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    try:
        with (
            prober.connected() as connection,
            context.wrap_socket(connection, server_hostname=prober.server_name or None) as secured,
        ):
            return [_whole_chain(secured)]
    except (OSError, LinkError) as error:
        shortfalls.append(f"the certificate could not be fetched: {error}")
        return []


def _whole_chain(secured: ssl.SSLSocket) -> tuple[bytes, ...]:
    """Leaf and intermediates; before Python 3.13 the ssl module shows them inside only."""
    inner = (
        secured if hasattr(secured, "get_unverified_chain") else getattr(secured, "_sslobj", None)
    )
    fetch = getattr(inner, "get_unverified_chain", None)
    if fetch is None:
        leaf = secured.getpeercert(binary_form=True)
        if leaf is None:
            raise Unreachable("the server shows no certificate")
        return (leaf,)
    der = 2  # _ssl.ENCODING_DER
    return tuple(c if isinstance(c, bytes) else c.public_bytes(der) for c in fetch())
