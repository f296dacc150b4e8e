"""The facts that the TLS link and sslyze both measure, in one form, and why they may differ."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from devices.links.tls.observation import TlsServer
from devices.protocols.cipher_suites import cipher_suites
from devices.protocols.tls.registry import groups

_VERSIONS = {
    "SSL 2.0": "ssl_2_0", "SSL 3.0": "ssl_3_0", "TLS 1.0": "tls_1_0", "TLS 1.1": "tls_1_1",
    "TLS 1.2": "tls_1_2", "TLS 1.3": "tls_1_3",
}  # fmt: skip
_CURVES = {"X25519": "x25519", "X448": "x448", "prime192v1": "secp192r1", "prime256v1": "secp256r1"}


@dataclass(frozen=True)
class Facts:
    """Values by name; ``known``: which members of a set-valued fact could have been found."""

    values: Mapping[str, Any]
    known: Mapping[str, frozenset[str]] = field(default_factory=dict)


def facts_of_link(server: TlsServer) -> Facts:
    """What the link measured."""
    known = {
        f"suites of {v}": frozenset(s.name for s in cipher_suites().values()) for v in _VERSIONS
    }
    known["curves"] = frozenset(group.name for group in groups().values())
    values: dict[str, Any] = {
        f"suites of {version}": frozenset(suite.name for suite in server.suites.get(version, ()))
        for version in _VERSIONS
    }
    values |= {f"accepts {version}": version in server.suites for version in _VERSIONS}
    values["compression"] = server.compression
    values["early data"] = bool(server.sessions.early_data)
    values["curves"] = frozenset(
        name for found in server.agreement.groups.values() for name in found
    )
    values["certificates"] = frozenset(chain.leaf.sha256 for chain in server.chains)
    if server.secure_renegotiation is not None:
        values["secure renegotiation"] = server.secure_renegotiation
        values["client renegotiation"] = server.sessions.renegotiates
        values["extended master secret"] = server.extended_master_secret
    if server.downgrade.fallback_refused is not None:
        values["fallback is refused"] = server.downgrade.fallback_refused
    if server.sessions.resumes is not None:
        values["sessions are resumed"] = server.sessions.resumes
    return Facts({name: value for name, value in values.items() if value is not None}, known)


def facts_of_sslyze(scan: Mapping[str, Any]) -> Facts:
    """What sslyze measured; what it could not is left out."""
    results = {
        name: attempt["result"]
        for name, attempt in scan["scan_result"].items()
        if attempt["result"] is not None
    }
    values: dict[str, Any] = {}
    known: dict[str, frozenset[str]] = {}
    for version, name in _VERSIONS.items():
        found = results.get(f"{name}_cipher_suites")
        if found is not None:
            accepted = _suites(found["accepted_cipher_suites"])
            values[f"accepts {version}"] = found["is_tls_version_supported"]
            values[f"suites of {version}"] = accepted
            known[f"suites of {version}"] = accepted | _suites(found["rejected_cipher_suites"])
    for name, (command, key) in _SIMPLE.items():
        if command in results:
            values[name] = results[command][key]
    if "elliptic_curves" in results:
        curves = results["elliptic_curves"]
        values["curves"] = _names(curves["supported_curves"])
        known["curves"] = values["curves"] | _names(curves["rejected_curves"])
    if "session_resumption" in results:
        resumption = results["session_resumption"]
        kinds = ("session_id_resumption_result", "tls_ticket_resumption_result")
        values["sessions are resumed"] = any(
            resumption[kind].endswith("FULLY_SUPPORTED") for kind in kinds
        )
    if "certificate_info" in results:
        values["certificates"] = frozenset(
            _fingerprint(deployment["received_certificate_chain"][0]["as_pem"])
            for deployment in results["certificate_info"]["certificate_deployments"]
        )
    return Facts(values, known)


_SIMPLE = {
    "compression": ("tls_compression", "supports_compression"),
    "early data": ("tls_1_3_early_data", "supports_early_data"),
    "fallback is refused": ("tls_fallback_scsv", "supports_fallback_scsv"),
    "secure renegotiation": ("session_renegotiation", "supports_secure_renegotiation"),
    "client renegotiation": ("session_renegotiation", "is_vulnerable_to_client_renegotiation_dos"),
    "extended master secret": ("tls_extended_master_secret", "supports_ems_extension"),
}


_SILENT = (
    "sslyze resumes with what it holds after an HTTP answer, and this server gives none; the link "
    "reads the ticket"
)


def differences(ours: Facts, theirs: Facts, *, silent: bool = False) -> tuple[list[str], list[str]]:
    """Facts that differ: those that are explained, and those that are not.

    ``silent``: the server answers no HTTP request.
    """
    explained: list[str] = []
    unexplained: list[str] = []
    for name in sorted(set(ours.values) & set(theirs.values)):
        left, right = ours.values[name], theirs.values[name]
        if name in ours.known:
            # Only what both can offer can be compared.
            both = ours.known[name] & theirs.known.get(name, frozenset())
            if left == right:
                continue
            if left & both == right & both:
                alone = sorted((left | right) - both)
                explained.append(
                    f"{name}: {', '.join(alone)} can be offered by one of the two only"
                )
                continue
        elif left == right:
            continue
        reason = _SILENT if silent and name == "early data" and left else ""
        shown = f"{name}: link {_shown(left, right)}, sslyze {_shown(right, left)}"
        (explained if reason else unexplained).append(f"{shown}{f': {reason}' if reason else ''}")
    return explained, unexplained


def _shown(value: Any, other: Any) -> str:
    if isinstance(value, frozenset) and isinstance(other, frozenset):
        return f"has {', '.join(sorted(value - other)) or 'nothing'} alone"
    return str(value)


def _suites(rows: list[dict[str, Any]]) -> frozenset[str]:
    return frozenset(row["cipher_suite"]["name"] for row in rows)


def _names(rows: list[dict[str, Any]] | None) -> frozenset[str]:
    return frozenset(_CURVES.get(row["name"], row["name"]) for row in rows or ())


def _fingerprint(pem: str) -> str:
    der = x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
    return hashlib.sha256(der).hexdigest()
