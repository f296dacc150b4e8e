"""The identity that a camera proves: by certificate, by word, by hardware address."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.identity.reported import normal_mac
from devices.identity.versions import names_version
from devices.links.identity import DeviceIdentity, ProvenIdentity
from devices.links.reports import DeviceReports, HardwareAddresses


@case(
    "ORIGIN-001",
    severity="high",
    needs=("tls",),
    catches=("origin-foreign-ca", "origin-no-certificate", "stream-certificate-expired"),
)
def test_device_certificate_comes_from_the_manufacturer(
    device_identity: DeviceIdentity, device: DeviceFile
) -> None:
    """The camera's certificate comes from its manufacturer's authority.

    Method: carry a TLS handshake through with every encrypted service, which proves that the
    camera holds the key of the certificate it shows, and validate the chain (RFC 5280) up to the
    authority for device identities that the manufacturer declares.
    Pass: at least one service shows a certificate that chains to that authority.
    """
    _need_authority(device)
    _need_decision(device_identity.identities)
    if not any(i.path.trusted for i in device_identity.identities):
        _need_all(device_identity)
    refused = [f"{i.endpoint}: {i.path.problem}" for i in device_identity.identities]
    trusted = [i for i in device_identity.identities if i.path.trusted]
    assert trusted, (
        "No certificate of the camera comes from the manufacturer's authority for device "
        f"identities: {'; '.join(refused)}."
    )


@case(
    "ORIGIN-002",
    severity="high",
    needs=("tls",),
    catches=("origin-other-serial", "origin-no-certificate"),
)
def test_device_certificate_names_this_unit(
    device_identity: DeviceIdentity, device: DeviceFile
) -> None:
    """The camera holds the key of a certificate that names this very unit.

    Method: from the certificates whose key the camera has proven in a TLS handshake and that
    chain to the manufacturer's authority, read the serial numbers in the subject and in the
    hardwareModuleName (IEEE 802.1AR), and compare them with the label. Where no authority is
    declared, nothing can be told.
    Pass: such a certificate names the serial number of the label and no other.
    """
    _need_authority(device)
    identities = device_identity.identities
    serial = device.device.serial.strip().casefold()
    named = {
        i.endpoint: [s.strip().casefold() for s in i.leaf.unit_serials]
        for i in identities
        if i.path.trusted
    }
    if [serial] not in named.values():
        _need_all(device_identity)
    assert any(i.leaf.unit_serials for i in identities), (
        "No certificate of the camera names a serial number: "
        f"{'; '.join(f'{i.endpoint} shows {i.leaf.subject}' for i in identities)}."
    )
    trusted = [i for i in identities if i.path.trusted]
    if not trusted:
        raise Inconclusive(
            "no certificate chains to the manufacturer's authority (see ORIGIN-001), so what they "
            "name proves nothing",
            "insufficient",
        )
    serials = dict.fromkeys(s for i in trusted for s in i.leaf.unit_serials)
    found = ", ".join(serials) or "no serial number"
    assert [serial] in named.values(), (
        f"The certificate that the camera proves names {found}, the label {device.device.serial}."
    )


@case(
    "ORIGIN-005",
    severity="high",
    needs=(),
    catches=(
        "origin-relabelled",
        "origin-other-model",
        "origin-other-unit",
        "origin-false-version",
    ),
)
def test_camera_reports_what_its_label_says(
    device_reports: DeviceReports, device: DeviceFile
) -> None:
    """The camera reports the manufacturer, model, serial number and firmware of its papers.

    Method: ask for the device information over ONVIF and over the web interface, as far as the
    device file leads to them, and compare each field that a source tells with the label.
    Pass: every field that any source tells is equal to the label's (without regard to case);
    manufacturer, model, serial number and firmware version are told by at least one source.
    """
    unit = device.device
    expected = {
        "manufacturer": unit.manufacturer,
        "model": unit.model,
        "serial": unit.serial,
        "firmware": unit.firmware.version,
    }
    problems: list[str] = []
    for field, label in expected.items():
        told = {r.source: getattr(r, field) for r in device_reports.reports if getattr(r, field)}
        if not told:
            problems.append(f"No source tells the {field}.")
        problems += [
            f"{source} tells {field} {value!r}, the label {label!r}."
            for source, value in told.items()
            if not _equal(field, value, label)
        ]
    assert not problems, " ".join(problems)


@case(
    "ORIGIN-009",
    severity="medium",
    needs=(),
    catches=("origin-mac-mismatch",),
)
def test_hardware_address_is_the_one_on_the_label(
    hardware_addresses: HardwareAddresses, device: DeviceFile
) -> None:
    """The camera's hardware address is the one on its label.

    Method: read the hardware address from ONVIF, from the web interface, from the camera's
    kernel over SSH and, on the same link, from the bench's own table of neighbours.
    Pass: every source that tells addresses tells the one on the label.
    """
    label = normal_mac(device.device.mac or "")
    if not label:
        raise Inconclusive("the device file gives no device.mac", "not-declared")
    if not hardware_addresses.by_source:
        raise Inconclusive("no source tells a hardware address", "not-offered")
    problems = [
        f"{source} tells {', '.join(found)}, the label says {device.device.mac}."
        for source, found in hardware_addresses.by_source.items()
        if label not in found
    ]
    assert not problems, " ".join(problems)


def _need_authority(device: DeviceFile) -> None:
    """Raise Inconclusive when nothing says whose certificates count."""
    if device.declared.device_certificate_trust is None:
        raise Inconclusive(
            "the device file gives no declared.device_certificate_trust: nothing says whose "
            "certificates are the manufacturer's",
            "not-declared",
        )


def _need_all(found: DeviceIdentity) -> None:
    """Raise Inconclusive when the certificate looked for may be one that was not shown."""
    if found.unanswered:
        raise Inconclusive(f"not every service answered: {'; '.join(found.unanswered)}", "partial")


def _need_decision(identities: Sequence[ProvenIdentity]) -> None:
    """Raise Inconclusive when nothing is trusted and some chain could not be judged."""
    undecided = [f"{i.endpoint}: {i.path.problem}" for i in identities if i.path.undecided]
    if undecided and not any(i.path.trusted for i in identities):
        raise Inconclusive("; ".join(undecided), "unsupported")


def _equal(field: str, told: str, label: str) -> bool:
    """Equal without regard to case and spacing; a version may stand inside a longer text."""
    if field == "firmware":
        return names_version(told, label)
    return " ".join(told.split()).casefold() == " ".join(label.split()).casefold()
