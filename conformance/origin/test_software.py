"""What runs on the camera, held against the bill of materials and the released image."""

from __future__ import annotations

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.identity.bill import Bill
from devices.identity.image import FirmwareImage
from devices.identity.software_bill import SoftwareBill
from devices.identity.versions import names_version, upstream
from devices.links.inside import InstalledPackages
from devices.links.reports import DeviceReports
from devices.links.ssh.observations import FileDigests

_SHOWN = 8


@case(
    "ORIGIN-006",
    severity="high",
    needs=("documents", "ssh"),
    catches=("origin-sbom-incomplete", "origin-sbom-missing"),
)
def test_bill_of_materials_is_valid_and_complete(
    software_bill: SoftwareBill, installed_packages: InstalledPackages, device: DeviceFile
) -> None:
    """The software bill of materials is valid and lists everything that is installed.

    Method: read the bill (CycloneDX or SPDX, JSON), check what its format demands, and compare
    name and upstream version of each package in the camera's own package database with it.
    Pass: a bill is supplied, follows its format, is for the declared firmware version, gives
    each component a version, and lists every installed package in the version installed.
    """
    assert software_bill.supplied, "No software bill of materials was supplied."
    bill = software_bill.bill
    assert bill is not None, (
        f"The bill of materials {software_bill.path} cannot be read as one: "
        f"{software_bill.malformed}."
    )
    problems = [f"{fault}." for fault in bill.faults]
    if not bill.components:
        problems.append("It lists no component.")
    version = device.device.firmware.version
    if bill.subject_version and bill.subject_version != version:
        problems.append(f"It is for version {bill.subject_version}, the camera runs {version}.")
    problems += [f"Component {c.name} has no version." for c in bill.components if not c.version]
    problems += _not_listed(bill, installed_packages)
    assert not problems, f"The {bill.form} bill of materials: {_some(problems)}"
    if not installed_packages.packages:
        raise Inconclusive("the camera's package database lists nothing", "insufficient")
    if not bill.subject_version:
        raise Inconclusive(
            f"the bill of materials does not say for which version it is, so not for {version}",
            "documents",
        )


@case(
    "ORIGIN-007",
    severity="high",
    needs=("documents", "ssh"),
    catches=("origin-sbom-wrong-hash", "origin-modified-firmware"),
)
def test_files_are_those_of_the_bill_of_materials(
    software_bill: SoftwareBill, bill_file_digests: FileDigests
) -> None:
    """The files on the camera are those of the bill of materials.

    Method: for each file whose SHA-256 the bill of materials gives, have the camera compute that
    of its own file over SSH (or read the file over) and compare.
    Pass: every such file is on the camera with the digest of the bill.
    """
    if software_bill.bill is None:
        raise Inconclusive("there is no readable bill of materials (see ORIGIN-006)", "documents")
    listed = {file.path: file.sha256 for file in software_bill.bill.files if file.sha256}
    if not listed:
        raise Inconclusive(
            "the bill of materials gives no SHA-256 of any file: nothing can be compared",
            "documents",
        )
    differences = _differences(listed, bill_file_digests)
    assert not differences, f"Against the bill of materials: {_some(differences)}"
    if unknown := _not_compared(listed, bill_file_digests):
        raise Inconclusive(unknown, "partial")


@case(
    "ORIGIN-008",
    severity="critical",
    needs=("image", "ssh"),
    catches=("origin-modified-firmware", "origin-false-version"),
)
def test_running_firmware_is_the_released_image(
    firmware_image: FirmwareImage,
    image_file_digests: FileDigests,
    device_reports: DeviceReports,
    device: DeviceFile,
) -> None:
    """The running firmware is the one that was released.

    Method: open the declared firmware image, check its SHA-256 and version against the device
    file, compare the version with the one that the camera reports, and the SHA-256 of each
    program in the image with that of the camera's own file over SSH.
    Pass: image and device file agree, the camera reports the image's version, and every program
    of the image is on the camera with the same content.
    """
    firmware = device.device.firmware
    problems: list[str] = []
    if firmware.sha256 is not None and firmware.sha256 != firmware_image.sha256:
        problems.append(
            f"The image {firmware_image.path} has the SHA-256 {firmware_image.sha256}, the device "
            f"file gives {firmware.sha256}."
        )
    if firmware_image.version != firmware.version:
        problems.append(
            f"The image is of version {firmware_image.version}, declared is {firmware.version}."
        )
    told = {r.source: r.firmware for r in device_reports.reports if r.firmware}
    problems += [
        f"{source} reports version {version}, the image is of version {firmware_image.version}."
        for source, version in told.items()
        if not names_version(version, firmware_image.version)
    ]
    programs = {f.path: f.sha256 for f in firmware_image.files if f.program}
    if not programs:
        raise Inconclusive("the image holds no program to compare", "format")
    problems += _differences(programs, image_file_digests)
    unknown = _not_compared(programs, image_file_digests)
    assert not problems, f"Against the released image: {_some(problems)}"
    if unknown:
        raise Inconclusive(unknown, "partial")
    if not told:
        raise Inconclusive("no source tells which version the camera runs", "not-offered")


def _not_listed(bill: Bill, installed: InstalledPackages) -> list[str]:
    listed: dict[str, set[str]] = {}
    for component in bill.components:
        for name in {component.name.casefold(), _purl_name(component.identifier)}:
            listed.setdefault(name, set()).add(upstream(component.version))
    problems = []
    for package in installed.packages:
        versions = listed.get(package.name.casefold())
        if versions is None:
            problems.append(f"{package.name} {package.version} is installed and not listed.")
        elif upstream(package.version) not in versions:
            told = ", ".join(sorted(versions))
            problems.append(f"{package.name} is listed as {told}, installed is {package.version}.")
    return problems


def _purl_name(identifier: str) -> str:
    """The name inside a package URL (``pkg:deb/debian/xz-utils@5.4`` -> ``xz-utils``)."""
    return identifier.partition("@")[0].rpartition("/")[2].casefold()


def _differences(expected: dict[str, str], found: FileDigests) -> list[str]:
    problems = [f"{path} is not on the camera." for path in found.missing]
    problems += [
        f"{path} differs (SHA-256 {digest[:16]}..., expected {expected[path][:16]}...)."
        for path, digest in found.sha256.items()
        if path in expected and digest != expected[path]
    ]
    return problems


def _not_compared(expected: dict[str, str], found: FileDigests) -> str:
    """What says that files were not compared; empty when all were."""
    left = [path for path in expected if path not in found.sha256 and path not in found.missing]
    return f"{len(left)} files could not be compared, the first {left[0]}" if left else ""


def _some(problems: list[str]) -> str:
    more = len(problems) - _SHOWN
    return " ".join([*problems[:_SHOWN], *([f"And {more} more."] if more > 0 else [])])
