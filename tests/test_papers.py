"""The papers of the emulated camera, opened by the code that opens anybody's papers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from devices.emulated.maker.manufacturer import Manufacturer, make_manufacturer
from devices.emulated.maker.papers import paper_declaration, write_papers
from devices.emulated.maker.rootfs import build_rootfs
from devices.emulated.posture import Posture
from devices.emulated.unit import make_unit
from devices.errors import DeviceFileError
from devices.identity.signed_paper import SignedPaper, open_signed_paper
from devices.identity.software_bill import open_software_bill

UNIT = make_unit(50)
VERSION = "2.4.1"
TODAY = datetime.now(UTC).date()
Write = Callable[[Posture], dict[str, str]]


@pytest.fixture(scope="module")
def manufacturer(tmp_path_factory: pytest.TempPathFactory) -> Manufacturer:
    return make_manufacturer(tmp_path_factory.mktemp("maker"))


@pytest.fixture
def write(tmp_path: Path, manufacturer: Manufacturer) -> Write:
    def papers(posture: Posture) -> dict[str, str]:
        root = build_rootfs(tmp_path / "root", VERSION, posture, released=True)
        write_papers(
            tmp_path / "papers",
            UNIT,
            VERSION,
            posture,
            manufacturer=manufacturer,
            released_root=root,
        )
        return paper_declaration(tmp_path / "papers")["documents"]

    return papers


def _open(documents: dict[str, str], name: str = "certificate_of_origin") -> SignedPaper:
    return open_signed_paper(Path(documents[name]), name, Path(documents["origin_trust"]))


def test_genuine_certificates_hold(write: Write) -> None:
    documents = write(Posture())
    for name in ("certificate_of_origin", "quality_certificate"):
        paper = _open(documents, name)
        assert paper.signature_problem == ""
        assert paper.certificate is not None
        assert paper.certificate.valid_on(TODAY)
        assert paper.certificate.model == UNIT.model
    assert _open(documents).certificate.covers_serial(UNIT.serial)  # type: ignore[union-attr]


def test_a_forged_signature_names_the_same_signer_and_does_not_hold(write: Write) -> None:
    genuine, forged = _open(write(Posture())), _open(write(Posture(certificate_of_origin="forged")))
    assert forged.signers == genuine.signers
    assert forged.signature_problem


def test_a_changed_byte_breaks_the_signature(write: Write) -> None:
    documents = write(Posture())
    path = Path(documents["certificate_of_origin"])
    path.write_bytes(path.read_bytes().replace(b"CO-2026", b"CO-2027"))
    assert "other content" in _open(documents).signature_problem


def test_faults_of_the_certificate_are_in_its_content(write: Write) -> None:
    expired = _open(write(Posture(certificate_of_origin="expired")))
    assert expired.signature_problem == ""
    assert not expired.certificate.valid_on(TODAY)  # type: ignore[union-attr]
    other = _open(write(Posture(certificate_of_origin="other-serial")))
    assert not other.certificate.covers_serial(UNIT.serial)  # type: ignore[union-attr]
    model = _open(write(Posture(certificate_of_origin="other-model")))
    assert model.certificate.model != UNIT.model  # type: ignore[union-attr]


def test_what_is_missing_is_not_declared(write: Write) -> None:
    documents = write(Posture(certificate_of_origin="missing", sbom="missing"))
    assert "certificate_of_origin" not in documents
    assert "sbom" not in documents
    assert all(Path(path).is_file() for path in documents.values())


def test_a_paper_without_signature_says_so(write: Write) -> None:
    documents = write(Posture())
    Path(documents["certificate_of_origin"] + ".p7s").unlink()
    assert "no signature" in _open(documents).signature_problem


@pytest.mark.parametrize(
    ("name", "data", "other"),
    [
        ("origin.pdf", b"%PDF-1.7\n", True),
        ("origin.jpg", b"\xff\xd8\xff", True),
        ("origin.json", b"%PDF-1.7\n", False),
        ("origin.txt", b' {"format": ', False),
    ],
)
def test_what_neither_is_nor_claims_to_be_json_is_told_apart(
    tmp_path: Path, name: str, data: bytes, *, other: bool
) -> None:
    (tmp_path / name).write_bytes(data)
    paper = open_signed_paper(tmp_path / name, "documents.certificate_of_origin", None)
    assert paper.certificate is None
    assert paper.other_format == other


def test_an_unreadable_paper_names_its_path(tmp_path: Path) -> None:
    with pytest.raises(DeviceFileError, match=r"documents\.certificate_of_origin: .*gone\.json"):
        open_signed_paper(tmp_path / "gone.json", "documents.certificate_of_origin", None)


@pytest.mark.parametrize(
    ("variant", "components"), [("complete", 13), ("missing-component", 12), ("vulnerable", 13)]
)
def test_the_bill_of_materials(write: Write, variant: str, components: int) -> None:
    bill = open_software_bill(Path(write(Posture(sbom=variant))["sbom"])).bill
    assert bill is not None
    assert bill.faults == ()
    assert len(bill.components) == components
    assert all(file.sha256 for file in bill.files)
    versions = {component.name: component.version for component in bill.components}
    assert (versions["xz"] == "5.6.1") == (variant == "vulnerable")
