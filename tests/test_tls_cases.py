"""What the TLS test cases make of observations: FAIL, PASS, and when they cannot judge."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from conformance import policy
from conformance.streams import test_tls as cases
from conformance.streams import test_tls_handshake as handshake_cases
from conformance.streams import test_tls_key as key_cases
from conformance.verdict import Inconclusive, NotApplicable
from devices.identity.certificates import Certificate
from devices.identity.image_keys import ImageKeys, KeyInImage
from devices.identity.paths import PathValidation
from devices.links.tls.key_agreement import KeyAgreement
from devices.links.tls.observation import ServerChain, TlsScan, TlsServer
from devices.links.tls.safeguards import DowngradeProtection
from devices.links.tls.sessions import SessionFindings
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
    public_key=b"a key",
)

AGREEMENT = KeyAgreement(
    groups={"TLS 1.2": ("secp256r1",), "TLS 1.3": ("x25519", "secp256r1")},
    signatures={
        "TLS 1.2": ("ecdsa_secp256r1_sha256",),
        "TLS 1.3": ("ecdsa_secp256r1_sha256",),
    },
)
DOWNGRADE = DowngradeProtection(fallback="TLS 1.2", fallback_refused=True, sentinel=True)
SESSIONS = SessionFindings(renegotiates=False, renegotiation="alert", early_data=0)


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
    agreement=AGREEMENT,
    downgrade=DOWNGRADE,
    sessions=SESSIONS,
)


def scanned(**changes: Any) -> TlsScan:
    return TlsScan(servers=(replace(GOOD, **changes),))


def test_a_good_server_passes() -> None:
    for case in (
        cases.test_tls_versions,
        cases.test_cipher_suites,
        cases.test_certificate,
        handshake_cases.test_key_agreement,
        handshake_cases.test_handshake_safeguards,
    ):
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
        handshake_cases.test_handshake_safeguards(LINK, scanned(**changes), policy.load)


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


def test_suites_that_were_not_all_listed_are_not_passed() -> None:
    with pytest.raises(Inconclusive, match="not all suites"):
        cases.test_cipher_suites(LINK, scanned(unlisted=("TLS 1.2",)), policy.load)
    cases.test_cipher_suites(LINK, scanned(unlisted=("TLS 1.0",)), policy.load)


@pytest.mark.parametrize(
    ("agreement", "says"),
    [
        (replace(AGREEMENT, groups={"TLS 1.2": ("secp224r1",)}), "secp224r1 in TLS 1.2"),
        (replace(AGREEMENT, groups={"TLS 1.2": ("0xFF01",)}), "0xFF01"),
        (replace(AGREEMENT, dh_bits=(1024, 2048)), "primes of 1024 bits"),
        (replace(AGREEMENT, signatures={"TLS 1.2": ("rsa_pkcs1_sha1",)}), "rsa_pkcs1_sha1"),
        (replace(AGREEMENT, signatures={"TLS 1.3": ("ecdsa_sha1",)}), "ecdsa_sha1 in TLS 1.3"),
    ],
)
def test_weak_key_agreement_fails(agreement: KeyAgreement, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        handshake_cases.test_key_agreement(LINK, scanned(agreement=agreement), policy.load)


@pytest.mark.parametrize(
    "changes",
    [
        {"agreement": KeyAgreement()},
        {"agreement": replace(AGREEMENT, groups={"TLS 1.2": ("secp256r1",)})},
        {"agreement": replace(AGREEMENT, signatures={"TLS 1.3": ("ed25519",)})},
        {"agreement": replace(AGREEMENT, unmeasured=("groups of TLS 1.2: timeout",))},
        {"suites": {}},
        {"suites": {"TLS 1.0": suites("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA")}},
        {"suites": {"TLS 1.2": suites("TLS_RSA_WITH_AES_128_GCM_SHA256")}},
        {"suites": {"TLS 1.2": suites("TLS_DHE_RSA_WITH_AES_128_GCM_SHA256")}},
    ],
)
def test_a_key_agreement_that_was_not_seen_is_not_passed(changes: dict[str, Any]) -> None:
    with pytest.raises(Inconclusive):
        handshake_cases.test_key_agreement(LINK, scanned(**changes), policy.load)


OLD = {"TLS 1.1": (), "TLS 1.2": GOOD.suites["TLS 1.2"]}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sessions": replace(SESSIONS, renegotiates=True)}, "CVE-2011-1473"),
        ({"sessions": replace(SESSIONS, early_data=16384)}, "16384 bytes of early data"),
        ({"downgrade": replace(DOWNGRADE, sentinel=False)}, "4.1.3"),
        (
            {
                "downgrade": DowngradeProtection(fallback="TLS 1.1", fallback_refused=False),
                "suites": OLD,
            },
            "fell back to TLS 1.1",
        ),
    ],
)
def test_missing_safeguards_fail(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        handshake_cases.test_handshake_safeguards(LINK, scanned(**changes), policy.load)


def test_the_sentinel_makes_the_older_sign_of_a_fallback_needless() -> None:
    unsigned = replace(DOWNGRADE, fallback_refused=False)
    handshake_cases.test_handshake_safeguards(LINK, scanned(downgrade=unsigned), policy.load)


@pytest.mark.parametrize(
    "changes",
    [
        {"sessions": replace(SESSIONS, renegotiates=None)},
        {"sessions": replace(SESSIONS, early_data=None)},
        {"suites": {}},
        {"suites": OLD, "downgrade": DowngradeProtection(unmeasured=("fallback: timeout",))},
    ],
)
def test_safeguards_that_were_not_measured_are_not_passed(changes: dict[str, Any]) -> None:
    with pytest.raises(Inconclusive):
        handshake_cases.test_handshake_safeguards(LINK, scanned(**changes), policy.load)


SEARCHED = ImageKeys(image="firmware.swu", files=7, opened=True)


def published(digest: str) -> Any:
    row = {"key_sha256": digest, "owner": "somebody", "source": "somewhere"}
    return lambda _: [row]


def test_the_key_of_a_unit() -> None:
    judge = key_cases.test_the_tls_key_is_of_this_unit_alone
    judge(LINK, scanned(), SEARCHED, published("00"))
    with pytest.raises(AssertionError, match="has been published: somebody"):
        judge(LINK, scanned(), SEARCHED, published(CHAIN.key_sha256))
    found = replace(SEARCHED, found=(KeyInImage("/etc/key", "PRIVATE KEY", CHAIN.key_sha256),))
    with pytest.raises(AssertionError, match="/etc/key in the firmware image holds the key"):
        judge(LINK, scanned(), found, published("00"))


@pytest.mark.parametrize(
    ("chains", "image"),
    [
        ((), SEARCHED),
        ((replace(CHAIN, public_key=b""),), SEARCHED),
        ((CHAIN,), ImageKeys(image="", problem="the device file gives none")),
        ((CHAIN,), replace(SEARCHED, files=0)),
    ],
)
def test_a_key_that_was_not_looked_for_is_not_passed(
    chains: tuple[ServerChain, ...], image: ImageKeys
) -> None:
    with pytest.raises(Inconclusive):
        key_cases.test_the_tls_key_is_of_this_unit_alone(
            LINK, scanned(chains=chains), image, published("00")
        )
