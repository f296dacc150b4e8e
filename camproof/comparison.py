"""Several units of one run beside each other: what they share is entered in their records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from rich.console import Console

from conformance import across_units, assessment, decision, knowledge
from conformance.across_units import Comparison, Unit
from conformance.assessment import Evidence
from conformance.catalogue import Catalogue

_PATH = "evidence/across-units.json"


def compare(units: Sequence[Unit], known: Catalogue) -> Comparison:
    """Compare the units; each test case that this concerns fails in the record of every sharer."""
    found = across_units.compare(units, knowledge.load("unit_secrets"))
    for unit in units:
        if any(unit.name in shared.units for shared in found.shared):
            _enter(unit, found, known)
    return found


def show(console: Console, found: Comparison) -> None:
    """Say what was compared, and what is shared."""
    if found.units < 2:
        return
    console.rule("across units")
    kinds = ", ".join(f"{what} ({number})" for what, number in found.compared.items())
    console.print(f"compared between {found.units} units: {kinds}", highlight=False)
    for shared in found.shared:
        line = f"{', '.join(shared.units)} share one {shared.what}: {shared.value}"
        console.print(line, style="bold red", markup=False, highlight=False, soft_wrap=True)
    if not found.shared:
        console.print("nothing is shared")


def _enter(unit: Unit, found: Comparison, known: Catalogue) -> None:
    own = [shared for shared in found.shared if unit.name in shared.units]
    evidence = _kept(unit, Comparison(found.units, found.compared, tuple(own)))
    record = unit.record
    record.results = [across_units.judge(r, own, unit.name, evidence) for r in record.results]
    scopes = {name: known.scope(name) for name in record.profiles}
    decision.settle(record, known.regulations.values(), scopes)
    assessment.write(record, unit.folder)


def _kept(unit: Unit, found: Comparison) -> Evidence:
    data = json.dumps(found.plain(), indent=1).encode() + b"\n"
    path = unit.folder / _PATH
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    return Evidence(name="across units", path=_PATH, sha256=digest, media_type="application/json")
