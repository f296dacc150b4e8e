"""The record of one run: who, what, when, verdicts, evidence, decision.

``assessment.json`` is the contract for every other tool. It is written after every result, so a
run that is cut short leaves what it obtained.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, ValidationError

from conformance.verdict import Verdict

SCHEMA_VERSION: Literal[1] = 1
FILE_NAME = "assessment.json"

Utc = Annotated[
    datetime,
    PlainSerializer(lambda t: t.strftime("%Y-%m-%dT%H:%M:%SZ"), return_type=str, when_used="json"),
]
DecisionVerdict = Literal["APPROVED", "REJECTED", "INCOMPLETE"]


class Record(BaseModel):
    """Base of every table of an assessment."""

    model_config = ConfigDict(extra="forbid")


class Suite(Record):
    """The suite that made the assessment."""

    name: str = "camproof"
    version: str
    catalogue_sha256: str


class FirmwareIdentity(Record):
    """The firmware under test."""

    version: str
    sha256: str | None = None


class DeviceIdentity(Record):
    """The camera under test, as its device file identifies it."""

    manufacturer: str
    model: str
    hardware: str
    serial: str
    firmware: FirmwareIdentity
    emulated: bool


class Evidence(Record):
    """One piece of evidence; ``path`` is relative to the assessment's folder."""

    name: str
    path: str
    sha256: str
    media_type: str


class Result(Record):
    """The verdict of one test case. ``cause`` is one stable word for INCONCLUSIVE, else empty."""

    id: str
    title: str
    area: str
    severity: str
    verdict: Verdict
    reason: str
    cause: str = ""
    seconds: float = 0.0
    evidence: list[Evidence] = Field(default_factory=list)
    clauses: list[str] = Field(default_factory=list, description="REGULATION:CLAUSE ids")


class ClauseResult(Record):
    """The verdict of one clause; NOT_ASSESSED when no test case assesses it."""

    regulation: str
    id: str
    obligation: str
    verdict: Verdict | Literal["NOT_ASSESSED"]
    cases: list[str] = Field(default_factory=list)


class ProfileDecision(Record):
    """What one profile came to."""

    verdict: DecisionVerdict
    reasons: list[str] = Field(default_factory=list)


class Decision(Record):
    """The decision: REJECTED before INCOMPLETE before APPROVED, over all profiles of the run."""

    verdict: DecisionVerdict
    by_profile: dict[str, ProfileDecision] = Field(default_factory=dict)
    reasons: list[str] = Field(default_factory=list)


class Assessment(Record):
    """One run against one camera."""

    schema_version: Literal[1] = SCHEMA_VERSION
    demonstration: bool = Field(description="true for an emulated camera: never a lab report")
    suite: Suite
    device: DeviceIdentity
    profiles: list[str]
    started: Utc
    finished: Utc | None = None
    results: list[Result] = Field(default_factory=list)
    clauses: list[ClauseResult] = Field(default_factory=list)
    waivers: list[dict[str, str]] = Field(default_factory=list)
    decision: Decision


class AssessmentError(Exception):
    """An assessment that cannot be read; the message names the file and what is wrong with it."""


def read(folder: Path) -> Assessment:
    """Read ``folder/assessment.json``; raises AssessmentError."""
    path = folder / FILE_NAME
    try:
        return Assessment.model_validate_json(path.read_bytes())
    except OSError as error:
        raise AssessmentError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise AssessmentError(f"{path}: {where}: {first['msg']}") from error


def differences(earlier: Assessment, now: Assessment) -> list[str]:
    """What keeps the results of ``earlier`` from counting in ``now``, each with both values.

    Verdicts belong together only when one suite found them on one camera for the same profiles.
    Emulated cameras of one kind count as one: each start makes new keys, and with them firmware
    of another digest.
    """
    one, other = (dict(_identity(record)) for record in (earlier, now))
    if earlier.device.emulated and now.device.emulated:
        other["firmware.sha256"] = one["firmware.sha256"]
    return [
        f"{key} was {one.get(key)!r} and is {other.get(key)!r}"
        for key in dict.fromkeys((*one, *other))
        if one.get(key) != other.get(key)
    ]


def _identity(record: Assessment) -> Iterator[tuple[str, object]]:
    yield "demonstration", record.demonstration
    yield "profiles", ", ".join(sorted(set(record.profiles)))
    for table in (record.suite, record.device, record.device.firmware):
        for key, value in table:
            if not isinstance(value, Record):
                name = type(table).__name__.removesuffix("Identity").lower()
                yield f"{name}.{key}", value


def write(assessment: Assessment, folder: Path) -> Path:
    """Write ``folder/assessment.json`` in one step: a reader never sees half of one."""
    path = folder / FILE_NAME
    draft = path.with_suffix(".json.new")
    with draft.open("w", encoding="utf-8") as stream:
        stream.write(assessment.model_dump_json(indent=1))
        stream.write("\n")
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
    return path


def json_schema() -> str:
    """The published JSON Schema of ``assessment.json``."""
    schema = Assessment.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=1) + "\n"
