"""May a run go on in its folder? Only with the same camera, by the same suite, asked the same way.

Everything is compared before anything is started: results of another camera, taken over, would
become verdicts about this one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from camproof import __version__
from camproof.errors import CommandError
from conformance import assessment
from conformance.assessment import Assessment, AssessmentError, Suite
from conformance.catalogue import Catalogue
from devices import device_file
from devices.description import DeviceFile
from fixtures.run_record import DEFAULT_PROFILES, blank

DEMONSTRATION = "demonstration.json"
"""What the emulated camera of a demonstration was made to do wrong.

Only this module reads it. The suite must find out by itself.
"""

_MOST = 8
"""Most differences that are named: enough to see what happened."""


def check_run(folder: Path, device: DeviceFile, known: Catalogue, profiles: Sequence[str]) -> None:
    """Raise CommandError unless the run in ``folder`` was of this device file and goes on."""
    earlier = _read(folder)
    now = blank(known, device, list(profiles or DEFAULT_PROFILES), __version__)
    different = assessment.differences(earlier, now)
    if (folder / DEMONSTRATION).exists():
        different.append("it was a demonstration of `camproof demo`")
    different += _device_file(folder / "device.json", device_file.redacted(device))
    _refuse(folder, different)


def check_demonstration(
    folder: Path,
    faults: Sequence[str],
    posture: Mapping[str, Any],
    known: Catalogue,
    profiles: Sequence[str],
) -> None:
    """Raise CommandError unless the run in ``folder`` was a demonstration with these faults.

    The emulated camera is another one each time, so its device file is not compared.
    """
    earlier = _read(folder)
    suite = Suite(version=__version__, catalogue_sha256=known.sha256)
    same = {
        "demonstration": True,
        "suite": suite,
        "profiles": list(profiles or DEFAULT_PROFILES),
    }
    different = assessment.differences(earlier, earlier.model_copy(update=same))
    try:
        before = json.loads((folder / DEMONSTRATION).read_bytes())
    except (OSError, ValueError):
        different.append(f"it has no {DEMONSTRATION}, which says what the camera did")
    else:
        if before != _demonstration(faults, posture):
            different.append(f"the camera had {_words(before)} and now has {_words(faults)}")
    _refuse(folder, different)


def note_demonstration(folder: Path, faults: Sequence[str], posture: Mapping[str, Any]) -> None:
    """Keep for a later ``--resume`` what this demonstration is of."""
    document = _demonstration(faults, posture)
    (folder / DEMONSTRATION).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _demonstration(faults: Sequence[str], posture: Mapping[str, Any]) -> dict[str, Any]:
    return {"schema_version": 1, "faults": sorted(faults), "posture": dict(posture)}


def _read(folder: Path) -> Assessment:
    try:
        return assessment.read(folder)
    except AssessmentError as error:
        raise CommandError(
            f"cannot resume: {error}\nGive another --output, without --resume, to run anew."
        ) from error


def _refuse(folder: Path, different: Sequence[str]) -> None:
    if different:
        shown = "".join(f"\n  {line}" for line in different[:_MOST])
        more = f"\n  and {len(different) - _MOST} more" if len(different) > _MOST else ""
        raise CommandError(
            f"cannot resume: the run in {folder} is not this one:{shown}{more}\n"
            "Its results would not be of this run. Resume it as it was begun, or give another "
            "--output, without --resume, to run anew."
        )


def _device_file(path: Path, now: dict[str, Any]) -> list[str]:
    """Keys of the device file that are not as they were; a run killed early recorded none."""
    try:
        before = json.loads(path.read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, ValueError):
        return [f"{path.name}, the device file as it was, cannot be read"]
    if not isinstance(before, dict):
        return [f"{path.name} does not hold the device file as it was"]
    return [
        f"the device file's {table} has been changed"
        for table in dict.fromkeys((*before, *now))
        if before.get(table) != now.get(table)
    ]


def _words(faults: object) -> str:
    named = faults.get("faults") if isinstance(faults, dict) else faults
    return ", ".join(map(str, named)) if isinstance(named, list) and named else "no fault"
