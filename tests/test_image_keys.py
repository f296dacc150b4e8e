"""Keys found in a firmware image, in whatever form they lie there."""

from __future__ import annotations

import base64
import hashlib
import tempfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from tls_servers import make_certificates

from devices.emulated.maker.authority import Authority
from devices.emulated.maker.manufacturer import issue_signer
from devices.firmware.swupdate import make_bundle
from devices.identity.image_keys import ImageKeys, search_image

PRIVATE = ec.generate_private_key(ec.SECP256R1())
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def spki(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def image_with(folder: Path, content: bytes) -> Path:
    """An SWUpdate bundle with one file of this content."""
    root = folder / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "some.file").write_bytes(content)
    key, certificate = issue_signer(Authority.root("Acme", "Root"), "Acme", "Signer")
    path = folder / "image.swu"
    path.write_bytes(
        make_bundle(
            root,
            version="1",
            model="C1",
            hardware="A",
            rollback_index=1,
            key=key,
            cert=certificate,
            digest="sha256",
        )
    )
    return path


def search(path: Path, key: Key = PRIVATE) -> ImageKeys:
    der = spki(key)
    return search_image(path, {hashlib.sha256(der).hexdigest(): der})


FORMS = {
    "PRIVATE KEY": PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    "EC PRIVATE KEY": PRIVATE.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    ),
    "PUBLIC KEY": PRIVATE.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    ),
    "binary": PRIVATE.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
}


@pytest.mark.parametrize("kind", FORMS)
def test_a_key_is_found_in_every_form(tmp_path: Path, kind: str) -> None:
    found = search(image_with(tmp_path, b"\x00" * 1000 + FORMS[kind] + b"after"))
    assert found.opened
    assert found.files == 1
    ((path, seen),) = {(each.path, each.kind) for each in found.found}
    assert (path, seen) == ("/etc/some.file", kind)


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_a_certificate_of_the_key_is_found(tmp_path: Path, kind: str) -> None:
    (tmp_path / "pki").mkdir()
    certificate, key = (Path(p) for p in make_certificates(tmp_path / "pki").pair(kind))
    private = load_pem_private_key(key.read_bytes(), None)
    assert isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    found = search(image_with(tmp_path, certificate.read_bytes()), private)
    assert [each.kind for each in found.found] == ["CERTIFICATE"]


def test_a_private_key_without_its_public_half_is_found(tmp_path: Path) -> None:
    """RFC 5915 lets the public key be left out."""
    value = PRIVATE.private_numbers().private_value.to_bytes(32, "big")
    inner = b"\x02\x01\x01\x04\x20" + value + bytes.fromhex("a00a06082a8648ce3d030107")
    der = b"\x30" + bytes([len(inner)]) + inner
    body = base64.encodebytes(der).decode()
    text = f"-----BEGIN EC PRIVATE KEY-----\n{body}-----END EC PRIVATE KEY-----\n".encode()
    found = search(image_with(tmp_path, text))
    assert [each.kind for each in found.found] == ["EC PRIVATE KEY"]


def test_another_key_is_not_found(tmp_path: Path) -> None:
    found = search(image_with(tmp_path, FORMS["PRIVATE KEY"]), ed25519.Ed25519PrivateKey.generate())
    assert found.opened
    assert not found.found


def test_an_image_that_is_not_opened_says_so_and_is_searched_all_the_same(tmp_path: Path) -> None:
    raw = tmp_path / "flash.bin"
    raw.write_bytes(b"\x27\x05\x19\x56" + FORMS["PRIVATE KEY"])
    found = search(raw)
    assert (found.opened, found.files) == (False, 0)
    assert "not a SWUpdate bundle" in found.problem
    assert [each.path for each in found.found] == ["flash.bin"]


@settings(max_examples=30)
@given(st.binary(max_size=400), st.sampled_from([b"", b"-----BEGIN PRIVATE KEY-----\n", b"070701"]))
def test_any_bytes_are_searched(data: bytes, start: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "image")
        path.write_bytes(start + data + b"-----END PRIVATE KEY-----")
        assert not search(path).found
