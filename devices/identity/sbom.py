"""Software bills of materials: CycloneDX JSON (1.2 on) and, in its basics, SPDX JSON (2.2, 2.3).

Read into one form. What the formats demand and a document lacks is told in ``faults`` (facts, not
an opinion); only a document that is no bill of materials at all raises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from devices.identity import spdx
from devices.identity.bill import Bill, BillFile, Component, FaultList, Statement
from devices.identity.errors import SbomError

MAX_BYTES = 64 * 1024 * 1024
MAX_COMPONENTS = 200_000
_VERSION = re.compile(r"1\.[2-9]")
_SERIAL = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_TYPES = frozenset(
    (
        "application", "framework", "library", "container", "platform", "operating-system",
        "device", "device-driver", "firmware", "file", "machine-learning-model", "data",
        "cryptographic-asset",
    )
)  # fmt: skip
_DIGEST_LENGTHS = {"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-384": 96, "SHA-512": 128}


def parse_sbom(data: bytes) -> Bill:
    """Read a bill of materials. Raises SbomError when it is none in a known form."""
    document = _load(data)
    if document.get("bomFormat") == "CycloneDX":
        return _cyclonedx(document)
    if "spdxVersion" in document:
        return spdx.read(document)
    raise SbomError("neither CycloneDX ('bomFormat') nor SPDX ('spdxVersion')")


def _load(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        raise SbomError(f"{len(data)} bytes are more than the {MAX_BYTES} read")
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise SbomError(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise SbomError("not a JSON object")
    return document


def _cyclonedx(document: dict[str, Any]) -> Bill:
    version = document.get("specVersion")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise SbomError(f"CycloneDX specVersion {version!r} is not one of 1.2 to 1.9")
    faults = FaultList()
    serial = document.get("serialNumber")
    if serial is not None and not (isinstance(serial, str) and _SERIAL.fullmatch(serial)):
        faults.add("'serialNumber' is not urn:uuid:...")
    components: list[Component] = []
    files: list[BillFile] = []
    references: set[str] = set()
    for entry in _entries(document):
        _sort(entry, components, files, faults)
        reference = _text(entry, "bom-ref")
        if reference and reference in references:
            faults.add(f"'bom-ref' {reference} occurs twice")
        references.add(reference)
    metadata = document.get("metadata")
    subject = metadata.get("component") if isinstance(metadata, dict) else None
    return Bill(
        form=f"CycloneDX {version}",
        timestamp=_text(metadata, "timestamp"),
        subject=_text(subject, "name"),
        subject_version=_text(subject, "version"),
        components=tuple(components),
        files=tuple(files),
        statements=tuple(_statements(document)),
        faults=faults.all(),
    )


def _entries(document: dict[str, Any]) -> Iterator[Any]:
    """Every component at every depth, outer ones first, in the document's order."""
    waiting = [document.get("components", [])]
    count = 0
    while waiting:
        level = waiting.pop(0)
        if not isinstance(level, list):
            raise SbomError("'components' is not a list")
        count += len(level)
        if count > MAX_COMPONENTS:
            raise SbomError(f"more than {MAX_COMPONENTS} components")
        for entry in level:
            yield entry
            if isinstance(entry, dict) and entry.get("components"):
                waiting.append(entry["components"])


def _sort(
    entry: Any, components: list[Component], files: list[BillFile], faults: FaultList
) -> None:
    """Put one entry among the components or the files, and note what it lacks."""
    name = _text(entry, "name")
    if not isinstance(entry, dict) or not name:
        faults.add("a component has no name")
        return
    kind = entry.get("type")
    if kind not in _TYPES:
        faults.add(f"component {name}: type {kind!r} is not one of CycloneDX")
    digests = _digests(entry, name, faults)
    if kind == "file":
        files.append(BillFile(path=name, sha256=digests.get("SHA-256", "")))
        return
    components.append(
        Component(
            reference=_text(entry, "bom-ref"),
            name=name,
            version=_text(entry, "version"),
            supplier=_text(entry.get("supplier"), "name") or _text(entry, "publisher"),
            identifier=_text(entry, "purl") or _text(entry, "cpe"),
        )
    )


def _digests(entry: dict[str, Any], name: str, faults: FaultList) -> dict[str, str]:
    found: dict[str, str] = {}
    hashes = entry.get("hashes", [])
    for item in hashes if isinstance(hashes, list) else [None]:
        algorithm, content = _text(item, "alg"), _text(item, "content").lower()
        length = _DIGEST_LENGTHS.get(algorithm, len(content))
        if not algorithm or not re.fullmatch(r"[0-9a-f]+", content) or len(content) != length:
            faults.add(f"component {name}: a hash is malformed")
        else:
            found[algorithm] = content
    return found


def _statements(document: dict[str, Any]) -> Iterator[Statement]:
    """What the maker says about vulnerabilities (VEX inside CycloneDX, 1.4 and later)."""
    listed = document.get("vulnerabilities")
    for entry in listed if isinstance(listed, list) else []:
        affects = entry.get("affects") if isinstance(entry, dict) else None
        state = _text(entry.get("analysis"), "state") if isinstance(entry, dict) else ""
        for target in affects if isinstance(affects, list) else []:
            yield Statement(_text(entry, "id"), _text(target, "ref"), state)


def _text(table: Any, key: str) -> str:
    value = table.get(key) if isinstance(table, dict) else None
    return value if isinstance(value, str) else ""
