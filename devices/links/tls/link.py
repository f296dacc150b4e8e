"""The TLS link: what each encrypted endpoint of a camera accepts, and which certificate it shows.

The handshakes are this project's own, so that a TLS library's limits do not become findings.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

from devices.description import DeviceFile
from devices.errors import LinkError, TimedOut
from devices.links.tls.chains import described_chains, is_address
from devices.links.tls.endpoints import TlsEndpoint, tls_endpoints
from devices.links.tls.handshake import Prober
from devices.links.tls.key_agreement import KeyAgreementProbe
from devices.links.tls.library import chain_by_library
from devices.links.tls.observation import TlsScan, TlsServer
from devices.links.tls.safeguards import downgrade_protection
from devices.links.tls.scan import Found, explain, scan
from devices.links.tls.sessions import SessionProbe
from devices.permit import Permit
from devices.protocols.tls.registry import TlsVersion
from devices.secrets import Secrets


class TlsLink:
    """Measures the TLS endpoints of one camera."""

    def __init__(self, device: DeviceFile, permit: Permit, secrets: Secrets) -> None:  # noqa: ARG002
        self._permit = permit
        self._parallel = device.bench.parallel
        self.endpoints = tls_endpoints(device)

    def scan(self) -> TlsScan:
        """Measure every endpoint. Raises the first endpoint's LinkError when none answers."""
        servers: list[TlsServer] = []
        failures: list[tuple[TlsEndpoint, LinkError]] = []
        with ThreadPoolExecutor(max_workers=max(1, min(4, self._parallel))) as pool:
            for endpoint, result in zip(
                self.endpoints, pool.map(self._attempt, self.endpoints), strict=True
            ):
                if isinstance(result, LinkError):
                    failures.append((endpoint, result))
                else:
                    servers.append(result)
        if failures and not servers:
            raise failures[0][1]
        missing = [f"{e.name} at {e.host}:{e.port}: {explain(error)}" for e, error in failures]
        missing += [f"{server.where}: {server.shortfall}" for server in servers if server.shortfall]
        return TlsScan(servers=tuple(servers), shortfall="; ".join(missing))

    def server(self, endpoint: TlsEndpoint) -> TlsServer:
        """Measure one endpoint. Raises LinkError, OutsideAuthorisation, DeviceFileError."""
        address = self._permit.address(endpoint.host)
        name = "" if is_address(endpoint.host) else endpoint.host
        return measure(Prober(address, endpoint.port, server_name=name), endpoint)

    def _attempt(self, endpoint: TlsEndpoint) -> TlsServer | LinkError:
        try:
            return self.server(endpoint)
        except LinkError as error:
            return error


def measure(prober: Prober, endpoint: TlsEndpoint, *, every: bool = False) -> TlsServer:
    """Everything of ``TlsServer`` for one endpoint.

    ``every``: list all weak suites and all algorithms too, which takes many connections. Raises
    LinkError, DeviceFileError.
    """
    began = time.monotonic()
    found = scan(prober.offer, every=every)
    shortfalls = list(found.shortfalls)
    if found.suites:
        _try_ssl2(prober, found, shortfalls)
    agreement = KeyAgreementProbe(prober, found, every=every).run()
    downgrade = downgrade_protection(prober, found)
    sessions = SessionProbe(prober, found, ("http/1.1",)).run()
    if sessions.chain and sessions.chain not in found.chains:
        found.chains.append(sessions.chain)
    if not found.chains and found.suites:
        found.chains += chain_by_library(prober, shortfalls)
    if sessions.signatures13:
        label = TlsVersion.TLS_1_3.label
        agreement = replace(
            agreement, signatures={**agreement.signatures, label: sessions.signatures13}
        )
    chains, artefacts = described_chains(found.chains, endpoint, shortfalls)
    return TlsServer(
        name=endpoint.name,
        protocol=endpoint.protocol,
        host=endpoint.host,
        port=endpoint.port,
        suites={v.label: tuple(suites) for v, suites in sorted(found.suites.items())},
        refusals={v.label: why for v, why in sorted(found.refusals.items())},
        unlisted=tuple(version.label for version in sorted(found.unlisted)),
        chains=chains,
        compression=found.compression,
        secure_renegotiation=found.secure_renegotiation,
        extended_master_secret=found.extended_master_secret,
        agreement=agreement,
        downgrade=downgrade,
        sessions=sessions,
        connections=prober.connections,
        seconds=round(time.monotonic() - began, 3),
        at=datetime.now(UTC),
        shortfall="; ".join(shortfalls),
        artefacts=artefacts,
    )


def _try_ssl2(prober: Prober, found: Found, shortfalls: list[str]) -> None:
    try:
        if prober.speaks_ssl2():
            found.suites[TlsVersion.SSL_2_0] = []
        else:
            found.refusals[TlsVersion.SSL_2_0] = "no SERVER-HELLO"
    except TimedOut:
        found.refusals[TlsVersion.SSL_2_0] = "no answer"
    except LinkError as error:
        shortfalls.append(f"SSL 2.0 could not be tried: {explain(error)}")
