"""STREAM-007 to STREAM-009: the TLS that streams and control run in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from conformance.case import case
from conformance.streams.tls_servers import measured
from conformance.verdict import Inconclusive
from devices.identity.certificates import Certificate
from devices.links.tls.link import TlsLink
from devices.links.tls.observation import ServerChain, TlsScan, TlsServer

Policy = Callable[[str], dict[str, Any]]


@case(
    "STREAM-007",
    severity="critical",
    needs=("tls",),
    catches=("stream-tls10",),
)
def test_tls_versions(tls: TlsLink, tls_scan: TlsScan, policy: Policy) -> None:
    """Only current versions of TLS are accepted.

    Method: offer SSL 2.0, SSL 3.0 and TLS 1.0, 1.1, 1.2 and 1.3, each alone and with every known
    cipher suite, to every encrypted TCP service that the device file declares (except those with an
    encryption of their own, such as SSH) and to every https and rtsps address that it names. The
    handshakes are built by the suite, independent of a TLS library. A version counts as accepted
    when the server answers with a ServerHello of that version.
    Pass: every endpoint accepts at least one version that policy "tls" accepts, and no other.
    """
    accepted = set(policy("tls")["versions"]["accepted"])
    faults = []
    for server in measured(tls, tls_scan):
        if bad := [version for version in server.versions if version not in accepted]:
            faults.append(f"{server.where} accepts {', '.join(bad)}")
        if not accepted & set(server.versions) and not server.shortfall:
            faults.append(f"{server.where} accepts none of {', '.join(sorted(accepted))}")
    expected = f"expected {' and '.join(sorted(accepted))} only"
    assert not faults, f"{'; '.join(faults)}; {expected}."


@case(
    "STREAM-008",
    severity="high",
    needs=("tls",),
    catches=("stream-tls-cbc", "stream-tls-no-forward-secrecy", "stream-tls10"),
)
def test_cipher_suites(tls: TlsLink, tls_scan: TlsScan, policy: Policy) -> None:
    """Only strong cipher suites with forward secrecy are accepted.

    Method: for every accepted version of TLS at every endpoint of STREAM-007, find all accepted
    cipher suites by elimination: offer all known ones, take away the one that the server chose,
    offer the rest, until it refuses. Strong suites are listed to the end, of each class of weak
    ones the first two. Suites of versions that STREAM-007 rejects are not judged again.
    Pass: every suite has a key exchange and a cipher that policy "tls" lists for the version
    (ephemeral elliptic-curve Diffie-Hellman, authenticated encryption).
    """
    allowed = policy("tls")["suites"]
    servers = measured(tls, tls_scan)
    if not any(set(server.versions) & set(allowed) for server in servers):
        raise Inconclusive("no endpoint accepts a version whose suites the policy lists")
    faults = [fault for server in servers for fault in _suite_faults(server, allowed)]
    assert not faults, f"{'; '.join(faults)}."
    if cut := [s.where for s in servers if set(s.unlisted) & set(allowed)]:
        raise Inconclusive(f"not all suites of {', '.join(cut)} were listed", "partial")


def _suite_faults(server: TlsServer, allowed: dict[str, Any]) -> Iterator[str]:
    for version, suites in server.suites.items():
        rule = allowed.get(version)
        if rule is None:
            continue
        bad = [
            suite.name
            for suite in suites
            if suite.key_exchange not in rule["key_exchanges"]
            or suite.cipher not in rule["ciphers"]
        ]
        if bad:
            yield f"{server.where} accepts {', '.join(bad)} in {version}"


@case(
    "STREAM-009",
    severity="high",
    needs=("tls",),
    catches=(
        "stream-certificate-expired",
        "stream-certificate-weak",
        "stream-certificate-wrong-name",
        "origin-foreign-ca",  # shown in TLS, as the device certificate is
        "origin-no-certificate",
    ),
)
def test_certificate(tls: TlsLink, tls_scan: TlsScan, policy: Policy) -> None:
    """The TLS certificate is valid, strong, for this camera, and from the declared authority.

    Method: collect every certificate chain that the endpoints of STREAM-007 show, for each kind
    of key they use. Judge its validity by the bench's clock, the key and the signature hash of
    each certificate, whether a name in subjectAltName is the address that the device file uses,
    and whether the chain leads to the authority that the device file declares (links.*.trust). A
    certificate that its own key signed is acceptable only when the device file pins it, that is,
    gives that very certificate as trust: nothing else would let a client tell this camera from an
    impostor.
    Pass: all of this holds for every chain, by policy "tls".
    """
    rule = policy("tls")["certificate"]
    faults: list[str] = []
    doubts: list[str] = []
    for server in measured(tls, tls_scan):
        if not server.chains:
            doubts.append(f"{server.where} showed no certificate that can be read")
        for chain in server.chains:
            faults.extend(f"{server.where}: {fault}" for fault in _leaf_faults(server, chain))
            faults.extend(
                f"{server.where}: {fault}"
                for certificate in chain.certificates
                for fault in _strength_faults(certificate, chain, rule)
            )
            _judge_path(server, chain, faults, doubts)
    assert not faults, f"{'; '.join(faults)}."
    if doubts:
        raise Inconclusive(f"{'; '.join(doubts)}.")


def _leaf_faults(server: TlsServer, chain: ServerChain) -> Iterator[str]:
    leaf = chain.leaf
    if not leaf.not_before <= server.at <= leaf.not_after:
        yield (
            f"the certificate of {leaf.subject} is valid from {leaf.not_before:%Y-%m-%d} "
            f"to {leaf.not_after:%Y-%m-%d}, and was shown on {server.at:%Y-%m-%d}"
        )
    if not chain.names_endpoint:
        names = ", ".join(leaf.names) or "no host"
        yield f"the certificate names {names}, and not {server.host}"


def _strength_faults(
    certificate: Certificate, chain: ServerChain, rule: dict[str, Any]
) -> Iterator[str]:
    kind, _, size = certificate.key.partition(" ")
    strong = (
        (kind == "RSA" and int(size) >= rule["rsa_bits"])
        or (kind == "EC" and size in rule["curves"])
        or kind in rule["other_keys"]
    )
    if not strong:
        yield (
            f"the key of {certificate.subject} is {certificate.key}; expected RSA of "
            f"{rule['rsa_bits']} bits or more, or a curve of 256 bits or more"
        )
    own_root = certificate.subject == certificate.issuer
    if certificate is chain.leaf:  # of which it is known whose key signed it
        own_root = chain.self_signed
    if not own_root and certificate.signature_hash not in (*rule["hashes"], rule["hashless"]):
        used = certificate.signature_hash
        yield f"the certificate of {certificate.subject} is signed with {used}"


def _judge_path(
    server: TlsServer, chain: ServerChain, faults: list[str], doubts: list[str]
) -> None:
    if chain.self_signed and not chain.pinned:
        faults.append(
            f"{server.where}: the certificate of {chain.leaf.subject} is self-signed, and the "
            "device file does not pin it as trust"
        )
    elif chain.path is None:
        doubts.append(
            f"{server.where}: the device file declares no authority (links.*.trust) that the "
            f"certificate from {chain.leaf.issuer} could be judged by"
        )
    elif chain.path.undecided:
        doubts.append(f"{server.where}: {chain.path.problem}")
    elif not chain.path.trusted:
        faults.append(
            f"{server.where}: the chain does not lead to the declared authority: "
            f"{chain.path.problem}"
        )
