"""What two units of a product share although each must have its own: keys above all.

Read from the observations that the runs kept, so that it can be judged again from their dossiers.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from conformance.assessment import Assessment, Evidence, Result
from conformance.verdict import Verdict


@dataclass(frozen=True)
class Unit:
    """One camera's run: the name it goes by, its record, and the folder of both."""

    name: str
    record: Assessment
    folder: Path


@dataclass(frozen=True)
class Shared:
    """One value that several units have. ``value`` is a fingerprint, never a secret itself."""

    what: str
    value: str
    units: tuple[str, ...]
    cases: tuple[str, ...]
    source: str

    def told_to(self, unit: str) -> str:
        """The finding, in a sentence for the report of one of the units."""
        others = ", ".join(name for name in self.units if name != unit)
        return f"The {self.what} {self.value} is also that of {others}; each unit must have its own"


@dataclass(frozen=True)
class Comparison:
    """``compared``: kind -> number of units that showed one; ``shared``: what they share.

    ``units`` is the number of serial numbers.
    """

    units: int
    compared: Mapping[str, int]
    shared: tuple[Shared, ...]

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**asdict(self), "compared": dict(self.compared)}


def compare(units: Iterable[Unit], secrets: Iterable[Mapping[str, Any]]) -> Comparison:
    """Compare what ``secrets`` (knowledge ``unit_secrets``) names between the units.

    Runs of one serial number are of one unit, which may well have one key: they count as one.
    """
    rows = list(secrets)
    holders: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    showing: dict[str, set[str]] = {str(row["what"]): set() for row in rows}
    serials: set[str] = set()
    for unit in units:
        serial = unit.record.device.serial
        serials.add(serial)
        for row in rows:
            for value in _values(unit, row):
                holders[row["what"], value][serial].add(unit.name)
                showing[row["what"]].add(serial)
    first = {row["what"]: row for row in reversed(rows)}
    shared = [
        Shared(
            what=what,
            value=value,
            units=tuple(sorted(name for names in by_serial.values() for name in names)),
            cases=tuple(first[what]["cases"]),
            source=first[what]["source"],
        )
        for (what, value), by_serial in sorted(holders.items())
        if len(by_serial) > 1
    ]
    compared = {what: len(shown) for what, shown in showing.items()}
    return Comparison(len(serials), compared, tuple(shared))


def judge(result: Result, findings: Iterable[Shared], unit: str, evidence: Evidence) -> Result:
    """The result of a test case after the comparison: FAIL where it found something shared."""
    told = [finding.told_to(unit) for finding in findings if result.id in finding.cases]
    if not told:
        return result
    found = ". ".join(told) + "."
    if result.verdict != Verdict.FAIL:
        reason = found
    elif found in result.reason:  # a resumed run is compared again
        reason = result.reason
    else:
        reason = f"{result.reason.removesuffix('.')}. {found}"
    kept = [item for item in result.evidence if item.path != evidence.path]
    changed = {"verdict": Verdict.FAIL, "reason": reason, "cause": ""}
    return result.model_copy(update={**changed, "evidence": [*kept, evidence]})


def _values(unit: Unit, row: Mapping[str, Any]) -> Iterator[str]:
    """The values in every kept copy of an observation; none where it cannot be read."""
    paths = {
        item.path
        for result in unit.record.results
        for item in result.evidence
        if item.name == row["observation"] and item.media_type == "application/json"
    }
    for path in sorted(paths):
        try:
            document = json.loads((unit.folder / path).read_bytes())
        except (OSError, ValueError):
            continue
        yield from (value for value in _at(document, row["path"].split(".")) if value)


def _at(value: Any, path: list[str]) -> Iterator[str]:
    if not path:
        if isinstance(value, str):
            yield value
        return
    key, rest = path[0], path[1:]
    if isinstance(value, list):
        chosen = value if key == "*" else value[int(key) : int(key) + 1]
        for item in chosen:
            yield from _at(item, rest)
    elif isinstance(value, dict):
        yield from _at(value.get(key), rest)
