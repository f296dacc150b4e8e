"""``demo``, ``run`` and ``report``: assess cameras, make the reports, say what came out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from camproof import left_open, one_camera, restore, resume, run_folder, several
from camproof.errors import CommandError, Exit
from camproof.faults import posture_of
from camproof.options import Options
from conformance import assessment, catalogue
from conformance.assessment import AssessmentError
from conformance.catalogue import Catalogue
from conformance.selection import Selection, SelectionError, case_labels
from devices import device_file
from devices.description import DeviceFile
from devices.emulated.bench.launch import EmulatedCamera
from devices.secrets import Secrets


def demo(
    console: Console, faults: Sequence[str], options: Options, *, capture: str | None = None
) -> Exit:
    """Start an emulated camera and assess it; ``capture`` is how its streams are recorded."""
    known = _check(options)
    posture = posture_of(faults)
    folder = run_folder.prepare(options.output, prefix="demo", resume=options.resume)
    if options.resume:
        resume.check_demonstration(folder, faults, posture, known, options.profiles)
        left_open.emulated_camera_is_gone(folder)
    else:
        resume.note_demonstration(folder, faults, posture)
    what = f" with {', '.join(faults)}" if faults else ""
    console.print(f"starting an emulated camera{what} ...", highlight=False)
    with EmulatedCamera(posture) as ready:
        console.print(
            f"camera ready at {ready.address} after {ready.seconds:.1f} s", highlight=False
        )
        if capture is not None:
            with ready.device_file.open("a", encoding="utf-8") as file:
                file.write(f'\n[bench.capture]\nmethod = "{capture}"\n')
        work = one_camera.job(ready.device_file, folder, options)
        try:
            campaign, record = one_camera.assess(console, work, lasting=False)
        finally:
            left_open.emulated_camera_is_gone(folder)
    code = one_camera.report(console, record, folder, allure=options.allure)
    return one_camera.ended(campaign, code)


def run(console: Console, files: Sequence[Path], options: Options) -> Exit:
    """Assess cameras of the user's own, at the same time where there are several."""
    known = _check(options)
    devices = [_load(path) for path in files]
    if len(files) > 1:
        return several.run(console, files, devices, known, options)
    folder = run_folder.prepare(options.output, prefix="run", resume=options.resume)
    left_open.tell_earlier(console, folder, devices)
    if options.resume:
        resume.check_run(folder, devices[0], known, options.profiles)
        restore.before_resuming(console, folder, files[0])
    campaign, record = one_camera.assess(console, one_camera.job(files[0], folder, options))
    code = one_camera.report(console, record, folder, allure=options.allure)
    return one_camera.ended(campaign, code)


def report(console: Console, folder: Path, *, allure: bool) -> Exit:
    """Make the reports of a stored assessment again."""
    try:
        record = assessment.read(folder)
    except AssessmentError as error:
        raise CommandError(str(error)) from error
    return one_camera.report(console, record, folder.absolute(), allure=allure)


def _check(options: Options) -> Catalogue:
    """Refuse a wrong profile or selection before anything is started."""
    try:
        known = catalogue.load(options.tests)
        for profile in options.profiles:
            known.profile(profile)
        if options.select:
            Selection.parse(options.select).choose(known.cases(), case_labels)
    except (catalogue.UnknownName, catalogue.CatalogueError, SelectionError) as error:
        raise CommandError(str(error)) from error
    return known


def _load(path: Path) -> DeviceFile:
    device = device_file.load(path)
    Secrets(device).check()
    return device
