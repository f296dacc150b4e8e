"""The last words of a run on the terminal: decision, verdicts by area, where things lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from camproof.progress import STYLE
from conformance import areas
from conformance.assessment import FILE_NAME, Assessment
from reports import dossier
from reports.make import ALLURE, PAGE

DECISION_STYLE = {"APPROVED": "bold green", "REJECTED": "bold red", "INCOMPLETE": "bold yellow"}
_REASONS = 8
_REASON_WIDTH = 110
_OUTPUTS = (
    ("approval page", PAGE),
    ("Allure report", ALLURE),
    ("assessment", FILE_NAME),
    ("sealed dossier", dossier.FILE_NAME),
)


def show(console: Console, record: Assessment, folder: Path, made: Collection[str]) -> None:
    """Print the outcome of one camera; ``made`` are the reports in ``folder`` that are of it."""
    _verdicts(console, record)
    for result in record.results:
        if result.verdict == "FAIL":
            console.print(
                Text.assemble((f"✗ {result.id} ", STYLE["FAIL"]), (result.title, "bold")),
                Text("  " + result.reason.replace("\n", "\n  ")),
                sep="\n",
            )
    _decision(console, record)
    for name, path in _OUTPUTS:
        if path in {FILE_NAME, *made}:
            console.print(f"  {name:15} {folder / path}", highlight=False, soft_wrap=True)


def _verdicts(console: Console, record: Assessment) -> None:
    table = Table(box=None, padding=(0, 2), header_style="dim")
    columns = ("PASS", "FAIL", "INCONCLUSIVE", "NOT_APPLICABLE")
    table.add_column("area")
    for column in columns:
        table.add_column(column.lower().replace("_", " "), justify="right", style=STYLE[column])
    for area in areas.in_order(result.area for result in record.results):
        counts = Counter(r.verdict.value for r in record.results if r.area == area)
        table.add_row(area, *(str(counts[c]) if counts[c] else "·" for c in columns))
    console.print(table)


def _decision(console: Console, record: Assessment) -> None:
    unit = record.device
    verdict = record.decision.verdict
    head = Text(verdict, style=DECISION_STYLE[verdict])
    if record.demonstration:
        head.append("  DEMONSTRATION - an emulated camera, not a laboratory report", "bold magenta")
    lines = [head, Text(f"{unit.manufacturer} {unit.model} {unit.serial}, "
                        f"firmware {unit.firmware.version}")]  # fmt: skip
    reasons = record.decision.reasons
    lines += [Text(f"- {_short(reason)}") for reason in reasons[:_REASONS]]
    if len(reasons) > _REASONS:
        lines.append(Text(f"- and {len(reasons) - _REASONS} more; see the approval page"))
    console.print(Panel(Text("\n").join(lines), border_style=DECISION_STYLE[verdict], expand=False))


def _short(reason: str) -> str:
    return reason if len(reason) <= _REASON_WIDTH else f"{reason[:_REASON_WIDTH]} ..."
