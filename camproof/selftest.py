"""``selftest``: the fault matrix. Does each test case catch what it says, and nothing else?"""

from __future__ import annotations

import concurrent.futures
import json
import multiprocessing
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from camproof import __version__, run_folder
from camproof.errors import CommandError, Exit
from camproof.faults import posture_of
from camproof.twin import Outcome, assess
from conformance import catalogue
from conformance.catalogue import Catalogue
from conformance.fault import Fault
from conformance.selection import Selection, SelectionError, fault_labels
from conformance.verdict import Verdict


@dataclass
class Twin:
    """One emulated camera and what the suite said of it. ``expected`` test cases shall FAIL."""

    fault: str
    expected: tuple[str, ...]
    outcome: Outcome = field(default_factory=Outcome)

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """The verdict of each test case that ran."""
        return self.outcome.verdicts

    @property
    def error(self) -> str:
        """Why the twin could not be assessed; else empty."""
        return self.outcome.error

    @property
    def caught(self) -> list[str]:
        """Test cases that caught the fault, of those that say they do."""
        return [c for c in self.expected if self.verdicts.get(c) == Verdict.FAIL]

    @property
    def missed(self) -> list[str]:
        """Test cases that say they catch the fault and did not."""
        return [c for c in self.expected if self.verdicts.get(c) != Verdict.FAIL]

    @property
    def false_alarms(self) -> list[str]:
        """Test cases that failed without a fault that they say they catch."""
        failed = [c for c, v in self.verdicts.items() if v == Verdict.FAIL]
        return [c for c in failed if c not in self.expected]

    @property
    def undecided(self) -> list[str]:
        """On the clean twin every test case shall PASS; these did neither pass nor fail."""
        if self.fault:
            return []
        return [c for c, v in self.verdicts.items() if v not in {Verdict.PASS, Verdict.FAIL}]

    @property
    def good(self) -> bool:
        """Whether this twin came out as it should."""
        return not (self.missed or self.false_alarms or self.undecided or self.error)


def run(
    console: Console,
    *,
    expression: str,
    full: bool,
    cover: bool,
    clean: bool,
    parallel: int,
    output: Path | None,
) -> Exit:
    """Run the matrix, print the rates, write ``selftest.json``."""
    try:
        known = catalogue.load()
        faults = known.faults()
        if expression:
            faults = Selection.parse(expression).choose(faults, fault_labels)
    except (catalogue.CatalogueError, SelectionError) as error:
        raise CommandError(str(error)) from error
    if cover:
        faults = covering(known, faults)
    folder = run_folder.prepare(output, prefix="selftest")
    twins = _plan(known, faults, clean=clean)
    workers = parallel or 3 * max(2, os.cpu_count() or 2) // 2  # a camera's waiting costs nothing
    console.print(f"{len(twins)} emulated cameras, {workers} at once; results in {folder}")
    _run_all(console, twins, workers, folder, full=full)
    rows = _rates(known, twins)
    _show(console, rows, twins)
    _write(folder, known, rows, twins, full=full)
    return Exit.APPROVED if all(twin.good for twin in twins) else Exit.REJECTED


def covering(known: Catalogue, faults: Sequence[Fault]) -> list[Fault]:
    """Few of the faults by which every test case that catches one of them is seen to fail.

    Greedy: the fault that most of the remaining test cases catch comes first.
    """
    catchers = {fault.id: set(known.catchers(fault.id)) for fault in faults}
    left = set[str]().union(*catchers.values())
    chosen: set[str] = set()
    while left:
        best = max(catchers, key=lambda fault: len(catchers[fault] & left))
        chosen.add(best)
        left -= catchers[best]
    return [fault for fault in faults if fault.id in chosen]


def _plan(known: Catalogue, faults: Sequence[Fault], *, clean: bool) -> list[Twin]:
    faulty = [Twin(fault.id, tuple(known.catchers(fault.id))) for fault in faults]
    return [Twin("", ()), *faulty] if clean else faulty


