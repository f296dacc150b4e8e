"""What runs have left open on cameras, as far as their folders tell: found, and said."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from devices.description import DeviceFile
from devices.journal import CHANGES, Journal, JournalError

CAMPAIGN = "campaign.json"
"""Names the cameras of a run of several, each with its folder."""

_MOST = 500
"""Most folders beside a run's own that are looked at: an archive of years is not searched."""


def folders(folder: Path) -> Iterator[Path]:
    """The folder of a run, or those of a run of several cameras, that hold a journal."""
    if (folder / CHANGES).exists():
        yield folder
    try:
        rows = json.loads((folder / CAMPAIGN).read_bytes())["cameras"]
        names = [str(row["folder"]) for row in rows]
    except (OSError, ValueError, LookupError, TypeError):
        return
    for name in dict.fromkeys(names):
        if Path(name).name == name and (folder / name / CHANGES).exists():
            yield folder / name


def tell(console: Console, folder: Path) -> None:
    """Say what a run left open, and how to undo it; nothing when all is put back."""
    for each in folders(folder):
        try:
            journal, _ = Journal.read(each, damaged=True)
        except JournalError as error:
            say(console, f"what is changed on the camera cannot be told: {error}", "bold red")
            continue
        left = journal.open()
        if left:
            unit = f" {journal.unit}" if str(journal.unit) else ""
            say(console, f"left on the camera{unit}:", "bold yellow")
            for change in left:
                say(console, f"  {change.words}")
        if journal.damaged:
            say(console, f"  {damage(journal)}", "yellow")
        if left or journal.damaged:
            say(console, f"`camproof restore {each}` puts it right")


def tell_earlier(console: Console, folder: Path, devices: Sequence[DeviceFile]) -> None:
    """Say which runs whose folders lie beside this one left these cameras changed."""
    for earlier in beside(folder, {device.device.serial for device in devices}):
        say(console, f"an earlier run, in {earlier}, is not undone:", "bold yellow")
        tell(console, earlier)


def beside(folder: Path, serials: set[str]) -> list[Path]:
    """Folders of runs beside ``folder`` that left something open on one of these units."""
    found = []
    try:
        others = sorted(one for one in folder.parent.iterdir() if one.is_dir() and one != folder)
    except OSError:
        return []
    for each in (run for other in others[-_MOST:] for run in folders(other)):
        try:
            journal, _ = Journal.read(each, damaged=True)
        except JournalError:
            continue  # it is asked about when somebody restores it
        if journal.unit.serial in serials and journal.open():
            found.append(each)
    return found


def is_open(folder: Path) -> bool:
    """Whether a journal in a run's folders says that something is open, or cannot be read."""
    for each in folders(folder):
        try:
            if Journal.read(each)[0].open():
                return True
        except JournalError:
            return True
    return False


def emulated_camera_is_gone(folder: Path) -> None:
    """Close the journal of a demonstration: its camera ends with it, and all that was changed."""
    if not is_open(folder):
        return
    journal = Journal.taken(folder, damaged=True)
    close(journal)
    journal.close()


def close(journal: Journal) -> None:
    """End every change of a demonstration's journal."""
    for change in journal.open():
        journal.end(change.id, "the emulated camera is gone")


def damage(journal: Journal) -> str:
    """Which lines of a journal could not be read, and what that means."""
    lines = ", ".join(map(str, journal.damaged[:8]))
    return (
        f"line {lines} of {CHANGES} cannot be read: what stood there may be open or not; see that "
        "the camera has no user, password or setting but those it had"
    )


def say(console: Console, text: str, style: str = "") -> None:
    """One line, as long as it is, with nothing in it taken for markup."""
    console.print(text, style=style or None, markup=False, soft_wrap=True, highlight=False)
