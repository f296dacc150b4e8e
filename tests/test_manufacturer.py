"""The emulated maker: identities that hold, and identities that do not, each for its own reason."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from devices.emulated.maker.manufacturer import Manufacturer, make_manufacturer
from devices.emulated.posture import Posture
from devices.emulated.unit import make_unit, reported
from devices.identity.certificates import describe, load_chain
from devices.identity.paths import PathValidation, validate_path

UNIT = make_unit(17)
ADDRESS = "127.8.0.1"


@pytest.fixture(scope="module")
def manufacturer(tmp_path_factory: pytest.TempPathFactory) -> Manufacturer:
    return make_manufacturer(tmp_path_factory.mktemp("maker"))


def _validated(manufacturer: Manufacturer, posture: Posture) -> PathValidation:
    _, chain = manufacturer.issue_device(UNIT, ADDRESS, posture)
    return validate_path(load_chain(chain), load_chain(manufacturer.device_trust.read_bytes()))


def test_a_genuine_identity_is_an_idevid(manufacturer: Manufacturer) -> None:
    key, chain = manufacturer.issue_device(UNIT, ADDRESS, Posture())
    leaf, authority = load_chain(chain)
    facts = describe(leaf)
    assert facts.has_no_end
    assert facts.unit_serials == (UNIT.serial,)
    assert facts.subject_serial == UNIT.serial
    assert [m.serial_text for m in facts.hardware_modules] == [UNIT.serial]
    assert facts.names == (ADDRESS,)
    assert not facts.authority
    assert describe(authority).authority
    assert load_pem_private_key(key, None).public_key() == leaf.public_key()
    assert _validated(manufacturer, Posture()) == PathValidation(trusted=True)


@pytest.mark.parametrize(
    ("posture", "reason"),
    [
        (Posture(device_certificate="foreign-ca"), "Northlight"),
        (Posture(device_certificate="none"), "its last issuer is"),
        (Posture(certificate_flaw="self-signed"), "its last issuer is"),
        (Posture(certificate_flaw="expired"), "is valid from"),
        (Posture(certificate_flaw="sha1"), "Forbidden signature algorithm"),
    ],
)
def test_a_chain_that_does_not_hold_says_why(
    manufacturer: Manufacturer, posture: Posture, reason: str
) -> None:
    validation = _validated(manufacturer, posture)
    assert not validation.trusted
    assert not validation.undecided
    assert reason in validation.problem


def test_another_units_identity_is_genuine_but_names_that_unit(manufacturer: Manufacturer) -> None:
    posture = Posture(device_certificate="other-serial")
    _, chain = manufacturer.issue_device(UNIT, ADDRESS, posture)
    assert _validated(manufacturer, posture).trusted
    assert UNIT.serial not in describe(load_chain(chain)[0]).unit_serials


def test_tls_flaws_are_in_the_certificate(manufacturer: Manufacturer) -> None:
    def facts(flaw: str) -> object:
        _, chain = manufacturer.issue_device(UNIT, ADDRESS, Posture(certificate_flaw=flaw))
        return describe(load_chain(chain)[0])

    assert facts("rsa-1024").key == "RSA 1024"  # type: ignore[attr-defined]
    assert facts("sha1").signature_hash == "sha1"  # type: ignore[attr-defined]
    assert ADDRESS not in facts("wrong-name").names  # type: ignore[attr-defined]


def test_authorities_are_kept_and_keys_are_private(tmp_path: Path) -> None:
    first = make_manufacturer(tmp_path / "maker")
    again = make_manufacturer(tmp_path / "maker")
    assert first.root.certificate == again.root.certificate
    keys = list((tmp_path / "maker").glob("*-key.pem"))
    assert keys
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def test_what_is_reported_differs_only_under_a_fault() -> None:
    honest = reported(UNIT, "2.4.1", Posture())
    assert (honest.manufacturer, honest.serial, honest.mac, honest.firmware_version) == (
        UNIT.manufacturer,
        UNIT.serial,
        UNIT.mac,
        "2.4.1",
    )
    assert honest.brand == UNIT.manufacturer
    false = reported(
        UNIT, "2.4.1", Posture(mac_mismatch=True, firmware_version_false=True, foreign_brand=True)
    )
    assert false.mac != UNIT.mac
    assert false.firmware_version != "2.4.1"
    assert false.brand != UNIT.manufacturer
