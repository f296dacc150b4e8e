"""Detached CMS: genuine signatures verify, everything else raises CmsError alone."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.emulated.maker.manufacturer import Manufacturer, make_manufacturer
from devices.firmware.cms import CmsError, describe_signers, load_trust, verify_detached
from devices.firmware.cms_sign import Digest, sign_detached
from devices.firmware.impostor import impostor_of

CONTENT = b"software = { version = 1 }\n"


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Manufacturer:
    return make_manufacturer(tmp_path_factory.mktemp("maker"))


@pytest.fixture(scope="module")
def message(maker: Manufacturer) -> bytes:
    return sign_detached(CONTENT, *maker.update_signer)


def test_a_genuine_signature_verifies_and_is_described(maker: Manufacturer, message: bytes) -> None:
    (signer,) = verify_detached(message, CONTENT, load_trust(maker.update_trust.read_bytes()))
    assert (signer.digest, signer.key_type, signer.key_bits) == ("sha256", "ec", 256)
    assert "Firmware signer" in signer.subject
    assert describe_signers(message) == (signer,)


@pytest.mark.parametrize(
    ("key_type", "digest"), [("rsa-1024", "sha256"), ("ec-p256", "sha1"), ("rsa-2048", "sha512")]
)
def test_weak_and_strong_signatures_are_told_apart(
    maker: Manufacturer, key_type: str, digest: Digest
) -> None:
    signed = sign_detached(CONTENT, *maker.issue_update_signer(key_type), digest)  # type: ignore[arg-type]
    (signer,) = verify_detached(signed, CONTENT, load_trust(maker.update_trust.read_bytes()))
    bits = {"rsa-1024": 1024, "ec-p256": 256, "rsa-2048": 2048}[key_type]
    assert (signer.digest, signer.key_bits) == (digest, bits)


def test_the_root_alone_is_trust_enough(maker: Manufacturer, message: bytes) -> None:
    assert verify_detached(message, CONTENT, [maker.root.certificate])


def test_other_content_is_refused(maker: Manufacturer, message: bytes) -> None:
    with pytest.raises(CmsError, match="other content"):
        verify_detached(message, CONTENT + b" ", load_trust(maker.update_trust.read_bytes()))


def test_an_impostor_with_the_same_names_is_refused(maker: Manufacturer, message: bytes) -> None:
    forged = sign_detached(CONTENT, *impostor_of(describe_signers(message)[0]))
    assert describe_signers(forged)[0].subject == describe_signers(message)[0].subject
    assert verify_detached(forged, CONTENT, None)
    with pytest.raises(CmsError, match="not issued by a trusted authority"):
        verify_detached(forged, CONTENT, load_trust(maker.update_trust.read_bytes()))


def test_a_certificate_of_another_purpose_may_not_sign(maker: Manufacturer) -> None:
    key, chain = maker.update_signer
    leaf = chain.split(b"-----END CERTIFICATE-----")[0] + b"-----END CERTIFICATE-----\n"
    signed = sign_detached(CONTENT, key, leaf)
    with pytest.raises(CmsError, match="not issued by a trusted authority"):
        verify_detached(signed, CONTENT, [maker.origin.certificate])


def test_validity_is_judged_at_the_moment_asked_for(maker: Manufacturer, message: bytes) -> None:
    anchors = load_trust(maker.update_trust.read_bytes())
    with pytest.raises(CmsError, match="is not valid on 1999"):
        verify_detached(message, CONTENT, anchors, datetime(1999, 1, 1, tzinfo=UTC))


def test_a_trust_anchor_that_is_no_certificate_is_named() -> None:
    with pytest.raises(CmsError, match="trust anchor"):
        load_trust(b"nothing")


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(CmsError):
        verify_detached(data, CONTENT, None)
    with pytest.raises(CmsError):
        verify_detached(b"-----BEGIN CMS-----\n" + data, CONTENT, None)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_message_raises_nothing_else(
    maker: Manufacturer, message: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(message)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(CmsError):
        describe_signers(bytes(damaged))
    anchors = load_trust(maker.update_trust.read_bytes())
    with contextlib.suppress(CmsError):
        # What still verifies was changed where no signature looks (unsigned fields).
        verify_detached(bytes(damaged), CONTENT, anchors)
        with pytest.raises(CmsError):
            verify_detached(bytes(damaged), CONTENT + b".", anchors)


def test_a_shortened_message_is_refused(message: bytes) -> None:
    for length in range(0, len(message), 7):
        with pytest.raises(CmsError):
            verify_detached(message[:length], CONTENT, None)
