"""``catalogue``: what the suite knows, as a table or as JSON."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.table import Table

from camproof.errors import CommandError, Exit
from conformance import catalogue, listing

_COLUMNS = {
    "tests": ("id", "title", "severity", "changes", "catches"),
    "clauses": ("id", "obligation", "how", "summary", "cases"),
    "profiles": ("id", "title", "clauses", "cases", "decision"),
    "faults": ("id", "title", "cwe", "caught_by"),
    "coverage": ("id", "title", "clauses", "assessed", "not_assessed"),
}


_UNLIMITED = 100_000


def show(console: Console, what: str, form: str) -> Exit:
    """Print one listing."""
    try:
        rows = listing.LISTINGS[what](catalogue.load())
    except catalogue.CatalogueError as error:
        raise CommandError(str(error)) from error
    if form == "json":
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return Exit.APPROVED
    if not console.is_terminal:  # a pipe has no width; ids broken in two cannot be looked for
        console.width = _UNLIMITED
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in _COLUMNS[what]:
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=column == "id")
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in _COLUMNS[what]))
    console.print(table)
    console.print(f"{len(rows)} {what}", style="dim")
    return Exit.APPROVED


def _cell(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
