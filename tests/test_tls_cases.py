"""What the TLS test cases make of observations: FAIL, PASS, and when they cannot judge."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from conformance import policy
from conformance.streams import test_tls as cases
from conformance.verdict import Inconclusive, NotApplicable
from devices.identity.certificates import Certificate
from devices.identity.paths import PathValidation
from devices.links.tls.observation import ServerChain, TlsScan, TlsServer
from devices.protocols.cipher_suites import CipherSuite, cipher_suites

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LINK: Any = SimpleNamespace(endpoints=["one"])
BY_NAME = {suite.name: suite for suite in cipher_suites().values()}
LEAF = Certificate(
    subject="CN=camera",
    issuer="CN=Device CA",
    serial_number=1,
    not_before=datetime(2026, 1, 1, tzinfo=UTC),
    not_after=datetime(2036, 1, 1, tzinfo=UTC),
    key="EC secp256r1",
    signature_hash="sha256",
    subject_serial="",
    organisation="",
    hardware_modules=(),
    names=("192.0.2.7",),
    authority=False,
    sha256="00",
    key_sha256="00",
)
CHAIN = ServerChain(
    certificates=(LEAF,),
    self_signed=False,
    pinned=False,
    names_endpoint=True,
    path=PathValidation(trusted=True),
)


def suites(*names: str) -> tuple[CipherSuite, ...]:
    return tuple(BY_NAME[name] for name in names)


GOOD = TlsServer(
    name="https",
    protocol="https",
    host="192.0.2.7",
    port=443,
    at=NOW,
    suites={
        "TLS 1.2": suites("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
        "TLS 1.3": suites("TLS_AES_128_GCM_SHA256"),
    },
    chains=(CHAIN,),
    secure_renegotiation=True,
)


def scanned(**changes: Any) -> TlsScan:
    return TlsScan(servers=(replace(GOOD, **changes),))


def test_a_good_server_passes() -> None:
    for case in (cases.test_tls_versions, cases.test_cipher_suites, cases.test_certificate):
        case(LINK, scanned(), policy.load)


def test_without_a_declared_endpoint_there_is_nothing_to_judge() -> None:
    nothing: Any = SimpleNamespace(endpoints=[])
    with pytest.raises(NotApplicable):
        cases.test_tls_versions(nothing, TlsScan(), policy.load)
    with pytest.raises(Inconclusive):
        cases.test_tls_versions(LINK, TlsScan(), policy.load)


@pytest.mark.parametrize(
    ("accepted", "says"),
    [
        ({"SSL 3.0": (), "TLS 1.2": ()}, "accepts SSL 3.0"),
        ({}, "accepts none of TLS 1.2, TLS 1.3"),
    ],
)
def test_versions(accepted: dict[str, tuple[CipherSuite, ...]], says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        cases.test_tls_versions(LINK, scanned(suites=accepted), policy.load)


@pytest.mark.parametrize(
    "name",
    [
        "TLS_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
        "TLS_DH_anon_WITH_AES_128_GCM_SHA256",
        "TLS_RSA_WITH_NULL_SHA",
        "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8",
    ],
)
def test_weak_suites_fail(name: str) -> None:
    with pytest.raises(AssertionError, match=name):
        cases.test_cipher_suites(LINK, scanned(suites={"TLS 1.2": suites(name)}), policy.load)


def test_suites_of_a_rejected_version_are_not_judged_again() -> None:
    old = {"TLS 1.0": suites("TLS_RSA_WITH_AES_128_CBC_SHA")}
    cases.test_cipher_suites(LINK, scanned(suites=old | dict(GOOD.suites)), policy.load)
    with pytest.raises(Inconclusive):
        cases.test_cipher_suites(LINK, scanned(suites=old), policy.load)


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"compression": True}, "compresses"), ({"secure_renegotiation": False}, "RFC 5746")],
)
def test_compression_and_renegotiation(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        cases.test_cipher_suites(LINK, scanned(**changes), policy.load)


@pytest.mark.parametrize(
    ("chain", "says"),
    [
        (replace(CHAIN, names_endpoint=False), "and not 192.0.2.7"),
        (replace(CHAIN, self_signed=True, path=None), "self-signed"),
        (
            replace(CHAIN, path=PathValidation(trusted=False, problem="another authority")),
            "another authority",
        ),
        *(
            (replace(CHAIN, certificates=(replace(LEAF, **wrong),)), says)
            for wrong, says in (
                ({"not_after": datetime(2026, 11, 1, tzinfo=UTC)}, "valid from"),
                ({"not_before": datetime(2027, 1, 1, tzinfo=UTC)}, "valid from"),
                ({"key": "RSA 1024"}, "RSA 1024"),
                ({"key": "EC secp192r1"}, "EC secp192r1"),
                ({"key": "DSA 2048"}, "DSA 2048"),
                ({"signature_hash": "sha1"}, "signed with sha1"),
            )
        ),
    ],
)
def test_bad_certificates_fail(chain: ServerChain, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        cases.test_certificate(LINK, scanned(chains=(chain,)), policy.load)


@pytest.mark.parametrize(
    "chain",
    [
        replace(CHAIN, certificates=(replace(LEAF, key="RSA 2048"),)),
        replace(
            CHAIN,
            certificates=(replace(LEAF, key="Ed25519", signature_hash="none of its own"),),
        ),
        replace(CHAIN, self_signed=True, pinned=True),
    ],
)
def test_other_good_certificates_pass(chain: ServerChain) -> None:
    cases.test_certificate(LINK, scanned(chains=(chain,)), policy.load)


@pytest.mark.parametrize(
    "chains",
    [
        (),
        (replace(CHAIN, path=None),),
        (replace(CHAIN, path=PathValidation(trusted=False, problem="x", undecided=True)),),
    ],
)
def test_what_cannot_be_judged_is_not_passed(chains: tuple[ServerChain, ...]) -> None:
    with pytest.raises(Inconclusive):
        cases.test_certificate(LINK, scanned(chains=chains), policy.load)
