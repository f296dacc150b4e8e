"""``demo``, ``run`` and ``report``: assess cameras, make the reports, say what came out."""

from __future__ import annotations

import concurrent.futures
import json
import re
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.console import Console

from camproof import progress, run_folder, summary
from camproof.campaign import Campaign, Job, exit_code
from camproof.errors import CommandError, Exit
from camproof.faults import posture_of
from conformance import assessment, catalogue
from conformance.assessment import Assessment, AssessmentError
from conformance.selection import Selection, SelectionError, case_labels
from devices import device_file
from devices.description import DeviceFile
from devices.emulated.bench.launch import EmulatedCamera
from devices.secrets import Secrets
from reports.make import make_all


@dataclass
class Options:
    """What ``demo`` and ``run`` have in common."""

    profiles: Sequence[str] = ()
    select: str = ""
    tests: Sequence[Path] = ()
    output: Path | None = None
    resume: bool = False
    allure: bool = True


def demo(console: Console, faults: Sequence[str], options: Options) -> Exit:
    """Start an emulated camera and assess it."""
    _check(options)
    posture = posture_of(faults)
    folder = run_folder.prepare(options.output, prefix="demo", resume=options.resume)
    what = f" with {', '.join(faults)}" if faults else ""
    console.print(f"starting an emulated camera{what} ...", highlight=False)
    with EmulatedCamera(posture) as ready:
        console.print(
            f"camera ready at {ready.address} after {ready.seconds:.1f} s", highlight=False
        )
        campaign, record = _assess(console, _job(ready.device_file, folder, options))
    return _ended(campaign, _report(console, record, folder, options))


def run(console: Console, files: Sequence[Path], options: Options) -> Exit:
    """Assess cameras of the user's own, at the same time where there are several."""
    _check(options)
    devices = [_load(path) for path in files]
    folder = run_folder.prepare(options.output, prefix="run", resume=options.resume)
    if len(files) == 1:
        campaign, record = _assess(console, _job(files[0], folder, options))
        return _ended(campaign, _report(console, record, folder, options))
    return _run_several(console, files, devices, folder, options)


def report(console: Console, folder: Path, *, allure: bool) -> Exit:
    """Make the reports of a stored assessment again."""
    try:
        record = assessment.read(folder)
    except AssessmentError as error:
        raise CommandError(str(error)) from error
    return _report(console, record, folder.absolute(), Options(allure=allure))


def _check(options: Options) -> None:
    """Refuse a wrong profile or selection before anything is started."""
    try:
        known = catalogue.load(options.tests)
        for profile in options.profiles:
            known.profile(profile)
        if options.select:
            Selection.parse(options.select).choose(known.cases(), case_labels)
    except (catalogue.UnknownName, catalogue.CatalogueError, SelectionError) as error:
        raise CommandError(str(error)) from error


def _load(path: Path) -> DeviceFile:
    device = device_file.load(path)
    Secrets(device).check()
    return device


def _job(path: Path, folder: Path, options: Options) -> Job:
    return Job(
        path.absolute(),
        folder,
        options.profiles,
        options.select,
        [t.absolute() for t in options.tests],
        options.resume,
    )


def _assess(console: Console, job: Job) -> tuple[Campaign, Assessment]:
    unit = device_file.load(job.device_file).device
    shown = progress.make(console, f"assessing {unit.manufacturer} {unit.model} {unit.serial}")
    campaign = Campaign(job, shown)
    previous = _interrupt_on_terminate(campaign)
    try:
        record = campaign.run()
    finally:
        shown.close()
        signal.signal(signal.SIGTERM, previous)
    if campaign.interrupted:
        console.print("interrupted: what was obtained is kept; `camproof run --resume` goes on")
    _say_if_broken(console, campaign, job.folder)
    return campaign, record


def _say_if_broken(console: Console, campaign: Campaign, folder: Path) -> None:
    if campaign.broken:
        console.print(
            f"the suite itself failed before the end ({folder / 'pytest.log'} says why): "
            "what was obtained is kept; `camproof run --resume` goes on",
            style="bold red",
            markup=False,
        )


def _ended(campaign: Campaign, code: Exit) -> Exit:
    """The exit code of a run: a suite that broke has decided nothing."""
    return Exit.SUITE if campaign.broken else code


def _interrupt_on_terminate(campaign: Campaign) -> signal.Handlers:
    def stop(_number: int, _frame: FrameType | None) -> None:
        campaign.interrupt()

    previous = signal.signal(signal.SIGTERM, stop)
    return previous if isinstance(previous, signal.Handlers) else signal.SIG_DFL


def _report(console: Console, record: Assessment, folder: Path, options: Options) -> Exit:
    with console.status("making the reports ..."):
        problems = make_all(folder, allure=options.allure)
    summary.show(console, record, folder)
    for problem in problems:
        console.print(f"not made: {problem}", style="yellow", markup=False)
    return exit_code(record)


def _run_several(
    console: Console,
    files: Sequence[Path],
    devices: Sequence[DeviceFile],
    folder: Path,
    options: Options,
) -> Exit:
    """A folder for each camera below ``folder``, and ``campaign.json`` over all."""
    names = _names(devices)
    quiet = Console(file=sys.stdout, force_terminal=False)

    def one(path: Path, name: str) -> tuple[Campaign, Assessment]:
        own = folder / name
        own.mkdir(exist_ok=True)
        resume = options.resume and (own / assessment.FILE_NAME).exists()
        job = _job(path, own, options)
        job.resume = resume
        campaign = Campaign(job, _Named(quiet, name))
        return campaign, campaign.run()

    with concurrent.futures.ThreadPoolExecutor(max_workers=len(files)) as pool:
        outcome = list(pool.map(one, files, names))
    codes = []
    for name, (campaign, record) in zip(names, outcome, strict=True):
        console.rule(name)
        _say_if_broken(console, campaign, folder / name)
        codes.append(_ended(campaign, _report(console, record, folder / name, options)))
    _write_campaign(folder, [(n, record) for n, (_, record) in zip(names, outcome, strict=True)])
    order = (Exit.SUITE, Exit.REJECTED, Exit.INCOMPLETE, Exit.APPROVED)
    return next(code for code in order if code in codes)


class _Named(progress.PlainProgress):
    """Plain lines, each with the camera's name before it."""

    def __init__(self, console: Console, name: str) -> None:
        self._name = name
        super().__init__(console, "begins")

    def _print(self, text: str) -> None:
        super()._print(f"{self._name}: {text}")


def _names(devices: Sequence[DeviceFile]) -> list[str]:
    names: list[str] = []
    for device in devices:
        unit = device.device
        base = re.sub(r"[^A-Za-z0-9.-]+", "-", f"{unit.model}-{unit.serial}")
        name, number = base, 1
        while name in names:
            number += 1
            name = f"{base}-{number}"
        names.append(name)
    return names


def _write_campaign(folder: Path, outcome: Sequence[tuple[str, Assessment]]) -> None:
    rows = [
        {
            "folder": name,
            "manufacturer": record.device.manufacturer,
            "model": record.device.model,
            "serial": record.device.serial,
            "decision": record.decision.verdict,
        }
        for name, record in outcome
    ]
    document = {"schema_version": 1, "cameras": rows}
    (folder / "campaign.json").write_text(json.dumps(document, indent=1) + "\n")
