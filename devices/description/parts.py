"""What every table of a device file is built from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

Role = Literal["admin", "operator", "viewer"]
Transport = Literal["tcp", "udp"]
Intrusion = Literal["settings", "lockout", "power", "firmware", "factory"]
Port = Annotated[int, Field(ge=1, le=65535)]


def _beside_the_device_file(path: Path, info: ValidationInfo) -> Path:
    base = (info.context or {}).get("base")
    return path if base is None else Path(base, path.expanduser())


NamedFile = Annotated[Path, AfterValidator(_beside_the_device_file)]
"""A path of the device file; relative ones count from the folder that the device file is in."""


def _words_beside(words: list[str], info: ValidationInfo) -> list[str]:
    base = (info.context or {}).get("base")
    return words if base is None else [_word_beside(Path(base), word) for word in words]


def _word_beside(base: Path, word: str) -> str:
    """A word with a slash or a dot that names a file there; a plain name is looked for on PATH."""
    beside = base / word
    is_path = "/" in word or "." in word
    return str(beside.absolute()) if is_path and beside.is_file() else word


Command = Annotated[list[str], Field(min_length=1), AfterValidator(_words_beside)]
"""A program and its arguments; files beside the device file are found, wherever it is run from."""


class Part(BaseModel):
    """Base of every table of a device file: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Secret(Part):
    """Where a secret is found; never the secret itself. Exactly one of the two."""

    env: str | None = Field(None, description="name of an environment variable")
    file: NamedFile | None = Field(
        None, description="file whose first line (or, for a key, whole content) is the secret"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Secret:
        if (self.env is None) == (self.file is None):
            raise ValueError("give either env or file")
        return self
