"""Certificate chains that a server shows, as facts."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from devices.errors import DeviceFileError
from devices.identity.certificates import describe, load_chain, load_der_chain, pem
from devices.identity.errors import CertificateError
from devices.identity.paths import PathValidation, validate_path
from devices.links.tls.endpoints import TlsEndpoint
from devices.links.tls.observation import ServerChain
from devices.observation import Artefact

_PEM = "application/x-pem-file"


def described_chains(
    chains: Sequence[tuple[bytes, ...]], endpoint: TlsEndpoint, shortfalls: list[str]
) -> tuple[tuple[ServerChain, ...], tuple[Artefact, ...]]:
    """Facts and PEM files of the chains; one that cannot be read is kept as it is, and told.

    Raises DeviceFileError when the endpoint's declared trust cannot be read.
    """
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
        public_key=_public_key(leaf),
    )


def _public_key(leaf: x509.Certificate) -> bytes:
    try:
        return leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):
        return b""


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
    if is_address(host):
        return is_address(name) and ipaddress.ip_address(name) == ipaddress.ip_address(host)
    name, host = name.lower().rstrip("."), host.lower().rstrip(".")
    if name.startswith("*."):
        return host.partition(".")[2] == name[2:]
    return name == host


def is_address(host: str) -> bool:
    """Whether a host is an IP address and no name."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
