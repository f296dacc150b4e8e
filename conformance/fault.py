"""Faults as the catalogue sees them: names that test cases say they catch.

``devices/emulated/faults.toml`` is read as a data file. What a fault does to the emulated camera
stays behind that camera's own door: no verdict may ever look at it.
"""

from __future__ import annotations

from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

from conformance.areas import WORDS
from conformance.located import LocatedToml, Source


class Fault(BaseModel):
    """One named change of the emulated camera."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str = Field(
        pattern=rf"^({'|'.join(WORDS)})-[a-z0-9]+(-[a-z0-9]+)*$",
        description="an area's first word, a hyphen, and words in lower case",
    )
    title: str = Field(min_length=1, description="one line")
    cwe: str = Field(pattern=r"^CWE-\d+$", description="CWE-number")
    seen_in: str = Field(description="a published record, or that it is constructed")

    @property
    def area(self) -> str:
        """The area that the fault belongs to (``streams``)."""
        return WORDS[self.id.partition("-")[0]]


class FaultFile:
    """The faults by id, and the line on which each stands.

    Raises CatalogueError with file and line for a malformed or repeated fault.
    """

    def __init__(self, path: Source | None = None) -> None:
        self._toml = LocatedToml(
            path if path is not None else files("devices.emulated") / "faults.toml"
        )
        self._toml.only("fault")
        self.path = self._toml.path
        self.faults: dict[str, Fault] = {}
        self._lines: dict[str, int] = {}
        for index, row in enumerate(self._toml.tables("fault")):
            self._add(index, self._toml.model(Fault, "fault", index, row))

    def line(self, fault_id: str) -> int:
        """The line of a fault's id."""
        return self._lines[fault_id]

    def _add(self, index: int, fault: Fault) -> None:
        line = self._toml.line("fault", index, key="id")
        if fault.id in self.faults:
            what = f"fault {fault.id!r} is already on line {self._lines[fault.id]}"
            raise self._toml.error(what, "give each fault its own id", line=line)
        self.faults[fault.id] = fault
        self._lines[fault.id] = line
