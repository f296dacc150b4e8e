"""Policies for the passwords that users set: one file for each rule book, and what breaks it.

Facts of trials are held against them, so they can be judged again by another edition.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from conformance import policy
from devices.links.password_trials import InterfaceTrials, Trial

PREFIX = "passwords-"
Rule = Literal["length", "kinds", "common", "username", "reuse", "no-composition"]
KINDS = ("small letters", "capital letters", "digits", "others")


class Demand(BaseModel):
    """One demand of a rule book, and the clause that it stands in.

    ``rule``: length (``min_length``), kinds (all of ``kinds``), common (a password in common use
    is refused), username (nor one that holds the user name), reuse (nor the old one at a change),
    no-composition (one kind of character is enough where the password is long).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: Rule
    clause: str = Field(min_length=1)
    min_length: int = 0
    kinds: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> Demand:
        if (self.rule == "length") != (self.min_length > 0):
            raise ValueError("min_length belongs to the rule length")
        if (self.rule == "kinds") != bool(self.kinds) or set(self.kinds) - set(KINDS):
            raise ValueError(f"kinds belong to the rule kinds: some of {', '.join(KINDS)}")
        return self

    def broken_by(self, trial: Trial) -> bool:
        """Whether what became of this trial is against the demand."""
        if self.rule == "no-composition":
            return trial.rule == "kinds" and not trial.taken
        if not trial.taken:
            return False
        if self.rule == "length":
            return trial.length < self.min_length
        if self.rule == "kinds":
            return trial.rule == "kinds" and bool(set(self.kinds) - set(trial.kinds))
        return trial.rule == self.rule


class PasswordPolicy(BaseModel):
    """The demands of one edition of one rule book."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: str
    edition: str
    sources: tuple[str, ...]
    regulations: tuple[str, ...]
    demand: tuple[Demand, ...] = Field(min_length=1)

    @property
    def min_length(self) -> int:
        """The shortest password that it allows."""
        return max((demand.min_length for demand in self.demand), default=0)

    def demands(self, rules: Iterable[str]) -> list[Demand]:
        """Its demands of these rules."""
        wanted = set(rules)
        return [demand for demand in self.demand if demand.rule in wanted]

    def breaches(self, interface: InterfaceTrials, rules: Iterable[str]) -> Iterator[str]:
        """What an interface does against it, a sentence for each demand."""
        for demand in self.demands(rules):
            broken = [trial for trial in interface.trials if demand.broken_by(trial)]
            if broken:
                did = "refuses" if demand.rule == "no-composition" else "takes"
                what = ", ".join(trial.what for trial in broken)
                yield f"{interface.name} {did} {what} ({self.title}; {demand.clause})."

    @property
    def title(self) -> str:
        """Name and version, for a verdict."""
        return f"{self.name}, version {self.version}"


def load(name: str) -> PasswordPolicy:
    """The policy ``passwords-NAME``. Raises CatalogueError; ValueError where it is malformed."""
    return PasswordPolicy.model_validate(policy.load(PREFIX + name))


def names() -> list[str]:
    """The rule books that the suite has, without the prefix."""
    return [n.removeprefix(PREFIX) for n in policy.names() if n.startswith(PREFIX)]


def chosen(regulations: Iterable[str], claimed: Iterable[str] = ()) -> list[PasswordPolicy]:
    """The policies that these regulations call for, and those that the maker claims, by name.

    Raises CatalogueError for a claimed one that does not exist.
    """
    ids, wanted = list(regulations), set(claimed)
    for name in names():
        patterns = load(name).regulations
        if any(fnmatchcase(regulation, p) for regulation in ids for p in patterns):
            wanted.add(name)
    return [load(name) for name in sorted(wanted)]
