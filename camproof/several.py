"""Several cameras at the same time: a folder for each, and ``campaign.json`` over all.

What happens to one camera's run takes nothing from the others: each is reported as far as it got.
"""

from __future__ import annotations

import concurrent.futures
import json
import re
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from camproof import comparison, left_open, one_camera, progress, restore, resume, run_folder
from camproof.campaign import Campaign, interrupted_by_terminate
from camproof.errors import CommandError, Exit
from camproof.options import Options
from conformance import assessment
from conformance.across_units import Comparison, Unit
from conformance.assessment import Assessment
from conformance.catalogue import Catalogue
from devices.description import DeviceFile

_ORDER = (Exit.SUITE, Exit.REJECTED, Exit.INCOMPLETE, Exit.APPROVED)


@dataclass
class _Camera:
    """One camera of the campaign. ``record`` or ``error`` says what came of it."""

    name: str
    device: DeviceFile
    campaign: Campaign
    record: Assessment | None = None
    error: str = ""
    code: Exit = Exit.INCOMPLETE

    def failed(self, error: Exception) -> None:
        """Enter what kept this camera from being assessed or reported."""
        told = isinstance(error, CommandError)
        self.error = str(error) if told else f"{type(error).__name__}: {error}"
        self.code = error.code if isinstance(error, CommandError) else Exit.SUITE

    def row(self) -> dict[str, str | None]:
        """This camera in ``campaign.json``; its ``decision`` is null while there is none."""
        unit = self.device.device
        return {
            "folder": self.name,
            "manufacturer": unit.manufacturer,
            "model": unit.model,
            "serial": unit.serial,
            "decision": self.record.decision.verdict if self.record else None,
            "error": self.error or None,
        }


def run(
    console: Console,
    files: Sequence[Path],
    devices: Sequence[DeviceFile],
    known: Catalogue,
    options: Options,
) -> Exit:
    """Assess all cameras, report each, and end with the gravest exit code."""
    names = _names(devices)
    folder = run_folder.prepare_several(options.output, names, resume=options.resume)
    left_open.tell_earlier(console, folder, devices)
    quiet = Console(file=sys.stdout, force_terminal=False)
    cameras = []
    for path, name, device in zip(files, names, devices, strict=True):
        work = one_camera.job(path, folder / name, options)
        work.resume = options.resume and (folder / name / assessment.FILE_NAME).exists()
        if work.resume:
            resume.check_run(work.folder, device, known, options.profiles)
            restore.before_resuming(console, work.folder, path)
        cameras.append(_Camera(name, device, Campaign(work, _Named(quiet, name))))
    _write(folder, cameras)
    _assess(console, cameras)
    found = comparison.compare(_units(cameras), known)
    _write(folder, cameras, found)
    for camera in cameras:
        _report(console, camera, allure=options.allure)
    comparison.show(console, found)
    _write(folder, cameras, found)
    return next(code for code in _ORDER if any(camera.code == code for camera in cameras))


def _assess(console: Console, cameras: Sequence[_Camera]) -> None:
    campaigns = [camera.campaign for camera in cameras]
    with (
        ThreadPoolExecutor(max_workers=len(cameras)) as pool,
        interrupted_by_terminate(campaigns),
    ):
        futures = [pool.submit(_in_own_folder, campaign) for campaign in campaigns]
        _wait(console, campaigns, futures)
    for camera, future in zip(cameras, futures, strict=True):
        if isinstance(error := future.exception(), Exception):
            camera.failed(error)
        else:
            camera.record = future.result()


def _in_own_folder(campaign: Campaign) -> Assessment:
    campaign.folder.mkdir(exist_ok=True)
    return campaign.run()


def _wait(
    console: Console, campaigns: Sequence[Campaign], futures: Sequence[Future[Assessment]]
) -> None:
    """Wait for every run; Ctrl-C interrupts them all, and once more kills them."""
    try:
        concurrent.futures.wait(futures)
    except KeyboardInterrupt:
        console.print("interrupting every camera's run ...")
        for campaign in campaigns:
            campaign.interrupt()
        try:
            concurrent.futures.wait(futures)
        except KeyboardInterrupt:
            for campaign in campaigns:
                campaign.kill()
            concurrent.futures.wait(futures)


def _units(cameras: Sequence[_Camera]) -> list[Unit]:
    return [
        Unit(camera.name, camera.record, camera.campaign.folder)
        for camera in cameras
        if camera.record is not None
    ]


def _report(console: Console, camera: _Camera, *, allure: bool) -> None:
    console.rule(camera.name)
    if camera.record is None:
        console.print(f"not assessed: {camera.error}", style="bold red", markup=False)
        left_open.tell(console, camera.campaign.folder)
        return
    left_open.tell(console, camera.campaign.folder)
    one_camera.say_how_it_ended(console, camera.campaign)
    folder = camera.campaign.folder
    try:
        code = one_camera.report(console, camera.record, folder, allure=allure)
    except Exception as error:  # noqa: BLE001 - the other cameras still get their reports
        camera.failed(error)
        console.print(f"not reported: {camera.error}", style="bold red", markup=False)
    else:
        camera.code = one_camera.ended(camera.campaign, code)


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


def _write(folder: Path, cameras: Sequence[_Camera], found: Comparison | None = None) -> None:
    """Write ``campaign.json`` in one step; it is there from the start, so that a run can resume."""
    document = {
        "schema_version": 1,
        "cameras": [camera.row() for camera in cameras],
        "across_units": found.plain() if found is not None else None,
    }
    draft = folder / f".{left_open.CAMPAIGN}.new"
    draft.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    draft.replace(folder / left_open.CAMPAIGN)
