"""SPDX JSON 2.2 and 2.3 (ISO/IEC 5962:2021), as far as components, versions and digests go."""

from __future__ import annotations

import re
from typing import Any

from devices.identity.bill import Bill, BillFile, Component, FaultList
from devices.identity.errors import SbomError

_VERSION = re.compile(r"SPDX-2\.[23]")
_ABSENT = ("NOASSERTION", "NONE")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def read(document: dict[str, Any]) -> Bill:
    """Read a parsed SPDX document. Raises SbomError."""
    version = _text(document, "spdxVersion")
    if not _VERSION.fullmatch(version):
        raise SbomError(f"spdxVersion {version!r} is not SPDX-2.2 or SPDX-2.3")
    faults = FaultList()
    for demanded in ("SPDXID", "dataLicense", "documentNamespace", "name"):
        if not _text(document, demanded):
            faults.add(f"{demanded!r} is missing")
    described = document.get("documentDescribes")
    subject = described[0] if isinstance(described, list) and described else ""
    packages = [_package(entry, faults) for entry in _list(document, "packages")]
    named = next((p for p in packages if p.reference == subject), None)
    return Bill(
        form=version.replace("-", " "),
        timestamp=_text(document.get("creationInfo"), "created"),
        subject=named.name if named else "",
        subject_version=named.version if named else "",
        components=tuple(p for p in packages if p.name and p is not named),
        files=tuple(_file(entry, faults) for entry in _list(document, "files")),
        faults=faults.all(),
    )


def _package(entry: Any, faults: FaultList) -> Component:
    name = _text(entry, "name")
    if not name or not _text(entry, "SPDXID"):
        faults.add(f"package {name or 'without name'}: 'name' or 'SPDXID' is missing")
    references = entry.get("externalRefs") if isinstance(entry, dict) else None
    located = {
        _text(r, "referenceType"): _text(r, "referenceLocator")
        for r in (references if isinstance(references, list) else [])
    }
    supplier = _text(entry, "supplier")
    version = _text(entry, "versionInfo")
    return Component(
        reference=_text(entry, "SPDXID"),
        name=name,
        version="" if version in _ABSENT else version,
        supplier="" if supplier in _ABSENT else supplier.partition(": ")[2] or supplier,
        identifier=located.get("purl") or located.get("cpe23Type") or "",
    )


def _file(entry: Any, faults: FaultList) -> BillFile:
    path = _text(entry, "fileName")
    checksums = entry.get("checksums") if isinstance(entry, dict) else None
    digest = next(
        (
            _text(item, "checksumValue").lower()
            for item in (checksums if isinstance(checksums, list) else [])
            if _text(item, "algorithm") == "SHA256"
        ),
        "",
    )
    if not path or (digest and not _SHA256.fullmatch(digest)):
        faults.add(f"file {path or 'without name'}: name or checksum is malformed")
        digest = ""
    return BillFile(path=path.removeprefix("."), sha256=digest)


def _list(table: dict[str, Any], key: str) -> list[Any]:
    value = table.get(key, [])
    if not isinstance(value, list):
        raise SbomError(f"{key!r} is not a list")
    return value


def _text(table: Any, key: str) -> str:
    value = table.get(key) if isinstance(table, dict) else None
    return value if isinstance(value, str) else ""
