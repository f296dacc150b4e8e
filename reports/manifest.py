"""The manifest of a dossier: what is sealed, and what it says."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from conformance.assessment import Assessment, DecisionVerdict, DeviceIdentity, Suite

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
SIGNER = "signer.pem"
SEAL = (MANIFEST, SIGNATURE, SIGNER)
"""The entries that make the seal, in the order in which they begin the archive."""

MAX_MANIFEST = 32 * 1024 * 1024
"""Largest manifest that is read, in bytes."""


class ManifestError(ValueError):
    """A manifest that is none; the message says what is wrong with it."""


class Part(BaseModel):
    """Base of every table of a manifest: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SealedFile(Part):
    """One sealed file: its path in the dossier, size in bytes, and digest."""

    path: str = Field(min_length=1, max_length=1000)
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        if problem := path_problem(path):
            raise ValueError(problem)
        return path


class Manifest(Part):
    """What a dossier holds, and the decision that it stands for."""

    schema_version: Literal[1] = 1
    created: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", description="UTC")
    algorithm: Literal["SHA-256, Ed25519"] = "SHA-256, Ed25519"
    signer: str = Field(description="fingerprint of the signer's public key")
    suite: Suite
    device: DeviceIdentity
    decision: DecisionVerdict
    demonstration: bool
    files: tuple[SealedFile, ...]

    @model_validator(mode="after")
    def _sorted_once(self) -> Manifest:
        paths = [file.path for file in self.files]
        if paths != sorted(set(paths)):
            raise ValueError("files are not sorted by path, or one is named twice")
        return self

    def encode(self) -> bytes:
        """The one encoding of this manifest: JSON in ASCII, keys sorted, one indent."""
        plain = self.model_dump(mode="json")
        return (json.dumps(plain, indent=1, sort_keys=True) + "\n").encode("ascii")

    def differences(self, assessment: Assessment) -> list[str]:
        """What this manifest says otherwise than the assessment that it seals."""
        stated = {
            "suite": (self.suite, assessment.suite),
            "device": (self.device, assessment.device),
            "decision": (self.decision, assessment.decision.verdict),
            "demonstration": (self.demonstration, assessment.demonstration),
        }
        return [name for name, (mine, theirs) in stated.items() if mine != theirs]


def decode(data: bytes) -> Manifest:
    """Read a manifest; raises ManifestError, also when it is not in its one encoding."""
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise ManifestError(f"{where}: {first['msg']}") from error
    if manifest.encode() != data:
        raise ManifestError("it is not written in the one form that a dossier allows")
    return manifest


def path_problem(path: str) -> str:
    """Why ``path`` must not name a file of a dossier; empty when it may."""
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "it is not a plain path inside the dossier"
    if "\\" in path or ":" in parts[0] or not path.isprintable():
        return "it holds characters that a path of a dossier may not hold"
    if path in SEAL:
        return "the name belongs to the seal"
    return ""
