"""The emulated maker's software bill of materials: CycloneDX 1.6 JSON of one firmware release."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devices.emulated.maker.rootfs import RELEASE_TIME, Component, components
from devices.emulated.posture import Posture
from devices.emulated.unit import Unit

_LEFT_OUT = "libsrtp2"
_WRONG = "usr/sbin/mediad"


def bill_of_materials(root: Path, unit: Unit, version: str, posture: Posture) -> dict[str, Any]:
    """List the components of ``root`` and the SHA-256 of each of their files.

    Under ``posture.sbom`` a component is left out, or the digest of a program is another one's.
    """
    listed = [
        _component(component, root, posture)
        for component in components(version, posture)
        if not (posture.sbom == "missing-component" and component.name == _LEFT_OUT)
    ]
    product = {
        "type": "firmware",
        "bom-ref": "firmware",
        "name": f"{unit.model} firmware",
        "version": version,
        "manufacturer": {"name": unit.manufacturer},
    }
    references = [each["bom-ref"] for each in listed]
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{unit.manufacturer}/{unit.model}/{version}")
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{identity}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(RELEASE_TIME, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": product,
        },
        "components": listed,
        "dependencies": [{"ref": "firmware", "dependsOn": references}],
    }


def _component(component: Component, root: Path, posture: Posture) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": f"{component.name}@{component.version}",
        "name": component.name,
        "version": component.version,
        "description": component.description,
        "supplier": {"name": component.supplier},
        "licenses": [{"expression": component.licence}],
        "purl": f"pkg:generic/{component.name}@{component.version}",
        "components": [_file(path, root, posture) for path in component.files],
    }


def _file(path: str, root: Path, posture: Posture) -> dict[str, Any]:
    data = (root / path).read_bytes()
    if posture.sbom == "wrong-hash" and path == _WRONG:
        data += b"another build"
    digest = hashlib.sha256(data).hexdigest()
    return {
        "type": "file",
        "bom-ref": f"file:/{path}",
        "name": f"/{path}",
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }
