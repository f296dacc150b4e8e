"""The TLS endpoints that test cases judge."""

from __future__ import annotations

from conformance.verdict import Inconclusive, NotApplicable
from devices.links.tls.link import TlsLink
from devices.links.tls.observation import TlsScan, TlsServer


def measured(tls: TlsLink, scan: TlsScan) -> tuple[TlsServer, ...]:
    """Those that were measured; raises NotApplicable or Inconclusive when there is none."""
    if not tls.endpoints:
        raise NotApplicable("the device file declares no service with TLS")
    if not scan.servers:
        raise Inconclusive("no TLS endpoint could be measured", "unreachable")
    return scan.servers
