"""One run: a pytest process for each camera, its events shown, its assessment reported."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from camproof import __version__
from camproof.errors import CommandError, Exit
from conformance import assessment
from conformance.assessment import Assessment, AssessmentError

Listener = Callable[[dict[str, Any]], None]
"""Is called with each event of a run, in the order they happen; see ``fixtures.events``."""

STOP_LIMIT = 15.0
"""Seconds that an interrupted run has to write what it obtained."""


@dataclass
class Job:
    """One camera to assess. ``folder`` exists; ``profiles`` may be empty for the default."""

    device_file: Path
    folder: Path
    profiles: Sequence[str] = ()
    select: str = ""
    tests: Sequence[Path] = ()
    resume: bool = False
    environment: dict[str, str] = field(default_factory=dict)


class Campaign:
    """The running of one job. ``interrupt`` may be called from another thread.

    ``broken``: pytest ended before its time, and nobody asked it to.
    """

    def __init__(self, job: Job, listener: Listener) -> None:
        self._job = job
        self._listener = listener
        self._process: subprocess.Popen[bytes] | None = None
        self.interrupted = False
        self.broken = False

    def run(self) -> Assessment:
        """Assess the camera; returns what was obtained, also after an interruption.

        Raises CommandError (exit code 4) when pytest ended without leaving an assessment.
        """
        read_end, write_end = os.pipe()  # events, from the run
        ended, lifeline = os.pipe()  # its end tells the run that we are gone
        log_path = self._job.folder / "pytest.log"
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "pytest", *pytest_arguments(self._job)),
                    *("--camproof-events-fd", str(write_end)),
                    *("--camproof-lifeline-fd", str(ended)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(write_end, ended),
                cwd=self._job.folder,
                env={**os.environ, **_same_suite(), **self._job.environment},
                start_new_session=True,
            )
        os.close(write_end)
        os.close(ended)
        follower = threading.Thread(target=self._follow, args=(read_end,), daemon=True)
        follower.start()
        self._wait()
        os.close(lifeline)
        follower.join(timeout=5)
        record = self._obtained(log_path)
        self.broken = record.finished is None and bool(record.results) and not self.interrupted
        return record

    def interrupt(self) -> None:
        """Stop after writing what was obtained."""
        self.interrupted = True
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def _wait(self) -> None:
        assert self._process is not None  # run() has started it
        try:
            self._process.wait()
        except KeyboardInterrupt:
            self.interrupt()
            try:
                self._process.wait(timeout=STOP_LIMIT)
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                self._process.kill()
                self._process.wait()

    def _follow(self, descriptor: int) -> None:
        with os.fdopen(descriptor, "rb") as stream:
            for line in stream:
                self._listener(json.loads(line))

    def _obtained(self, log: Path) -> Assessment:
        try:
            return assessment.read(self._job.folder)
        except AssessmentError:
            said = log.read_text("utf-8", "replace").strip()[-3000:]
            raise CommandError(
                f"the suite itself failed before it had any result; {log} says:\n{said}", Exit.SUITE
            ) from None


def _same_suite() -> dict[str, str]:
    """Let the child import the packages that this process has: it starts in another folder."""
    home = str(Path(str(files("conformance"))).parent)
    inherited = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join((home, inherited)) if inherited else home}


def pytest_arguments(job: Job) -> list[str]:
    """What pytest is called with to run one job."""
    conformance = Path(str(files("conformance")))
    arguments = ["-p", "fixtures.plugin", "-p", "no:cacheprovider", "-c", os.devnull]
    # pytest's own traceback styles parse sources, which CPython 3.11 cannot do in two threads at
    # once (gh-106905): a link's thread that logs a failure would end the whole run.
    arguments += ["--rootdir", str(conformance.parent), "--no-header", "-q", "--tb=native"]
    arguments += ["-W", "ignore::pytest.PytestConfigWarning"]
    arguments += ["--alluredir", str(job.folder / "allure-results")]
    arguments += ["--camproof-device", str(job.device_file), "--camproof-output", str(job.folder)]
    arguments += ["--camproof-version", __version__, "--camproof-select", job.select]
    for profile in job.profiles:
        arguments += ["--camproof-profile", profile]
    for folder in job.tests:
        arguments += ["--camproof-tests", str(folder)]
    if job.resume:
        arguments.append("--camproof-resume")
    return [*arguments, str(conformance), *map(str, job.tests)]


def exit_code(record: Assessment) -> Exit:
    """The exit code that an assessment stands for."""
    return {
        "APPROVED": Exit.APPROVED,
        "REJECTED": Exit.REJECTED,
        "INCOMPLETE": Exit.INCOMPLETE,
    }[record.decision.verdict]
