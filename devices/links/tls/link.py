"""The TLS link: what each encrypted endpoint of a camera accepts, and which certificate it shows.

The handshakes are this project's own, so that a TLS library's limits do not become findings. The
library is asked once, for the chain of a server that speaks TLS 1.3 alone, which encrypts it.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from devices.description import DeviceFile
from devices.errors import DeviceFileError, LinkError, Unreachable
from devices.identity.certificates import (
    Certificate,
    describe,
    load_chain,
    load_der_chain,
    pem,
)
from devices.identity.errors import CertificateError
from devices.identity.paths import PathValidation, validate_path
from devices.links.tls.endpoints import TlsEndpoint, tls_endpoints
from devices.links.tls.handshake import Prober
from devices.links.tls.scan import Found, explain, scan
from devices.observation import Artefact, Observation
from devices.permit import Permit
from devices.protocols.cipher_suites import CipherSuite
from devices.secrets import Secrets

_PEM = "application/x-pem-file"


@dataclass(frozen=True)
class ServerChain:
    """One certificate chain that a server shows.

    ``path`` tells whether it leads to the declared authority (None: none is declared), judged at
    a time when the leaf is valid: its validity is a fact of its own. ``pinned``: the declared
    trust is this very certificate. ``names_endpoint``: a name in the leaf's subjectAltName is the
    host that the device file uses. ``self_signed``: the leaf's own key signed it.
    """

    certificates: tuple[Certificate, ...]
    self_signed: bool
    pinned: bool
    names_endpoint: bool
    path: PathValidation | None

    @property
    def leaf(self) -> Certificate:
        """The server's own certificate."""
        return self.certificates[0]


@dataclass(frozen=True, kw_only=True)
class TlsServer(Observation):
    """What one endpoint accepts.

    ``suites``: version label -> accepted suites in the order in which the server chose them;
    ``refusals``: version label -> how it was refused. ``secure_renegotiation`` is None when no
    version below TLS 1.3 is accepted.
    """

    name: str
    protocol: str
    host: str
    port: int
    suites: Mapping[str, tuple[CipherSuite, ...]] = field(default_factory=dict)
    refusals: Mapping[str, str] = field(default_factory=dict)
    chains: tuple[ServerChain, ...] = ()
    compression: bool = False
    secure_renegotiation: bool | None = None
    at: datetime

    @property
    def where(self) -> str:
        """``https at 192.0.2.7:443``."""
        return f"{self.name} at {self.host}:{self.port}"

    @property
    def versions(self) -> tuple[str, ...]:
        """Labels of the accepted versions."""
        return tuple(self.suites)


@dataclass(frozen=True, kw_only=True)
class TlsScan(Observation):
    """All TLS endpoints of a camera; one that could not be measured is in ``shortfall``."""

    servers: tuple[TlsServer, ...] = ()


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
        name = "" if _is_address(endpoint.host) else endpoint.host
        found = scan(Prober(address, endpoint.port, server_name=name).offer)
        shortfalls = list(found.shortfalls)
        if not found.chains and found.suites:
            found.chains += _chain_by_library(address, endpoint.port, name, shortfalls)
        chains, artefacts = _describe(found.chains, endpoint, shortfalls)
        return TlsServer(
            name=endpoint.name,
            protocol=endpoint.protocol,
            host=endpoint.host,
            port=endpoint.port,
            suites=_labelled(found),
            refusals={v.label: why for v, why in sorted(found.refusals.items())},
            chains=chains,
            compression=found.compression,
            secure_renegotiation=found.secure_renegotiation,
            at=datetime.now(UTC),
            shortfall="; ".join(shortfalls),
            artefacts=artefacts,
        )

    def _attempt(self, endpoint: TlsEndpoint) -> TlsServer | LinkError:
        try:
            return self.server(endpoint)
        except LinkError as error:
            return error


def _labelled(found: Found) -> dict[str, tuple[CipherSuite, ...]]:
    return {v.label: tuple(suites) for v, suites in sorted(found.suites.items())}


def _describe(
    chains: Sequence[tuple[bytes, ...]], endpoint: TlsEndpoint, shortfalls: list[str]
) -> tuple[tuple[ServerChain, ...], tuple[Artefact, ...]]:
    anchors = _anchors(endpoint.trust)
    described: list[ServerChain] = []
    kept: list[Artefact] = []
    for number, der in enumerate(chains, start=1):
        stem = f"{endpoint.protocol}-{endpoint.port}-chain-{number}"
        try:
            chain = load_der_chain(der)
            described.append(_facts(chain, anchors, endpoint.host))
            kept.append(Artefact(f"{stem}.pem", _PEM, pem(chain)))
        except CertificateError as error:
            shortfalls.append(f"a certificate of the server cannot be read: {error}")
            kept.append(Artefact(f"{stem}.der", "application/pkix-cert", b"".join(der)))
    return tuple(described), tuple(kept)


def _facts(
    chain: list[x509.Certificate], anchors: list[x509.Certificate] | None, host: str
) -> ServerChain:
    leaf = chain[0]
    now = datetime.now(UTC)
    within = min(max(now, leaf.not_valid_before_utc), leaf.not_valid_after_utc)
    pinned = anchors is not None and leaf in anchors
    path = None
    if pinned:
        path = PathValidation(trusted=True)
    elif anchors is not None:
        path = validate_path(chain, anchors, within)
    described = tuple(describe(certificate) for certificate in chain)
    return ServerChain(
        certificates=described,
        self_signed=_signed_by_itself(leaf),
        pinned=pinned,
        names_endpoint=any(_same_host(name, host) for name in described[0].names),
        path=path,
    )


def _signed_by_itself(leaf: x509.Certificate) -> bool:
    """Whether the certificate's own key signed it; an authority may bear the name of its leaf."""
    if leaf.subject != leaf.issuer:
        return False
    try:
        leaf.verify_directly_issued_by(leaf)
    except InvalidSignature:
        return False
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return True  # a key or a hash that cannot be computed with here: the names have to tell
    return True


def _anchors(trust: Path | None) -> list[x509.Certificate] | None:
    if trust is None:
        return None
    try:
        return load_chain(trust.read_bytes())
    except (OSError, CertificateError) as error:
        raise DeviceFileError(f"trust: {trust} cannot be read as certificates: {error}") from error


def _same_host(name: str, host: str) -> bool:
    """Whether a subjectAltName stands for the host (RFC 9525, 6.3: wildcard in one label)."""
    if _is_address(host):
        return _is_address(name) and ipaddress.ip_address(name) == ipaddress.ip_address(host)
    name, host = name.lower().rstrip("."), host.lower().rstrip(".")
    if name.startswith("*."):
        return host.partition(".")[2] == name[2:]
    return name == host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _chain_by_library(
    address: str, port: int, name: str, shortfalls: list[str]
) -> list[tuple[bytes, ...]]:
    """The chain that a server of TLS 1.3 alone shows, by the ssl module."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    try:
        with (
            socket.create_connection((address, port), timeout=5) as connection,
            context.wrap_socket(connection, server_hostname=name or None) as secured,
        ):
            return [_whole_chain(secured)]
    except OSError as error:
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
