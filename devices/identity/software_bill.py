"""The software bill of materials that a device file names, read from disk as an observation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from devices.identity.bill import Bill
from devices.identity.errors import SbomError
from devices.identity.sbom import parse_sbom
from devices.identity.signed_paper import read_paper
from devices.observation import Artefact, Observation


@dataclass(frozen=True, kw_only=True)
class SoftwareBill(Observation):
    """A bill of materials. ``path`` empty: none was supplied.

    ``bill`` is None when the document is none in a known form; then ``malformed`` says why.
    """

    path: str = ""
    sha256: str = ""
    bill: Bill | None = None
    malformed: str = ""

    @property
    def supplied(self) -> bool:
        """Whether the device file names a bill of materials at all."""
        return bool(self.path)


def open_software_bill(path: Path | None) -> SoftwareBill:
    """Read the bill at ``path``. Raises DeviceFileError when it cannot be read."""
    if path is None:
        return SoftwareBill()
    data = read_paper(path, "documents.sbom")
    bill, malformed = None, ""
    try:
        bill = parse_sbom(data)
    except SbomError as error:
        malformed = str(error)
    return SoftwareBill(
        path=str(path),
        sha256=hashlib.sha256(data).hexdigest(),
        bill=bill,
        malformed=malformed,
        artefacts=(Artefact(path.name, "application/json", data),),
    )
