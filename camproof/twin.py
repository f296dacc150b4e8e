"""One emulated camera under the suite, in this process: the unit of work of ``selftest``.

Importing this module loads everything that an assessment needs, so that a process forked from one
that did can begin at once.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import fixtures.plugin
from camproof.campaign import CAME_TO_AN_END, FOREIGN_SETTINGS, Job, pytest_arguments
from conformance import assessment, catalogue
from conformance.verdict import Verdict
from devices.emulated.bench.launch import EmulatedCamera
from devices.errors import DeviceError

_CAMERA = (
    "devices.emulated.camera",
    "devices.emulated.bench.declaration",
    "devices.emulated.bench.provision",
    "devices.emulated.video.source",
)

for _module in (*fixtures.plugin.pytest_plugins, *_CAMERA):
    importlib.import_module(_module)
catalogue.load()


@dataclass
class Outcome:
    """What the suite said of one camera; ``error`` says why it said nothing."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    error: str = ""


def assess(posture: Mapping[str, Any], select: str, folder: Path) -> Outcome:
    """Start a camera with this posture and run the selected test cases into ``folder``."""
    folder.mkdir(parents=True)
    _print_into(folder / "pytest.log")
    for name in FOREIGN_SETTINGS:
        os.environ.pop(name, None)
    outcome = Outcome()
    try:
        with EmulatedCamera(posture, forked=True) as ready:
            code = pytest.main(pytest_arguments(Job(ready.device_file, folder, select=select)))
        if code not in CAME_TO_AN_END:
            outcome.error = f"the suite itself failed; {folder / 'pytest.log'} says why"
        for result in assessment.read(folder).results:
            outcome.verdicts[result.id] = result.verdict
            if result.verdict != Verdict.PASS:
                outcome.reasons[result.id] = result.reason
    except (DeviceError, assessment.AssessmentError) as error:
        outcome.error = str(error)
    return outcome


def _print_into(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
