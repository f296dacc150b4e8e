"""Policies: versioned data that says what is acceptable (TLS versions, password rules, ...)."""

from __future__ import annotations

import copy
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from conformance.located import LocatedToml, Source
from conformance.regulation import toml_files


class PolicyHeader(BaseModel):
    """What every policy says about itself; the rest of the file is the policy's own."""

    model_config = ConfigDict(extra="ignore")

    name: str = Field(min_length=1, description="the policy's name")
    version: str | int = Field(description="a version that changes with the content")
    sources: list[str] = Field(min_length=1, description="a list of what it rests on")


def load(name: str) -> dict[str, Any]:
    """The policy ``name`` of ``conformance/policies``, as a dictionary of the caller's own.

    Raises CatalogueError when it does not exist, is not TOML, or lacks name, version or sources.
    """
    return copy.deepcopy(_own(name))


def read(path: Source) -> dict[str, Any]:
    """Read and check one policy file; raises CatalogueError with file and line."""
    toml = LocatedToml(path)
    toml.model(PolicyHeader, "", 0, toml.data)
    return toml.data


def names() -> list[str]:
    """The policies that the suite has."""
    return [path.name.removesuffix(".toml") for path in toml_files(_folder())]


def _folder() -> Source:
    return files("conformance") / "policies"


@cache
def _own(name: str) -> dict[str, Any]:
    return read(_folder() / f"{name}.toml")
