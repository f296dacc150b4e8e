"""What a run left in its folder, as the reports read it: nothing live, and nothing believed.

``catalogue.json`` and ``device.json`` may be missing or of another version of the suite; the
reports then show less. Every string may have come from the camera.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from conformance import assessment as record
from conformance.assessment import Assessment, Evidence
from reports.manifest import path_problem

_MAX_JSON = 64 * 1024 * 1024
_CHUNK = 1024 * 1024


class Fact(BaseModel):
    """Base of what is read from ``catalogue.json``; unknown keys are left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class CaseFact(Fact):
    """The published method and criterion of one test case, as they were when it ran."""

    id: str
    title: str = ""
    method: str = ""
    criterion: str = ""
    severity: str = ""
    area: str = ""
    revision: int = 1


class ClauseFact(Fact):
    """One clause in our own words; ``how`` it is assessed: device, document or process.

    ``leaves_open`` says what of the clause its test cases do not cover.
    """

    regulation: str
    id: str
    obligation: str = ""
    condition: str = ""
    summary: str = ""
    leaves_open: str = ""
    how: str = ""
    cases: list[str] = Field(default_factory=list)


class RegulationFact(Fact):
    """One regulation or standard, in one edition."""

    id: str
    title: str = ""
    publisher: str = ""
    edition: str = ""
    status: str = ""
    source: str = ""


class CatalogueFacts(Fact):
    """``catalogue.json``."""

    cases: list[CaseFact] = Field(default_factory=list)
    clauses: list[ClauseFact] = Field(default_factory=list)
    regulations: list[RegulationFact] = Field(default_factory=list)


@dataclass(frozen=True)
class RunFolder:
    """A run's folder, read.

    ``catalogue_problem`` is empty, or one sentence that says why the catalogue's facts are
    missing; ``device`` is the redacted device file, empty when there is none.
    """

    path: Path
    assessment: Assessment
    assessment_sha256: str
    catalogue: CatalogueFacts
    catalogue_problem: str
    device: dict[str, Any]

    def locate(self, evidence: Evidence) -> Path | None:
        """The file of a piece of evidence; None when it is missing or not inside the folder."""
        if path_problem(evidence.path):
            return None
        path = self.path / evidence.path
        try:
            inside = path.resolve().is_relative_to(self.path.resolve())
        except OSError:
            return None
        return path if inside and path.is_file() else None

    def device_value(self, *keys: str) -> str:
        """One value of the device file as text; empty when it is not there."""
        value: Any = self.device
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, list):
            return ", ".join(str(item) for item in value)
        return str(value) if isinstance(value, str | int | float) else ""


def read_run(folder: Path) -> RunFolder:
    """Read ``folder``; raises AssessmentError when it holds no readable assessment."""
    assessment = record.read(folder)
    catalogue, problem = _catalogue(folder / "catalogue.json")
    return RunFolder(
        path=folder,
        assessment=assessment,
        assessment_sha256=file_sha256(folder / record.FILE_NAME),
        catalogue=catalogue,
        catalogue_problem=problem,
        device=_device(folder / "device.json"),
    )


def file_sha256(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _catalogue(path: Path) -> tuple[CatalogueFacts, str]:
    try:
        return CatalogueFacts.model_validate_json(_bounded(path)), ""
    except OSError:
        problem = "catalogue.json is not in the run's folder"
    except ValidationError:
        problem = "catalogue.json cannot be understood"
    return CatalogueFacts(), f"{problem}, so methods, criteria and clause summaries are not shown."


def _device(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(_bounded(path))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _bounded(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_MAX_JSON)
