"""What the suite knows: test cases, faults, regulations and profiles, loaded and cross-checked.

A catalogue that does not hold together is refused as a whole: an unknown name in it would turn
into a clause that is silently not assessed, or a fault that nobody catches.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from conformance import declared_cases, profile, regulation
from conformance.case import Case
from conformance.declared_cases import DeclaredCase
from conformance.fault import Fault, FaultFile
from conformance.located import CatalogueError, Source
from conformance.profile import Profile
from conformance.regulation import Regulation

__all__ = ["Catalogue", "CatalogueError", "Coverage", "UnknownName", "load"]


class UnknownName(LookupError):
    """A test case or profile that does not exist; the message lists what does."""


@dataclass(frozen=True)
class Coverage:
    """How much of one regulation the test cases assess; ``open`` are the ids of the rest."""

    regulation: Regulation
    assessed: int
    open: tuple[str, ...]


class Catalogue:
    """The checked whole. Make it with :func:`load`.

    Raises CatalogueError, with file and line, when the parts contradict each other.
    """

    def __init__(
        self,
        declared: Mapping[str, DeclaredCase],
        fault_file: FaultFile,
        regulations: Mapping[str, Regulation],
        profiles: Mapping[str, Profile],
    ) -> None:
        self._declared = dict(sorted(declared.items()))
        self._fault_file = fault_file
        self.regulations = dict(regulations)
        self.profiles = dict(profiles)
        self._check_faults()

    def cases(self) -> list[Case]:
        """Every test case, by id."""
        return [declared.case for declared in self._declared.values()]

    def case(self, case_id: str) -> Case:
        """One test case; raises UnknownName."""
        try:
            return self._declared[case_id].case
        except KeyError:
            raise UnknownName(
                f"unknown test case {case_id!r}; `camproof catalogue tests` lists them"
            ) from None

    def is_built_in(self, case_id: str) -> bool:
        """Whether a test case is the suite's own, not a laboratory's; raises UnknownName."""
        return self._declared[self.case(case_id).id].built_in

    def faults(self) -> list[Fault]:
        """Every fault, in the order of its file."""
        return list(self._fault_file.faults.values())

    def catchers(self, fault_id: str) -> list[str]:
        """Ids of the test cases that say they catch a fault."""
        return [case.id for case in self.cases() if fault_id in case.catches]

    def clauses_for(self, case_id: str) -> list[str]:
        """``REGULATION:CLAUSE`` of every clause that a test case bears on."""
        return [
            item.reference(clause)
            for item in self.regulations.values()
            for clause in item.clauses
            if case_id in clause.cases
        ]

    def profile(self, profile_id: str) -> Profile:
        """One profile; raises UnknownName."""
        try:
            return self.profiles[profile_id]
        except KeyError:
            known = ", ".join(self.profiles)
            raise UnknownName(f"unknown profile {profile_id!r}; known are {known}") from None

    def scope(self, profile_id: str) -> list[str]:
        """``REGULATION:CLAUSE`` of every clause that decides a profile; raises UnknownName."""
        return self.profile(profile_id).scope(self.regulations, self._areas)

    def cases_for(self, profile_ids: Iterable[str]) -> list[str]:
        """Ids of the test cases that assess the clauses of these profiles; raises UnknownName."""
        wanted = {reference for name in profile_ids for reference in self.scope(name)}
        return [name for name in self._declared if not wanted.isdisjoint(self.clauses_for(name))]

    def coverage(self) -> list[Coverage]:
        """Per regulation, how many clauses are assessed and which are not."""
        found = []
        for item in self.regulations.values():
            left = tuple(clause.id for clause in item.clauses if not clause.cases)
            found.append(Coverage(item, len(item.clauses) - len(left), left))
        return found

    @cached_property
    def sha256(self) -> str:
        """Digest of all that a verdict rests on: declarations, test code, policies, knowledge."""
        whole = {
            "cases": [_identity(declared) for declared in self._declared.values()],
            "faults": [fault.model_dump() for fault in self.faults()],
            "regulations": [item.model_dump() for item in self.regulations.values()],
            "profiles": [item.model_dump() for item in self.profiles.values()],
            "data": {f"{folder}/{name}": digest for folder, name, digest in _data_files()},
        }
        canonical = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    @cached_property
    def _areas(self) -> dict[str, str]:
        return {case.id: case.area for case in self.cases()}

    def _check_faults(self) -> None:
        """Both directions: names exist, each built-in case catches, each fault is caught."""
        for declared in self._declared.values():
            if declared.built_in and not declared.case.catches:
                raise declared.error(
                    "catches no fault", "name at least one of faults.toml in catches="
                )
            for name in declared.case.catches:
                if name not in self._fault_file.faults:
                    raise declared.error(
                        f"catches the unknown fault {name!r}",
                        "correct it (`camproof catalogue faults` lists them)",
                    )
        caught = {name for declared in self._declared.values() for name in declared.case.catches}
        for fault_id in self._fault_file.faults:
            if fault_id not in caught:
                raise CatalogueError(
                    self._fault_file.path,
                    self._fault_file.line(fault_id),
                    f"no test case catches the fault {fault_id!r}",
                    "name it in a test case's catches=, or remove it",
                )


def load(
    extra: Sequence[Path] = (),
    *,
    regulations: Source | None = None,
    profiles: Source | None = None,
    faults: Source | None = None,
) -> Catalogue:
    """Load and cross-check the suite's catalogue.

    ``extra`` are folders with a laboratory's own test cases (``--tests``); the other arguments
    replace the suite's own data. Raises CatalogueError with file and line.
    """
    declared = declared_cases.find(extra)
    known = regulation.load(regulations, declared)
    return Catalogue(declared, FaultFile(faults), known, profile.load(profiles, known))


def _data_files() -> list[tuple[str, str, str]]:
    return sorted(
        (folder, path.name, _digest(path))
        for folder in ("policies", "knowledge")
        for path in (files("conformance") / folder).iterdir()
        if path.name.endswith((".toml", ".csv"))
    )


def _identity(declared: DeclaredCase) -> dict[str, Any]:
    """What makes a test case; the area instead of the module, which tells where a file lies."""
    published = {
        **asdict(declared.case),
        "area": declared.case.area,
        "code": _digest(declared.path),
    }
    del published["module"]
    return published


def _digest(path: Source) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
