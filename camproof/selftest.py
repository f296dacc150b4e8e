"""``selftest``: the fault matrix. Does each test case catch what it says, and nothing else?"""

from __future__ import annotations

import concurrent.futures
import json
import os
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from camproof import __version__, run_folder
from camproof.campaign import Campaign, Job
from camproof.errors import CommandError, Exit
from camproof.faults import posture_of
from conformance import catalogue
from conformance.assessment import Result
from conformance.catalogue import Catalogue
from conformance.fault import Fault
from conformance.selection import Selection, SelectionError, fault_labels
from conformance.verdict import Verdict
from devices.emulated.launch import EmulatedCamera
from devices.errors import DeviceError

CLEAN = ""
"""The name of the twin without fault, where a fault's id would stand."""


@dataclass
class Twin:
    """One emulated camera and what the suite said of it. ``expected`` test cases shall FAIL."""

    fault: str
    expected: tuple[str, ...]
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    error: str = ""

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
    console: Console, *, expression: str, full: bool, parallel: int, output: Path | None
) -> Exit:
    """Run the matrix, print the rates, write ``selftest.json``."""
    try:
        known = catalogue.load()
        faults = known.faults()
        if expression:
            faults = Selection.parse(expression).choose(faults, fault_labels)
    except (catalogue.CatalogueError, SelectionError) as error:
        raise CommandError(str(error)) from error
    folder = run_folder.prepare(output, prefix="selftest")
    twins = _plan(known, faults)
    workers = parallel or max(2, os.cpu_count() or 2)
    console.print(f"{len(twins)} emulated cameras, {workers} at once; results in {folder}")
    _run_all(console, twins, workers, folder, full=full)
    rows = _rates(known, twins)
    _show(console, rows, twins)
    _write(folder, known, rows, twins, full=full)
    return Exit.APPROVED if all(twin.good for twin in twins) else Exit.REJECTED


def _plan(known: Catalogue, faults: Sequence[Fault]) -> list[Twin]:
    clean = Twin(CLEAN, ())
    return [clean, *(Twin(fault.id, tuple(known.catchers(fault.id))) for fault in faults)]


def _run_all(
    console: Console, twins: Sequence[Twin], workers: int, folder: Path, *, full: bool
) -> None:
    done = 0
    lock = threading.Lock()
    stopped = threading.Event()

    def one(twin: Twin) -> None:
        nonlocal done
        if stopped.is_set():
            return
        _assess(twin, folder, full=full)
        with lock:
            done += 1
            console.print(
                f"[{done:3}/{len(twins)}] {_line(twin)}", markup=False, highlight=False,
                soft_wrap=True,
            )  # fmt: skip

    with concurrent.futures.ThreadPoolExecutor(max_workers=workers) as pool:
        futures = [pool.submit(one, twin) for twin in twins]
        try:
            for future in concurrent.futures.as_completed(futures):
                future.result()
        except BaseException:
            stopped.set()
            raise


def _assess(twin: Twin, folder: Path, *, full: bool) -> None:
    """Run the suite against one twin; what it left stays only where something was wrong."""
    select = "" if full or not twin.fault else " or ".join(twin.expected)
    with tempfile.TemporaryDirectory(prefix="camproof-selftest-") as scratch:
        run_into = Path(scratch) / "run"
        run_into.mkdir()
        try:
            with EmulatedCamera(posture_of([twin.fault] if twin.fault else [])) as ready:
                job = Job(ready.device_file, run_into, select=select)
                results = Campaign(job, lambda _event: None).run().results
        except (DeviceError, CommandError) as error:
            twin.error = str(error)
            return
        _take(twin, results)
        if not twin.good:
            run_into.rename(folder / (twin.fault or "clean"))


def _take(twin: Twin, results: Sequence[Result]) -> None:
    for result in results:
        twin.verdicts[result.id] = result.verdict
        if result.verdict != Verdict.PASS:
            twin.reasons[result.id] = result.reason


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
    def detection(self) -> float:
        """Share of its faults that were caught (0 to 1); 1 when none was run."""
        return self.caught / self.faults if self.faults else 1.0


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
            f"{row.detection:.0%}",
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
                "reasons": twin.reasons,
            }
            for twin in twins
        ],
    }
    path = folder / "selftest.json"
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
