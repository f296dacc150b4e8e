"""What a software bill of materials says, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass, field

_KEPT_FAULTS = 50


@dataclass(frozen=True)
class Component:
    """``identifier`` is a package URL or CPE name; ``reference`` the document's own."""

    reference: str
    name: str
    version: str
    supplier: str
    identifier: str


@dataclass(frozen=True)
class BillFile:
    """A file as shipped. ``path`` as written; ``sha256`` hexadecimal, empty when not given."""

    path: str
    sha256: str


@dataclass(frozen=True)
class Statement:
    """What the maker says about one vulnerability in one component (VEX).

    ``state`` is CycloneDX's: resolved, not_affected, in_triage, exploitable, false_positive, ...
    """

    vulnerability: str
    reference: str
    state: str


@dataclass(frozen=True)
class Bill:
    """A whole bill. ``faults`` lists what its format demands and it lacks, one sentence each."""

    form: str
    timestamp: str
    subject: str
    subject_version: str
    components: tuple[Component, ...]
    files: tuple[BillFile, ...]
    statements: tuple[Statement, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass
class FaultList:
    """Gathers faults; past fifty it only counts, so that a broken document stays readable."""

    _kept: list[str] = field(default_factory=list)
    _more: int = 0

    def add(self, fault: str) -> None:
        """Note one fault."""
        if len(self._kept) < _KEPT_FAULTS:
            self._kept.append(fault[:300])
        else:
            self._more += 1

    def all(self) -> tuple[str, ...]:
        """The faults, the last entry telling how many more there are."""
        return (*self._kept, *([f"and {self._more} more"] if self._more else ()))
