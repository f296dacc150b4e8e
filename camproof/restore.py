"""`camproof restore`: undo what a run that was stopped half-way left on a camera.

Exit codes: 0 nothing is open any more, 2 nothing could be begun (no journal there, a run that is
still going on, a device file that is missing, wrong or out of date), 3 a person has to do the
rest, 4 the suite itself failed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from camproof import by_hand, left_open
from camproof.errors import CommandError, Exit
from camproof.left_open import damage, folders, say
from camproof.resume import DEMONSTRATION
from devices import device_file
from devices.description import DeviceFile
from devices.errors import DeviceError, DeviceFileError, OutsideAuthorisation, Unreachable
from devices.journal import CHANGES, Change, Journal, JournalBusy, JournalError, Kind, surface
from devices.permit import Permit
from devices.secrets import Secrets
from fixtures.camera import Camera
from fixtures.undo import Undo, who_answers

_PATIENCE = 20.0  # s for a run that is ending
_SHUT_OUT: tuple[Kind, ...] = ("factory", "firmware", "password", "lock", "clock")
"""Changes after which a camera may let nobody ask for its serial number."""


def restore(
    console: Console, folder: Path, files: Sequence[Path] = (), *, same_unit: bool = False
) -> Exit:
    """Undo what is open in a run's folder, or in those of a run of several cameras.

    ``files``: device files to use instead of those of the run, each for the unit it names.
    ``same_unit``: do not ask the camera which unit it is. What is wrong with one camera's folder
    keeps no other from being undone. Raises CommandError when no run has changed anything there.
    """
    found = list(folders(folder))
    if not found:
        raise CommandError(f"{folder} holds no {CHANGES}: no run has changed a camera from there")
    devices = {path: device_file.load(path) for path in files}
    codes = []
    for each in found:
        if len(found) > 1:
            console.rule(each.name)
        try:
            codes.append(_restore(console, each, devices, same_unit=same_unit))
        except (CommandError, DeviceFileError) as error:
            if len(found) == 1:
                raise
            say(console, f"not restored: {error}", "bold red")
            codes.append(error.code if isinstance(error, CommandError) else Exit.USAGE)
    return max(codes)


def before_resuming(console: Console, folder: Path, path: Path) -> None:
    """Put back what a run left before it goes on: on a changed camera verdicts say nothing.

    Raises CommandError when that cannot be done wholly.
    """
    if not left_open.is_open(folder):
        return
    say(console, f"first what the run in {folder} left on the camera is put back:")
    if (code := restore(console, folder, [path])) is not Exit.APPROVED:
        raise CommandError(
            f"cannot resume: the camera is not as it was; put it right, until `camproof restore "
            f"{folder}` says that nothing is open, or run anew with another --output",
            code,
        )


def _restore(
    console: Console, folder: Path, devices: dict[Path, DeviceFile], *, same_unit: bool
) -> Exit:
    journal = _taken(console, folder)
    try:
        if journal.damaged:
            say(console, damage(journal), "bold yellow")
        if (folder / DEMONSTRATION).exists():
            say(console, f"{folder}: it was a demonstration, whose emulated camera is gone")
            left_open.close(journal)
        elif journal.open():
            device, path = _device(folder, journal, devices)
            camera = _camera(device, journal, path)
            try:
                whole = _undo(console, Undo(camera), camera, same_unit=same_unit)
            finally:
                camera.close()
            if not whole or journal.open():
                return _left(console, journal.open(), device, folder)
            say(console, "nothing is open any more")
        else:
            say(console, f"{folder}: nothing is open")
    except JournalError as error:
        raise CommandError(f"{error}; what was undone until then is undone") from error
    finally:
        journal.close()
    return Exit.INCOMPLETE if journal.damaged else Exit.APPROVED


def _taken(console: Console, folder: Path) -> Journal:
    """Take the journal; a run that was killed a moment ago may still be ending."""
    end, told = time.monotonic() + _PATIENCE, False
    while True:
        try:
            return Journal.taken(folder, damaged=True)
        except JournalBusy as error:
            if time.monotonic() > end:
                raise CommandError(
                    f"{error}; nothing is undone under its hands: wait for its end, or interrupt it"
                ) from error
            if not told:
                say(console, "a run still writes there; waiting for its end ...")
                told = True
            time.sleep(0.2)
        except JournalError as error:
            raise CommandError(_advice(folder, str(error))) from error


def _advice(folder: Path, problem: str) -> str:
    if "written" not in problem:
        return problem
    return f"{problem}; copy {folder} to where it can be written (cp -a), and restore from there"


def _device(
    folder: Path, journal: Journal, devices: dict[Path, DeviceFile]
) -> tuple[DeviceFile, Path]:
    """The device file of the journal's unit. Raises CommandError, DeviceFileError."""
    unit = journal.unit
    for path, device in devices.items():
        if not unit.serial or device.device.serial == unit.serial:
            return device, path
    if devices:
        named = ", ".join(f"{path} is of {d.device.serial}" for path, d in devices.items())
        raise CommandError(f"{folder} is of {unit}, and {named}: name a device file of that unit")
    own = journal.device_file
    if own is None or not own.exists():
        raise CommandError(
            f"{folder}: the device file {own or ''} is not there any more; name it: "
            f"camproof restore {folder} DEVICE.toml"
        )
    device = device_file.load(own)
    if unit.serial and device.device.serial != unit.serial:
        raise CommandError(
            f"{folder} is of {unit}, and {own} is of {device.device.serial} by now: name a device "
            f"file of that unit: camproof restore {folder} DEVICE.toml"
        )
    return device, own


