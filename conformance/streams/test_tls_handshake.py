"""STREAM-025 and STREAM-026: how keys are agreed on, and what a handshake may not become."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from conformance.case import case
from conformance.streams.tls_servers import measured
from conformance.verdict import Inconclusive
from devices.links.tls.link import TlsLink
from devices.links.tls.observation import TlsScan, TlsServer

Policy = Callable[[str], dict[str, Any]]


@case(
    "STREAM-025",
    severity="high",
    needs=("tls",),
    catches=("stream-tls-weak-group", "stream-tls-dh-1024", "stream-tls-sha1-signature"),
)
def test_key_agreement(tls: TlsLink, tls_scan: TlsScan, policy: Policy) -> None:
    """Keys are agreed on in strong groups, and signed with strong algorithms.

    Method: at every endpoint of STREAM-007 find the groups that are accepted by elimination: in
    TLS 1.3 without a key share, so that the server has to name one; before it in the server's key
    exchange. Read the size of every prime of finite-field Diffie-Hellman. Offer signature
    algorithms with MD5, SHA-1 and SHA-224 alone, and no list of algorithms at all; in TLS 1.3,
    where signatures are encrypted, the handshake is carried to the end by the suite itself.
    Pass: in the versions that policy "tls" accepts, every group is one that it lists, every prime
    has at least its number of bits, and no signature algorithm is one that it refuses.
    """
    rule = policy("tls")
    faults: list[str] = []
    doubts: list[str] = []
    for server in measured(tls, tls_scan):
        versions = [v for v in server.versions if v in rule["versions"]["accepted"]]
        faults += [f"{server.where} {fault}" for fault in _agreement_faults(server, versions, rule)]
        doubts += [f"{server.where}: {doubt}" for doubt in _agreement_doubts(server, versions)]
    assert not faults, f"{'; '.join(faults)}."
    if doubts:
        raise Inconclusive(f"{'; '.join(doubts)}.")


def _agreement_faults(
    server: TlsServer, versions: list[str], rule: dict[str, Any]
) -> Iterator[str]:
    agreement = server.agreement
    for version in versions:
        groups = agreement.groups.get(version, ())
        if weak := [name for name in groups if name not in rule["groups"]["accepted"]]:
            yield f"agrees on keys in {', '.join(weak)} in {version}"
        signed = agreement.signatures.get(version, ())
        if weak := [name for name in signed if name in rule["signatures"]["refused"]]:
            yield f"signs handshakes with {', '.join(weak)} in {version}"
    least = rule["groups"]["dhe_bits"]
    if small := [bits for bits in agreement.dh_bits if bits < least]:
        yield (
            f"uses Diffie-Hellman primes of {', '.join(map(str, small))} bits; "
            f"expected {least} bits or more"
        )


def _agreement_doubts(server: TlsServer, versions: list[str]) -> Iterator[str]:
    if not versions:
        yield "it accepts no version whose key agreement is judged"
    yield from server.agreement.unmeasured
    for version in versions:
        suites = server.suites[version]
        kinds = {suite.key_exchange for suite in suites}
        elliptic = any(kind.startswith("ECDHE") or not kind for kind in kinds)
        if elliptic and not server.agreement.groups.get(version):
            yield f"no group of {version} was seen"
        if any(kind.startswith("DHE") for kind in kinds) and not server.agreement.dh_bits:
            yield f"no Diffie-Hellman prime of {version} was seen"
        signed = any(suite.forward_secret and suite.authenticated for suite in suites)
        if signed and not server.agreement.signatures.get(version):
            why = "; ".join(server.sessions.unmeasured)
            yield f"no signature of {version} was seen{f' ({why})' if why else ''}"
        if not elliptic and not any(suite.forward_secret for suite in suites):
            yield f"in {version} it agrees on no keys: all suites transport them (STREAM-008)"


@case(
    "STREAM-026",
    severity="high",
    needs=("tls",),
    catches=("stream-tls-renegotiation",),
)
def test_handshake_safeguards(tls: TlsLink, tls_scan: TlsScan, policy: Policy) -> None:
    """A handshake cannot be talked down, begun again, compressed or anticipated.

    Method: at every endpoint of STREAM-007: offer compression. Offer the newest version but one
    and say that this is a fallback (RFC 7507). Look for the downgrade sentinel (RFC 8446, 4.1.3)
    and for secure renegotiation (RFC 5746) in every ServerHello before TLS 1.3. Carry a TLS 1.2
    handshake to the end and begin another inside it, as the client. Carry a TLS 1.3 handshake to
    the end and read how much early data its tickets allow.
    Pass: by policy "tls" nothing is compressed; a server of TLS 1.3 sets the sentinel in older
    versions; a fallback between older versions is refused; secure renegotiation is confirmed, and
    one that a client begins is refused; no ticket allows early data.
    """
    rule = policy("tls")["handshake"]
    faults: list[str] = []
    doubts: list[str] = []
    for server in measured(tls, tls_scan):
        faults += [f"{server.where} {fault}" for fault in _handshake_faults(server, rule)]
        doubts += [f"{server.where}: {doubt}" for doubt in _handshake_doubts(server, rule)]
    assert not faults, f"{'; '.join(faults)}."
    if doubts:
        raise Inconclusive(f"{'; '.join(doubts)}.")


def _handshake_faults(server: TlsServer, rule: dict[str, Any]) -> Iterator[str]:
    sessions, downgrade = server.sessions, server.downgrade
    if server.compression and not rule["compression"]:
        yield "compresses inside TLS (CVE-2012-4929)"
    if server.secure_renegotiation is False:
        yield "does not confirm secure renegotiation (RFC 5746)"
    if sessions.renegotiates and not rule["client_renegotiation"]:
        yield "begins a second handshake inside a session whenever a client asks (CVE-2011-1473)"
    if (sessions.early_data or 0) > rule["early_data_bytes"]:
        yield (
            f"takes {sessions.early_data} bytes of early data in resumed TLS 1.3 sessions, which "
            "can be replayed (RFC 8446, 8)"
        )
    if downgrade.sentinel is False and rule["sentinel"]:
        yield "speaks TLS 1.3 and does not say so when it is talked down (RFC 8446, 4.1.3)"
    if downgrade.fallback_refused is False and _fallback_matters(server, rule):
        yield f"answers a client that fell back to {downgrade.fallback} (RFC 7507)"


def _handshake_doubts(server: TlsServer, rule: dict[str, Any]) -> Iterator[str]:
    sessions = server.sessions
    why = "; ".join(sessions.unmeasured) or "no handshake of such a version was completed"
    older = [version for version in server.versions if version < "TLS 1.3"]
    if not server.versions:
        yield "it accepts no version"
    if older and sessions.renegotiates is None:
        yield f"whether a client may renegotiate was not found out ({why})"
    if "TLS 1.3" in server.versions and sessions.early_data is None:
        yield f"whether early data is taken was not found out ({why})"
    if _fallback_matters(server, rule):
        yield from server.downgrade.unmeasured


def _fallback_matters(server: TlsServer, rule: dict[str, Any]) -> bool:
    """Whether the sentinel leaves a downgrade unnoticed: where the best is an older version."""
    limit = rule["fallback_refused_below"]
    return max(server.versions, default="") < limit and len(server.versions) > 1