def _run_all(
    console: Console, twins: Sequence[Twin], workers: int, folder: Path, *, full: bool
) -> None:
    """Each twin in a process of its own, forked from one that has loaded everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["camproof.twin"])
    with concurrent.futures.ProcessPoolExecutor(
        workers, mp_context=context, max_tasks_per_child=1
    ) as pool:
        futures = {pool.submit(assess, *_task(twin, folder, full=full)): twin for twin in twins}
        try:
            for done, future in enumerate(concurrent.futures.as_completed(futures), start=1):
                twin = futures[future]
                twin.outcome = future.result()
                line = f"[{done:3}/{len(twins)}] {_line(twin)}"
                console.print(line, markup=False, highlight=False, soft_wrap=True)
                if twin.good:
                    shutil.rmtree(folder / _name(twin), ignore_errors=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _task(twin: Twin, folder: Path, *, full: bool) -> tuple[dict[str, Any], str, Path]:
    select = "" if full or not twin.fault else " or ".join(twin.expected)
    return posture_of([twin.fault] if twin.fault else []), select, folder / _name(twin)


def _name(twin: Twin) -> str:
    return twin.fault or "clean"


def _line(twin: Twin) -> str:
    name = f"{twin.fault or 'clean twin':36}"
    if twin.error:
        return f"{name}NOT RUN: {twin.error.splitlines()[0]}"
    parts = []
    if twin.caught:
        parts.append(f"caught by {', '.join(twin.caught)}")
    if twin.missed:
        words = (f"{c} {twin.verdicts.get(c, 'not run')}" for c in twin.missed)
        parts.append(f"MISSED by {', '.join(words)}")
    if twin.false_alarms:
        parts.append(f"FALSE ALARM by {', '.join(twin.false_alarms)}")
    if twin.undecided:
        parts.append(f"UNDECIDED: {', '.join(twin.undecided)}")
    return name + ("; ".join(parts) or f"{len(twin.verdicts)} test cases, no false alarm")


@dataclass
class Rate:
    """Detection and false alarms of one test case, or of one area."""

    id: str
    area: str
    caught: int = 0
    faults: int = 0
    false_alarms: int = 0
    runs_without_its_faults: int = 0

    @property
    def detection(self) -> float | None:
        """Share of its faults that were caught (0 to 1); None when none was run."""
        return self.caught / self.faults if self.faults else None


def _rates(known: Catalogue, twins: Sequence[Twin]) -> list[Rate]:
    """A rate for each test case that ran."""
    rates = {case.id: Rate(case.id, case.area) for case in known.cases()}
    for twin in twins:
        for case_id, rate in rates.items():
            if case_id in twin.expected:
                rate.faults += 1
                rate.caught += case_id in twin.caught
            elif case_id in twin.verdicts:
                rate.runs_without_its_faults += 1
                rate.false_alarms += case_id in twin.false_alarms
    return [r for r in rates.values() if r.faults or r.runs_without_its_faults]


def _by_area(rows: Sequence[Rate]) -> list[Rate]:
    areas = {row.area: Rate(row.area, row.area) for row in rows}
    whole = Rate("all", "all")
    for row in rows:
        for total in (areas[row.area], whole):
            total.caught += row.caught
            total.faults += row.faults
            total.false_alarms += row.false_alarms
            total.runs_without_its_faults += row.runs_without_its_faults
    return [*areas.values(), whole]


def _show(console: Console, rows: Sequence[Rate], twins: Sequence[Twin]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("test case", "caught", "faults", "detection", "false alarms", "of runs"):
        table.add_column(column, justify="left" if column == "test case" else "right")
    for row in [*rows, *_by_area(rows)]:
        if row.id in {row.area, "all"} and row.faults == row.runs_without_its_faults == 0:
            continue
        table.add_row(
            row.id,
            str(row.caught),
            str(row.faults),
            "-" if row.detection is None else f"{row.detection:.0%}",
            str(row.false_alarms),
            str(row.runs_without_its_faults),
            style="bold" if row.id in {row.area, "all"} else "",
        )
    console.print(table)
    faulty = [twin for twin in twins if twin.fault]
    detected = sum(bool(twin.caught) and not twin.missed for twin in faulty)
    alarms = sum(len(twin.false_alarms) for twin in twins)
    share = f"{100 * detected / len(faulty):.0f} %" if faulty else "no fault run"
    console.print(
        f"detection {share} ({detected} of {len(faulty)} faults by every test case that says so), "
        f"{alarms} false alarm{'' if alarms == 1 else 's'}",
        style="bold",
        highlight=False,
        soft_wrap=True,
    )


def _write(
    folder: Path, known: Catalogue, rows: Sequence[Rate], twins: Sequence[Twin], *, full: bool
) -> None:
    def plain(rate: Rate) -> dict[str, object]:
        return {**vars(rate), "detection": rate.detection}

    document = {
        "schema_version": 1,
        "suite": {"version": __version__, "catalogue_sha256": known.sha256},
        "finished": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "full": full,
        "test_cases": [plain(row) for row in rows],
        "areas": [plain(row) for row in _by_area(rows)],
        "twins": [
            {
                "fault": twin.fault,
                "caught": twin.caught,
                "missed": twin.missed,
                "false_alarms": twin.false_alarms,
                "undecided": twin.undecided,
                "error": twin.error,
                "verdicts": twin.verdicts,
                "reasons": twin.outcome.reasons,
            }
            for twin in twins
        ],
    }
    path = folder / "selftest.json"
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