def _camera(device: DeviceFile, journal: Journal, path: Path) -> Camera:
    """The camera, with every password of the journal known for what is printed."""
    secrets = Secrets(device)
    secrets.check()
    for change in journal.open():
        for number, value in enumerate(journal.originals(change)):
            secrets.remember(f"restore.{change.id}.{number}", value)
    granted = device.authorisation
    permit = Permit(granted.addresses, granted.allow, granted.expires, journal)
    try:
        permit.address(device.host)
    except OutsideAuthorisation as error:
        raise CommandError(
            f"{error}; whoever grants the test has to allow that the camera is put right: extend "
            f"[authorisation] in {path}"
        ) from error
    except Unreachable:
        pass  # the name may be known again once the camera is up
    return Camera(device, permit, secrets)


def _undo(console: Console, undo: Undo, camera: Camera, *, same_unit: bool) -> bool:
    """Undo everything that can be; False when the camera could not be asked at all."""
    for change in undo.open("power", "firmware"):
        _try(console, undo, change)
    if not _reached(console, camera):
        return False
    for change in undo.of_administrators():
        _try(console, undo, change)
    if not same_unit and not undo.of_administrators() and not _same_unit(console, camera, undo):
        return False
    for change in undo.open():
        if change.kind not in ("power", "firmware", "lock"):
            _try(console, undo, change)
    _last_resort(console, undo)
    _undo_locks(console, undo)
    return True


def _try(console: Console, undo: Undo, change: Change) -> None:
    try:
        how = undo.undo(change)
    except DeviceError as error:
        say(console, undo.redacted(f"not undone: {change.what}; {error}"), "yellow")
    else:
        say(console, f"undone: {change.what}; now {how}")


def _reached(console: Console, camera: Camera) -> bool:
    """Whether any declared service answers within the time that the camera needs to start."""
    if not camera.named() or camera.wait_answers(0):
        return True
    seconds = camera.device.bench.boot_seconds
    say(console, f"the camera does not answer; waiting up to {seconds:.0f} s ...")
    if camera.wait_answers(seconds):
        return True
    say(
        console,
        f"no declared service answers at {camera.device.host}: is the camera off, or has it moved "
        "to another address? Then write the address into the device file, links and "
        "[authorisation] alike, and restore again",
        "bold red",
    )
    return False


def _same_unit(console: Console, camera: Camera, undo: Undo) -> bool:
    """Whether the run's own unit answers; a run may itself have shut out whoever asks."""
    unit = undo.journal.unit
    found = who_answers(camera, unit)
    if found.other:
        why = f"another unit answers at {camera.device.host}: {found.other}"
    elif found.silent and not undo.open(*_SHUT_OUT):
        why = undo.redacted(f"whether it is the same unit cannot be asked: {found.silent}")
    else:
        return True
    say(
        console,
        f"{why}; the run was of {unit}. Nothing is undone. Put that unit there, or where it is "
        "the same one say so: --same-unit",
        "bold red",
    )
    return False


def _last_resort(console: Console, undo: Undo) -> None:
    try:
        if undo.last_resort():
            say(console, "undone: the declared state is put back by [bench.restore]")
    except DeviceError as error:
        say(console, undo.redacted(f"not undone by [bench.restore]: {error}"), "yellow")


def _undo_locks(console: Console, undo: Undo) -> None:
    locks = undo.open("lock")

    def wait(seconds: float) -> None:
        say(console, f"waiting {seconds:.0f} s for locks to end")
        time.sleep(seconds)

    undo.undo_locks(wait)
    still = {change.id for change in undo.open("lock")}
    for change in locks:
        if change.id not in still:
            say(
                console,
                f"undone: the lock of {change.subject} over {surface(change.via)} has ended",
            )


def _left(console: Console, left: Sequence[Change], device: DeviceFile, folder: Path) -> Exit:
    say(console, "a person has to do:", "bold yellow")
    for change in left:
        say(console, f"  {change.words}")
        say(console, f"    {by_hand.steps(change, device, folder)}")
    return Exit.INCOMPLETE
