"""`camproof restore`: undo what a run that was stopped half-way left on a camera."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from camproof.errors import CommandError, Exit
from camproof.run_folder import CAMPAIGN
from devices import device_file
from devices.description import DeviceFile
from devices.errors import DeviceError
from devices.journal import CHANGES, Change, Journal, JournalError
from devices.permit import Permit
from devices.secrets import Secrets
from fixtures.camera import Camera
from fixtures.undo import Undo

_PATIENCE = 20.0  # s for a run that is ending


def restore(console: Console, folder: Path, device: Path | None) -> Exit:
    """Undo what is open in a run's folder, or in those of a run of several cameras."""
    folders = list(_folders(folder))
    if not folders:
        raise CommandError(f"{folder} holds no {CHANGES}: no run has changed a camera from there")
    if device is not None and len(folders) > 1:
        raise CommandError(f"{folder} is of several cameras: name the folder of one of them")
    codes = [_restore(console, each, device) for each in folders]
    return max(codes)


def tell(console: Console, folder: Path) -> None:
    """Say what a run left open, and how to undo it; nothing when all is put back."""
    for each in _folders(folder):
        try:
            left = Journal.read(each)[0].open()
        except JournalError as error:
            console.print(
                f"what is changed on the camera cannot be told: {error}",
                markup=False,
                soft_wrap=True,
            )
            continue
        if left:
            console.print("left on the camera:", style="bold yellow")
            for change in left:
                console.print(f"  {change.words}", markup=False, soft_wrap=True)
            console.print(f"`camproof restore {each}` puts it right", markup=False, soft_wrap=True)


def _folders(folder: Path) -> Iterator[Path]:
    if (folder / CHANGES).exists():
        yield folder
    try:
        rows = json.loads((folder / CAMPAIGN).read_bytes())["cameras"]
        names = [str(row["folder"]) for row in rows]
    except (OSError, ValueError, LookupError, TypeError):
        return
    for name in names:
        if (folder / name / CHANGES).exists():
            yield folder / name


def _restore(console: Console, folder: Path, path: Path | None) -> Exit:
    try:
        journal, named = Journal.read(folder)
        if not journal.open():
            console.print(f"{folder}: nothing is open", markup=False, soft_wrap=True)
            return Exit.APPROVED
        _take(journal)
    except JournalError as error:
        raise CommandError(str(error)) from error
    path = path or named
    if path is None or not path.exists():
        raise CommandError(
            f"{folder}: the device file {path or ''} is not there any more; name it: "
            f"camproof restore {folder} DEVICE.toml"
        )
    device = device_file.load(path)
    camera = _camera(device, journal)
    try:
        _undo(console, Undo(camera))
    finally:
        camera.close()
        journal.close()
    return _left(console, journal.open())


def _take(journal: Journal) -> None:
    """Take the journal; a run that was killed a moment ago may still be ending."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            return journal.take()
        except JournalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def _camera(device: DeviceFile, journal: Journal) -> Camera:
    secrets = Secrets(device)
    secrets.check()
    for change in journal.open():
        for number, value in enumerate(journal.originals(change)):
            secrets.remember(f"restore.{change.id}.{number}", value)
    granted = device.authorisation
    permit = Permit(granted.addresses, granted.allow, granted.expires, journal)
    return Camera(device, permit, secrets)


def _undo(console: Console, undo: Undo) -> None:
    for change in undo.open():
        if change.kind == "lock":
            continue
        try:
            how = undo.undo(change)
        except DeviceError as error:
            console.print(
                f"not undone: {change.words} ({error})",
                style="yellow",
                markup=False,
                soft_wrap=True,
            )
        else:
            console.print(f"undone: {change.words}: {how}", markup=False, soft_wrap=True)
    locks = undo.open("lock")

    def wait(seconds: float) -> None:
        console.print(f"waiting {seconds:.0f} s for locks to end", markup=False, soft_wrap=True)
        time.sleep(seconds)

    undo.undo_locks(wait)
    still = {change.id for change in undo.open("lock")}
    for change in locks:
        if change.id not in still:
            console.print(
                f"undone: {change.subject} logs in over {change.via}", markup=False, soft_wrap=True
            )


def _left(console: Console, left: list[Change]) -> Exit:
    if not left:
        console.print("nothing is open any more")
        return Exit.APPROVED
    console.print("a person has to do:", style="bold yellow")
    for change in left:
        console.print(f"  {change.words}", markup=False, soft_wrap=True)
    return Exit.INCOMPLETE
