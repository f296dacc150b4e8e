"""The papers that come with the emulated camera: certificates, bill of materials, policies.

A certificate is a JSON document (``devices.identity.origin_certificate`` describes it) beside a
detached CMS signature, ``<name>.p7s`` (RFC 5652, DER) of the issuer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from devices.emulated.label import SHARED
from devices.emulated.maker.authority import Authority
from devices.emulated.maker.bill_of_materials import bill_of_materials
from devices.emulated.maker.manufacturer import (
    ORIGIN_ISSUER,
    Credentials,
    Manufacturer,
    issue_signer,
)
from devices.emulated.posture import Posture
from devices.emulated.unit import Unit
from devices.firmware.cms_sign import sign_detached

COUNTRY = "ZZ"
"""Code element that ISO 3166-1 leaves to users: the emulated camera comes from no country."""

_DOCUMENTS = {
    "certificate_of_origin": "certificate-of-origin.json",
    "origin_trust": "origin-trust.pem",
    "quality_certificate": "quality-certificate.json",
    "sbom": "sbom.cdx.json",
    "vulnerability_policy": "vulnerability-policy.txt",
    "support_period": "support-period.txt",
    "manual": "manual.txt",
}
_DEVICE_TRUST = "device-trust.pem"


def write_papers(
    directory: Path,
    unit: Unit,
    version: str,
    posture: Posture,
    *,
    manufacturer: Manufacturer,
    released_root: Path,
) -> None:
    """Write all papers of ``unit`` into ``directory``.

    ``released_root`` is the root file system of firmware ``version`` as the maker released it
    (``build_rootfs(..., released=True)``); the bill of materials lists what is in it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for name, source in (
        (_DOCUMENTS["origin_trust"], manufacturer.origin_trust),
        (_DEVICE_TRUST, manufacturer.device_trust),
    ):
        (directory / name).write_bytes(source.read_bytes())
    if posture.certificate_of_origin != "missing":
        certificate = certificate_of_origin(unit, version, posture)
        issuer = manufacturer.origin
        if posture.certificate_of_origin == "forged":
            # The same names below a key of the forger's own.
            issuer = Authority.root(ORIGIN_ISSUER, "Certificates of Origin")
        path = directory / _DOCUMENTS["certificate_of_origin"]
        _write_signed(path, certificate, issue_signer(issuer, ORIGIN_ISSUER, "Registrar"))
    _write_signed(
        directory / _DOCUMENTS["quality_certificate"],
        quality_certificate(unit, version),
        issue_signer(manufacturer.origin, ORIGIN_ISSUER, "Registrar"),
    )
    if posture.sbom != "missing":
        bill = bill_of_materials(released_root, unit, version, posture)
        (directory / _DOCUMENTS["sbom"]).write_bytes(_json(bill))
    for key, text in _texts(unit, posture).items():
        (directory / _DOCUMENTS[key]).write_text(text, encoding="utf-8")


def paper_declaration(directory: Path) -> dict[str, dict[str, str]]:
    """The fragment of the device file that names the papers in ``directory``.

    Tables ``documents`` and ``declared``, with absolute paths; papers that are not there are
    left out, as a manufacturer who has none leaves them out.
    """
    documents = {
        key: str(directory / name)
        for key, name in _DOCUMENTS.items()
        if (directory / name).exists()
    }
    trust = str(directory / _DEVICE_TRUST)
    return {"documents": documents, "declared": {"device_certificate_trust": trust}}


def certificate_of_origin(unit: Unit, version: str, posture: Posture) -> dict[str, Any]:
    """The content of the certificate of origin, with the fault that the posture asks for."""
    fault = posture.certificate_of_origin
    number = int(unit.serial[2:])
    first, last = f"LV{max(1, number - 40):08d}", f"LV{number + 200:08d}"
    if fault == "other-serial":
        first, last = f"LV{number + 500_000:08d}", f"LV{number + 500_240:08d}"
    covered = replace(unit, model="LV-1000") if fault == "other-model" else unit
    return {
        "format": "certificate-of-origin/1",
        "number": f"CO-2026-{number:06d}",
        **_issued(expired=fault == "expired"),
        "country_of_origin": COUNTRY,
        "goods": _goods(covered, version) | {"serial_ranges": [{"first": first, "last": last}]},
    }


def quality_certificate(unit: Unit, version: str) -> dict[str, Any]:
    """The content of the quality certificate: of the type, not of single units."""
    return {
        "format": "quality-certificate/1",
        "number": "QC-2026-000017",
        **_issued(expired=False),
        "standard": "ISO 9001:2015, type test of the product",
        "goods": _goods(unit, version),
    }


def _issued(*, expired: bool) -> dict[str, Any]:
    today = datetime.now(UTC).date()
    began, ends = (800, -70) if expired else (30, 700)
    return {
        "issuer": {"name": ORIGIN_ISSUER, "country": COUNTRY},
        "issued": _days(today, -began),
        "expires": _days(today, ends),
    }


def _days(day: date, count: int) -> str:
    return (day + timedelta(days=count)).isoformat()


def _goods(unit: Unit, version: str) -> dict[str, Any]:
    return {
        "manufacturer": unit.manufacturer,
        "model": unit.model,
        "hardware": unit.hardware,
        "firmware": [version],
    }


def _write_signed(path: Path, content: Mapping[str, Any], signer: Credentials) -> None:
    data = _json(content)
    path.write_bytes(data)
    path.with_name(path.name + ".p7s").write_bytes(sign_detached(data, *signer))


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"


def _texts(unit: Unit, posture: Posture) -> dict[str, str]:
    shared = posture.label_password == "shared"  # noqa: S105 - a way, not a password
    label = SHARED if shared else "printed on its label"
    product = f"{unit.manufacturer} {unit.model}"
    until = datetime.now(UTC).date() + timedelta(days=5 * 365)
    return {
        "vulnerability_policy": (
            f"{product}: how to report a vulnerability\n\n"
            "Write to security@lumivista.example. We acknowledge a report within 5 days, tell its\n"
            "state every 14 days, and publish an advisory with a fix within 90 days.\n"
        ),
        "support_period": f"{product}: security updates are provided until {until.isoformat()}.\n",
        "manual": (
            f"{product}: installation and secure operation\n\n"
            "1. Connect the camera to power and network. It serves nothing but its set-up page.\n"
            "2. Open https://<address>/ and set the administrator's password (8 characters or\n"
            "   more, four kinds of character). The page asks for the initial password, which is\n"
            f"   {label}; it is good for this step alone.\n"
            "3. Create an account for each user, with the least role that will do.\n"
            "4. Install updates when the camera announces them; only signed ones are accepted.\n"
            "5. Before disposal, choose 'Factory reset': it erases accounts, keys and recordings.\n"
        ),
    }
