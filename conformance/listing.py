"""Rows for ``camproof catalogue``: lists of plain dictionaries, ``id`` first, ready for JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.catalogue import Catalogue

Row = dict[str, Any]


def tests(catalogue: Catalogue) -> list[Row]:
    """One row per test case, with its published method and the clauses it bears on."""
    return [
        {
            "id": case.id,
            "title": case.title,
            "area": case.area,
            "severity": case.severity,
            "needs": list(case.needs),
            "changes": case.changes,
            "applies_to": list(case.applies_to),
            "catches": list(case.catches),
            "revision": case.revision,
            "clauses": catalogue.clauses_for(case.id),
            "method": case.method,
            "criterion": case.criterion,
        }
        for case in catalogue.cases()
    ]


def clauses(catalogue: Catalogue) -> list[Row]:
    """One row per clause; ``cases`` is empty where nothing assesses it."""
    return [
        {
            "id": regulation.reference(clause),
            "regulation": regulation.id,
            "clause": clause.id,
            "obligation": clause.obligation,
            "condition": clause.condition,
            "how": clause.how,
            "summary": clause.summary,
            "cases": list(clause.cases),
            "leaves_open": clause.leaves_open,
        }
        for regulation in catalogue.regulations.values()
        for clause in regulation.clauses
    ]


def profiles(catalogue: Catalogue) -> list[Row]:
    """One row per profile, with the number of clauses that decide and of cases that run."""
    return [
        {
            "id": profile.id,
            "title": profile.title,
            "summary": profile.summary,
            "regulations": profile.regulations(catalogue.regulations),
            "clauses": len(catalogue.scope(profile.id)),
            "cases": len(catalogue.cases_for([profile.id])),
            "decision": profile.decision.statement,
        }
        for profile in catalogue.profiles.values()
    ]


def faults(catalogue: Catalogue) -> list[Row]:
    """One row per fault, with the test cases that catch it."""
    return [
        {
            "id": fault.id,
            "title": fault.title,
            "area": fault.area,
            "cwe": fault.cwe,
            "seen_in": fault.seen_in,
            "caught_by": catalogue.catchers(fault.id),
        }
        for fault in catalogue.faults()
    ]


def coverage(catalogue: Catalogue) -> list[Row]:
    """One row per regulation: how many clauses are assessed, and the ids of those that are not."""
    return [
        {
            "id": entry.regulation.id,
            "title": entry.regulation.title,
            "edition": entry.regulation.edition,
            "status": entry.regulation.status,
            "clauses": len(entry.regulation.clauses),
            "assessed": entry.assessed,
            "not_assessed": len(entry.open),
            "open": list(entry.open),
        }
        for entry in catalogue.coverage()
    ]


LISTINGS: dict[str, Callable[[Catalogue], list[Row]]] = {
    "tests": tests,
    "clauses": clauses,
    "profiles": profiles,
    "faults": faults,
    "coverage": coverage,
}
"""What ``camproof catalogue`` can list, by its word on the command line."""
