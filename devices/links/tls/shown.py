"""The certificates that a camera's TLS endpoints show now: one handshake for each, or few."""

from __future__ import annotations

from collections.abc import Sequence

from devices.description import DeviceFile
from devices.errors import LinkError
from devices.links.tls.chains import described_chains, is_address
from devices.links.tls.endpoints import TlsEndpoint, tls_endpoints
from devices.links.tls.handshake import Prober
from devices.links.tls.library import chain_by_library
from devices.links.tls.observation import ServerChain
from devices.permit import Permit
from devices.protocols.cipher_suites import cipher_suites
from devices.protocols.tls.registry import TlsVersion


def shown_chains(device: DeviceFile, permit: Permit) -> tuple[dict[str, ServerChain], list[str]]:
    """The chain of each declared TLS endpoint, by "host:port"; and what could not be read.

    Raises OutsideAuthorisation, DeviceFileError.
    """
    found: dict[str, ServerChain] = {}
    problems: list[str] = []
    for endpoint in tls_endpoints(device):
        where = f"{endpoint.host}:{endpoint.port}"
        shortfalls: list[str] = []
        chains, _ = described_chains(_chains(endpoint, permit, shortfalls), endpoint, shortfalls)
        if chains:
            found[where] = chains[0]
        else:
            problems.append(f"{where}: {'; '.join(shortfalls) or 'no certificate was shown'}")
    return found, problems


def _chains(
    endpoint: TlsEndpoint, permit: Permit, shortfalls: list[str]
) -> Sequence[tuple[bytes, ...]]:
    name = "" if is_address(endpoint.host) else endpoint.host
    prober = Prober(permit.address(endpoint.host), endpoint.port, server_name=name)
    if chains := chain_by_library(prober, shortfalls):
        return chains
    suites = [code for code, suite in cipher_suites().items() if not suite.tls13]
    for version in (TlsVersion.TLS_1_2, TlsVersion.TLS_1_0):  # what the ssl module refuses
        try:
            answer = prober.offer(version, suites)
        except LinkError as error:
            shortfalls.append(str(error))
            break
        if answer.chain:
            return [answer.chain]
    return ()
