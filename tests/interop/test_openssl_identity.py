"""Device identities and certificates of origin, judged by OpenSSL."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from devices.emulated.maker.manufacturer import Manufacturer, make_manufacturer
from devices.emulated.maker.papers import paper_declaration, write_papers
from devices.emulated.maker.rootfs import build_rootfs
from devices.emulated.posture import Posture
from devices.emulated.unit import make_unit
from devices.identity.certificates import load_chain
from devices.identity.paths import validate_path
from devices.identity.signed_paper import open_signed_paper

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed"),
]
UNIT = make_unit(3)


@pytest.fixture(scope="module")
def manufacturer(tmp_path_factory: pytest.TempPathFactory) -> Manufacturer:
    return make_manufacturer(tmp_path_factory.mktemp("maker"))


def _openssl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize(
    "posture",
    [
        Posture(),
        Posture(device_certificate="other-serial"),
        Posture(device_certificate="foreign-ca"),
        Posture(device_certificate="none"),
        Posture(certificate_flaw="expired"),
        Posture(certificate_flaw="self-signed"),
    ],
)
def test_openssl_and_camproof_agree_on_a_chain(
    manufacturer: Manufacturer, tmp_path: Path, posture: Posture
) -> None:
    _, chain = manufacturer.issue_device(UNIT, "127.8.0.1", posture)
    path = tmp_path / "chain.pem"
    path.write_bytes(chain)
    trust = manufacturer.device_trust
    theirs = _openssl("verify", "-x509_strict", "-CAfile", trust, "-untrusted", path, path)
    ours = validate_path(load_chain(chain), load_chain(trust.read_bytes()))
    assert (theirs.returncode == 0) == ours.trusted, theirs.stderr


def test_openssl_reads_the_identity(manufacturer: Manufacturer, tmp_path: Path) -> None:
    _, chain = manufacturer.issue_device(UNIT, "127.8.0.1", Posture())
    path = tmp_path / "chain.pem"
    path.write_bytes(chain)
    text = _openssl("x509", "-in", path, "-noout", "-text").stdout
    assert "Dec 31 23:59:59 9999 GMT" in text
    assert f"serialNumber = {UNIT.serial}" in text
    assert "IP Address:127.8.0.1" in text


@pytest.mark.parametrize("variant", ["genuine", "forged"])
def test_openssl_and_camproof_agree_on_a_certificate_of_origin(
    manufacturer: Manufacturer, tmp_path: Path, variant: str
) -> None:
    posture = Posture(certificate_of_origin=variant)
    root = build_rootfs(tmp_path / "root", "2.4.1", posture, released=True)
    write_papers(
        tmp_path / "papers", UNIT, "2.4.1", posture, manufacturer=manufacturer, released_root=root
    )
    documents = paper_declaration(tmp_path / "papers")["documents"]
    path, trust = Path(documents["certificate_of_origin"]), Path(documents["origin_trust"])
    theirs = _openssl(
        "cms", "-verify", "-binary", "-inform", "DER", "-in", f"{path}.p7s", "-content", path,
        "-CAfile", trust, "-out", "/dev/null",
    )  # fmt: skip
    ours = open_signed_paper(path, "documents.certificate_of_origin", trust)
    assert (theirs.returncode == 0) == (ours.signature_problem == ""), theirs.stderr
    assert (theirs.returncode == 0) == (variant == "genuine")


def test_camproof_reads_a_certificate_that_openssl_signed(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "chamber.pem"
    made = _openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
        "-subj", "/O=Chamber/CN=Registrar", "-days", "2",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    paper = tmp_path / "co.json"
    paper.write_text("{}")
    signed = _openssl(
        "cms", "-sign", "-binary", "-in", paper, "-signer", certificate, "-inkey", key,
        "-outform", "DER", "-out", f"{paper}.p7s",
    )  # fmt: skip
    assert signed.returncode == 0, signed.stderr
    opened = open_signed_paper(paper, "documents.certificate_of_origin", certificate)
    assert opened.signature_problem == ""
    assert opened.malformed
