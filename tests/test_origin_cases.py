"""The test cases of origin, judged on facts made up for the purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from conformance import knowledge
from conformance.origin.test_certificates_of_origin import (
    test_certificate_of_origin_is_for_this_camera as origin_004,
)
from conformance.origin.test_certificates_of_origin import (
    test_certificates_of_origin_and_quality_are_genuine_and_valid as origin_003,
)
from conformance.origin.test_components import (
    test_no_component_has_a_published_backdoor as origin_010,
)
from conformance.origin.test_components import test_no_trace_of_another_maker as origin_011
from conformance.origin.test_device_identity import (
    test_camera_reports_what_its_label_says as origin_005,
)
from conformance.origin.test_device_identity import (
    test_device_certificate_comes_from_the_manufacturer as origin_001,
)
from conformance.origin.test_device_identity import (
    test_device_certificate_names_this_unit as origin_002,
)
from conformance.origin.test_device_identity import (
    test_hardware_address_is_the_one_on_the_label as origin_009,
)
from conformance.origin.test_software import (
    test_bill_of_materials_is_valid_and_complete as origin_006,
)
from conformance.origin.test_software import (
    test_files_are_those_of_the_bill_of_materials as origin_007,
)
from conformance.origin.test_software import (
    test_running_firmware_is_the_released_image as origin_008,
)
from conformance.verdict import Inconclusive
from devices.description import Authorisation, Declared, Device, DeviceFile, Firmware
from devices.identity.bill import Bill, BillFile, Component, Statement
from devices.identity.certificates import Certificate
from devices.identity.image import FirmwareImage, ImageFile
from devices.identity.inventory import ComponentInventory, InventoryItem
from devices.identity.origin_certificate import ORIGIN, QUALITY, OriginCertificate, SerialRange
from devices.identity.packages import Package
from devices.identity.paths import PathValidation
from devices.identity.reported import ReportedInformation
from devices.identity.signed_paper import NOT_SUPPLIED, SignedPaper
from devices.identity.software_bill import SoftwareBill
from devices.links.identity import DeviceIdentity, ProvenIdentity
from devices.links.inside import InstalledPackages, MarkedFile, MarkedFiles
from devices.links.reports import Banner, Banners, DeviceReports, HardwareAddresses
from devices.links.ssh.observations import FileDigests

TODAY = datetime.now(UTC).date()
DEVICE = DeviceFile(
    device=Device(
        manufacturer="Lumivista",
        model="LV-2100",
        hardware="B2",
        serial="LV00000001",
        mac="00:00:5E:00:53:01",
        firmware=Firmware(version="2.4.1", sha256="a" * 64),
    ),
    authorisation=Authorisation(
        granted_by="t", reference="t", expires=TODAY, addresses=["127.0.0.1"]
    ),
    declared=Declared(device_certificate_trust=Path("/trust.pem")),
)
ORIGINAL = OriginCertificate(
    form=ORIGIN,
    number="1",
    issuer="Chamber",
    issuer_country="ZZ",
    issued=TODAY - timedelta(10),
    expires=TODAY + timedelta(10),
    country="ZZ",
    standard="",
    manufacturer="Lumivista",
    model="LV-2100",
    hardware="",
    firmware=(),
    serials=(),
    ranges=(SerialRange("LV00000001", "LV00000009"),),
)


def _paper(certificate: OriginCertificate | None = ORIGINAL, problem: str = "") -> SignedPaper:
    return SignedPaper(
        path="/p.json",
        sha256="0" * 64,
        certificate=certificate,
        malformed="" if certificate else "not JSON",
        signers=("CN=Registrar",),
        signature_problem=problem,
    )


QUALITY_PAPER = _paper(replace(ORIGINAL, form=QUALITY, ranges=()))


SCAN = replace(_paper(None), path="/p.pdf", other_format=True)


def _identity(serial: str = "LV00000001", *, trusted: bool = True) -> ProvenIdentity:
    leaf = Certificate(
        subject=f"serialNumber={serial}",
        issuer="CN=CA",
        serial_number=1,
        not_before=datetime(2025, 1, 1, tzinfo=UTC),
        not_after=datetime(9999, 12, 31, tzinfo=UTC),
        key="EC secp256r1",
        signature_hash="sha256",
        subject_serial=serial,
        organisation="Lumivista",
        hardware_modules=(),
        names=(),
        authority=False,
        sha256="0" * 64,
        key_sha256="0" * 64,
    )
    path = PathValidation(trusted=trusted, problem="" if trusted else "another authority")
    return ProvenIdentity(endpoint="https", version="TLSv1.3", certificates=(leaf,), path=path)


def _identities(*identities: ProvenIdentity) -> DeviceIdentity:
    return DeviceIdentity(identities=identities, unanswered=())


def _reports(**fields: str) -> DeviceReports:
    told = {
        "manufacturer": "LUMIVISTA",
        "model": "LV-2100",
        "serial": "LV00000001",
        "firmware": "2.4.1",
    } | fields
    return DeviceReports(reports=(ReportedInformation(source="ONVIF", **told),))


def _bill(**fields: Any) -> SoftwareBill:
    bill = Bill(
        form="CycloneDX 1.6",
        timestamp="",
        subject="fw",
        subject_version="2.4.1",
        components=(Component("a", "xz", "5.4.6", "", ""),),
        files=(BillFile("/bin/a", "a" * 64),),
    )
    return SoftwareBill(path="/sbom.json", sha256="0" * 64, bill=replace(bill, **fields))


def _packages(*packages: Package) -> InstalledPackages:
    return InstalledPackages(database="/status", packages=packages or (Package("xz", "5.4.6-1"),))


def _digests(sha256: dict[str, str], missing: tuple[str, ...] = ()) -> FileDigests:
    return FileDigests(sha256=sha256, missing=missing)


IMAGE = FirmwareImage(
    path="/i.swu",
    sha256="a" * 64,
    version="2.4.1",
    model="LV-2100",
    files=(ImageFile("/bin/a", "a" * 64, program=True),),
)


def _inventory(name: str, version: str, *statements: Statement) -> ComponentInventory:
    return ComponentInventory(items=(InventoryItem(name, version, "SBOM", statements),))


NO_FILES = MarkedFiles(searched=9, found=())
PLAIN_BANNERS = Banners(banners=(Banner("Server", "nginx"),))
SAME = {"/bin/a": "a" * 64}


@pytest.mark.parametrize(
    "judge",
    [
        lambda: origin_001(_identities(_identity(), _identity(trusted=False)), DEVICE),
        lambda: origin_002(_identities(_identity()), DEVICE),
        lambda: origin_003(_paper(), QUALITY_PAPER),
        lambda: origin_004(_paper(), QUALITY_PAPER, DEVICE),
        lambda: origin_005(_reports(firmware="V2.4.1 build 3"), DEVICE),
        lambda: origin_006(_bill(), _packages(), DEVICE),
        lambda: origin_007(_bill(), _digests(SAME)),
        lambda: origin_008(IMAGE, _digests(SAME), _reports(), DEVICE),
        lambda: origin_009(HardwareAddresses(by_source={"s": ("00005E005301",)}), DEVICE),
        lambda: origin_010(_inventory("xz", "5.6.1+really5.4.5-1"), knowledge.load),
        lambda: origin_010(
            _inventory("goahead", "3.6.4", Statement("CVE-2017-17562", "a", "resolved")),
            knowledge.load,
        ),
        lambda: origin_011(PLAIN_BANNERS, NO_FILES, knowledge.load, DEVICE),
        lambda: origin_011(
            Banners(banners=(Banner("Server", "Lumivista Dahualike"),)),
            NO_FILES,
            knowledge.load,
            DEVICE,
        ),
    ],
)
def test_what_is_in_order_passes(judge: Callable[[], None]) -> None:
    judge()


@pytest.mark.parametrize(
    ("judge", "said"),
    [
        (lambda: origin_001(_identities(_identity(trusted=False)), DEVICE), "another authority"),
        (lambda: origin_002(_identities(_identity("LV00000002")), DEVICE), "LV00000002"),
        (lambda: origin_002(_identities(_identity("", trusted=False)), DEVICE), "serial number"),
        (lambda: origin_003(NOT_SUPPLIED, QUALITY_PAPER), "No certificate of origin was supplied"),
        (lambda: origin_003(_paper(), NOT_SUPPLIED), "No quality certificate was supplied"),
        (lambda: origin_003(_paper(problem="untrusted"), QUALITY_PAPER), "untrusted"),
        (lambda: origin_003(_paper(None), QUALITY_PAPER), "not JSON"),
        (
            lambda: origin_003(_paper(replace(ORIGINAL, expires=date(2020, 1, 1))), QUALITY_PAPER),
            "2020-01-01",
        ),
        (lambda: origin_003(QUALITY_PAPER, QUALITY_PAPER), "handed in as certificate of origin"),
        (
            lambda: origin_004(_paper(replace(ORIGINAL, model="LV-1")), QUALITY_PAPER, DEVICE),
            "LV-1",
        ),
        (
            lambda: origin_004(_paper(replace(ORIGINAL, ranges=())), QUALITY_PAPER, DEVICE),
            "no serial number at all",
        ),
        (lambda: origin_005(_reports(model="NL-2000"), DEVICE), "NL-2000"),
        (lambda: origin_005(_reports(firmware="2.4.10"), DEVICE), "2.4.10"),
        (lambda: origin_005(_reports(serial=""), DEVICE), "No source tells the serial"),
        (lambda: origin_006(SoftwareBill(), _packages(), DEVICE), "No software bill"),
        (
            lambda: origin_006(_bill(), _packages(Package("zlib", "1")), DEVICE),
            "zlib 1 is installed and not listed",
        ),
        (
            lambda: origin_006(_bill(), _packages(Package("xz", "5.6.1")), DEVICE),
            "listed as 5.4.6, installed is 5.6.1",
        ),
        (lambda: origin_006(_bill(subject_version="2.3.0"), _packages(), DEVICE), "2.3.0"),
        (lambda: origin_007(_bill(), _digests({"/bin/a": "b" * 64})), "/bin/a differs"),
        (lambda: origin_007(_bill(), _digests({}, ("/bin/a",))), "/bin/a is not on the camera"),
        (
            lambda: origin_008(IMAGE, _digests({"/bin/a": "b" * 64}), _reports(), DEVICE),
            "/bin/a differs",
        ),
        (lambda: origin_008(IMAGE, _digests(SAME), _reports(firmware="2.4.8"), DEVICE), "2.4.8"),
        (
            lambda: origin_008(replace(IMAGE, sha256="b" * 64), _digests(SAME), _reports(), DEVICE),
            "SHA-256",
        ),
        (
            lambda: origin_009(HardwareAddresses(by_source={"s": ("020000000001",)}), DEVICE),
            "020000000001",
        ),
        (lambda: origin_010(_inventory("xz-utils", "5.6.0-r1"), knowledge.load), "sshd"),
        (
            lambda: origin_010(
                _inventory("xz", "5.6.1", Statement("CVE-2024-3094", "a", "resolved")),
                knowledge.load,
            ),
            "xz 5.6.1",
        ),
        (lambda: origin_010(_inventory("uc-httpd", "1.0.0"), knowledge.load), "uc-httpd"),
        (lambda: origin_010(_inventory("gsoap", "2.8.9"), knowledge.load), "Devil"),
        (
            lambda: origin_011(
                Banners(banners=(Banner("Server", "App-webs/1.0"),)),
                NO_FILES,
                knowledge.load,
                DEVICE,
            ),
            "Hikvision",
        ),
        (
            lambda: origin_011(
                PLAIN_BANNERS,
                MarkedFiles(searched=1, found=(MarkedFile("/bin/a", "Xiongmai"),)),
                knowledge.load,
                DEVICE,
            ),
            "/bin/a holds 'Xiongmai'",
        ),
    ],
)
def test_what_is_not_in_order_fails_and_says_what(judge: Callable[[], None], said: str) -> None:
    with pytest.raises(AssertionError, match="(?i)" + said.replace("(", r"\(")):
        judge()


UNDECLARED = DEVICE.model_copy(
    update={
        "declared": Declared(),
        "device": DEVICE.device.model_copy(update={"mac": None}),
    }
)


@pytest.mark.parametrize(
    "judge",
    [
        lambda: origin_001(_identities(_identity()), UNDECLARED),
        lambda: origin_002(_identities(_identity(trusted=False)), DEVICE),
        lambda: origin_002(_identities(_identity("", trusted=False)), UNDECLARED),
        lambda: origin_004(NOT_SUPPLIED, QUALITY_PAPER, DEVICE),
        lambda: origin_007(_bill(files=()), _digests({})),
        lambda: origin_007(SoftwareBill(), _digests({})),
        lambda: origin_008(replace(IMAGE, files=()), _digests({}), _reports(), DEVICE),
        lambda: origin_009(HardwareAddresses(by_source={}), DEVICE),
        lambda: origin_009(HardwareAddresses(by_source={"s": ("00005E005301",)}), UNDECLARED),
        lambda: origin_010(ComponentInventory(items=()), knowledge.load),
    ],
)
def test_what_cannot_be_judged_is_inconclusive(judge: Callable[[], None]) -> None:
    with pytest.raises(Inconclusive):
        judge()


@pytest.mark.parametrize("papers", [(SCAN, QUALITY_PAPER), (_paper(), SCAN)])
def test_a_paper_in_another_format_is_inconclusive(papers: tuple[SignedPaper, SignedPaper]) -> None:
    with pytest.raises(Inconclusive, match="supply its content as JSON") as caught:
        origin_003(*papers)
    assert caught.value.cause == "format"
    with pytest.raises(AssertionError, match="No quality certificate was supplied"):
        origin_003(SCAN, NOT_SUPPLIED)


def test_a_camera_may_bear_its_own_makers_marks() -> None:
    own = DEVICE.model_copy(
        update={
            "device": DEVICE.device.model_copy(update={"manufacturer": "Hangzhou Xiongmai Ltd"})
        }
    )
    found = MarkedFiles(searched=1, found=(MarkedFile("/bin/a", "xmeye.net"),))
    origin_011(PLAIN_BANNERS, found, knowledge.load, own)
