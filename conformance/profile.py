"""Profiles: which clauses decide about a product, and how.

A profile selects by rule and never by a list of clauses, so that a clause added to a regulation
cannot be forgotten. ``docs/rules.md`` shows the format.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from conformance.located import CatalogueError, LocatedToml, Source
from conformance.regulation import OBLIGATIONS, Clause, Obligation, Regulation, toml_files

DEFAULT = "core"
"""The profile of a run that names none."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Header(_Table):
    """The ``[profile]`` table."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9.\-]*$", description="lower case, digits, . and -")
    title: str = Field(min_length=1, description="one line")
    summary: str = Field(min_length=1, description="what a decision by this profile means")


class Selection(_Table):
    """The ``[selection]`` table: a clause is selected when all four keys allow it."""

    regulations: tuple[str, ...] = Field(
        min_length=1, description="regulation ids; * stands for any characters"
    )
    obligations: tuple[Obligation, ...] = Field(
        OBLIGATIONS, min_length=1, description="a list out of M, R, MC, RC"
    )
    only_assessed: bool = Field(
        default=False, description="true leaves out clauses that no test case assesses"
    )
    areas: tuple[str, ...] = Field(
        (), description="with only_assessed: the areas whose test cases count; empty: all"
    )


class DecisionRule(_Table):
    """The ``[decision]`` table: the rule, and what it means in words for the report."""

    rule: Literal["every-clause"] = Field(description="every-clause")
    statement: str = Field(min_length=1, description="the rule in words (ISO/IEC 17025, 7.8.6)")


class Profile(Header):
    """A selection of clauses and the decision rule over their verdicts."""

    selection: Selection
    decision: DecisionRule

    def regulations(self, known: Iterable[str]) -> list[str]:
        """Ids of those ``known`` regulations that this profile selects from."""
        wanted = self.selection.regulations
        return [name for name in known if any(fnmatchcase(name, w) for w in wanted)]

    def selects(self, clause: Clause, areas: Collection[str]) -> bool:
        """Whether a clause of a selected regulation decides.

        ``areas`` are the areas of the test cases that assess the clause.
        """
        rule = self.selection
        if clause.obligation not in rule.obligations:
            return False
        if not rule.only_assessed:
            return True
        return bool(areas) and (not rule.areas or any(area in rule.areas for area in areas))

    def scope(
        self, regulations: Mapping[str, Regulation], areas_of_cases: Mapping[str, str]
    ) -> list[str]:
        """``REGULATION:CLAUSE`` of every clause that decides, in the documents' order.

        ``areas_of_cases`` gives the area of each test case id.
        """
        return [
            regulation.reference(clause)
            for name in self.regulations(regulations)
            for regulation in (regulations[name],)
            for clause in regulation.clauses
            if self.selects(clause, {areas_of_cases[c] for c in clause.cases})
        ]


def read(path: Source, known_regulations: Iterable[str] | None = None) -> Profile:
    """Read one profile; raises CatalogueError with file and line.

    ``known_regulations`` are the ids it may select from; None leaves them unchecked.
    """
    toml = LocatedToml(path)
    toml.only("profile", "selection", "decision")
    for name in ("profile", "selection", "decision"):
        if not isinstance(toml.data.get(name), dict):
            raise toml.error(f"there is no [{name}] table", "add it (docs/rules.md)")
    header = toml.model(Header, "profile", 0, toml.data["profile"])
    selection = toml.model(Selection, "selection", 0, toml.data["selection"])
    decision = toml.model(DecisionRule, "decision", 0, toml.data["decision"])
    if selection.areas and not selection.only_assessed:
        line = toml.line("selection", key="areas")
        raise toml.error("areas without only_assessed", "add only_assessed = true", line=line)
    profile = Profile(**header.model_dump(), selection=selection, decision=decision)
    if known_regulations is not None:
        _check_regulations(toml, selection, tuple(known_regulations))
    return profile


def load(
    folder: Source | None = None, known_regulations: Iterable[str] | None = None
) -> dict[str, Profile]:
    """Read every profile of a folder (default: the suite's own), by id.

    Raises CatalogueError, also for two files with the same profile id.
    """
    folder = folder if folder is not None else files("conformance") / "profiles"
    known = None if known_regulations is None else tuple(known_regulations)
    found: dict[str, Profile] = {}
    for path in toml_files(folder):
        profile = read(path, known)
        if profile.id in found:
            line = LocatedToml(path).line("profile", key="id")
            what = f"profile id {profile.id!r} is used by another file too"
            raise CatalogueError(path, line, what, "give each profile an id of its own")
        found[profile.id] = profile
    return found


def _check_regulations(toml: LocatedToml, selection: Selection, known: tuple[str, ...]) -> None:
    for wanted in selection.regulations:
        if not any(fnmatchcase(name, wanted) for name in known):
            line = toml.line("selection", key="regulations", value=wanted)
            what = f"unknown regulation {wanted!r}"
            raise toml.error(what, f"known are {', '.join(known) or 'none'}", line=line)
