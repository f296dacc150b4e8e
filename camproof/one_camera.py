"""The assessment of one camera, shown as it goes on, and its reports."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from camproof import left_open, progress, summary
from camproof.campaign import Campaign, Job, exit_code, interrupted_by_terminate
from camproof.errors import Exit
from camproof.options import Options
from conformance.assessment import Assessment
from devices import device_file
from reports.make import make_all


def job(path: Path, folder: Path, options: Options) -> Job:
    """What to run for the device file at ``path``, writing to ``folder``."""
    return Job(
        path.absolute(),
        folder,
        options.profiles,
        options.select,
        [t.absolute() for t in options.tests],
        options.resume,
    )


def assess(console: Console, work: Job, *, lasting: bool = True) -> tuple[Campaign, Assessment]:
    """Run a job to its end, or until Ctrl-C or SIGTERM, and say what it left on the camera.

    ``lasting``: the camera is there afterwards too.
    """
    unit = device_file.load(work.device_file).device
    shown = progress.make(console, f"assessing {unit.manufacturer} {unit.model} {unit.serial}")
    campaign = Campaign(work, shown)
    try:
        with interrupted_by_terminate([campaign]):
            record = campaign.run()
    finally:
        shown.close()
        if lasting:
            left_open.tell(console, work.folder)
    say_how_it_ended(console, campaign)
    return campaign, record


def say_how_it_ended(console: Console, campaign: Campaign) -> None:
    """Print why a run is not whole; nothing when it is."""
    if campaign.interrupted:
        console.print("interrupted: what was obtained is kept; `camproof run --resume` goes on")
    elif campaign.broken:
        console.print(
            f"the suite itself failed before the end ({campaign.folder / 'pytest.log'} says "
            "why): what was obtained is kept; `camproof run --resume` goes on",
            style="bold red",
            markup=False,
        )


def ended(campaign: Campaign, code: Exit) -> Exit:
    """The exit code of a run: a suite that broke has decided nothing."""
    return Exit.SUITE if campaign.broken else code


def report(console: Console, record: Assessment, folder: Path, *, allure: bool) -> Exit:
    """Make the reports and say what came out.

    The exit code is the decision's, unless a report is missing that a decision is handed in with.
    """
    with console.status("making the reports ..."):
        made = make_all(folder, allure=allure)
    summary.show(console, record, folder, made.outputs)
    for problem in made.problems:
        console.print(f"not made: {problem}", style="yellow", markup=False)
    return exit_code(record) if made.complete else Exit.SUITE
