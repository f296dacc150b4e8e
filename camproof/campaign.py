"""One run: a pytest process for each camera, its events shown, its assessment reported."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from camproof import __version__
from camproof.errors import CommandError, Exit
from conformance import assessment
from conformance.assessment import Assessment, AssessmentError

Listener = Callable[[dict[str, Any]], None]
"""Is called with each event of a run, in the order they happen; see ``fixtures.events``."""

STOP_LIMIT = 15.0
"""Seconds that an interrupted run has to write what it obtained."""

CAME_TO_AN_END = frozenset(
    {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED}
)
"""How pytest ends a run by itself; the last when nothing was left to resume."""

FOREIGN_SETTINGS = frozenset(
    {"PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTHONOPTIMIZE"}
)
"""Variables that a user set for other tests; each can take away test cases or their assertions."""


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
    """The running of one job. ``interrupt`` and ``kill`` may be called from elsewhere.

    ``broken``: pytest ended otherwise than after its last test case, and nobody asked it to.
    """

    def __init__(self, job: Job, listener: Listener) -> None:
        self._job = job
        self._listener = listener
        self._process: subprocess.Popen[bytes] | None = None
        self._signalled = threading.RLock()  # re-entrant: a signal handler runs in any line
        self._limit: threading.Timer | None = None
        self.interrupted = False
        self.broken = False

    @property
    def folder(self) -> Path:
        """Where the run writes to."""
        return self._job.folder

    def run(self) -> Assessment:
        """Assess the camera; returns what was obtained, also after an interruption.

        Raises CommandError when pytest ended without writing an assessment: exit code 3 when it
        was interrupted, else 4.
        """
        before = _written(self._job.folder)
        log_path = self._job.folder / "pytest.log"
        returncode = self._run_pytest(log_path)
        if _written(self._job.folder) == before:
            raise self._nothing_obtained(log_path)
        record = self._obtained(log_path)
        finished = record.finished is not None and returncode in CAME_TO_AN_END
        self.broken = not finished and not self.interrupted
        return record

    def interrupt(self) -> None:
        """Stop after writing what was obtained, or hard after STOP_LIMIT."""
        with self._signalled:
            self.interrupted = True
            if self._process is None or self._limit is not None:
                return
            self._process.send_signal(signal.SIGINT)
            self._limit = threading.Timer(STOP_LIMIT, self.kill)
            self._limit.daemon = True
            self._limit.start()

    def kill(self) -> None:
        """Stop at once; what was written stays."""
        self.interrupted = True
        if self._process is not None:
            self._process.kill()

    def _run_pytest(self, log_path: Path) -> int:
        read_end, write_end = os.pipe()  # events, from the run
        ended, lifeline = os.pipe()  # its end tells the run that we are gone
        with log_path.open("ab") as log:
            process = subprocess.Popen(
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
                env=_environment(self._job),
                start_new_session=True,
            )
        os.close(write_end)
        os.close(ended)
        self._process = process
        if self.interrupted:  # before there was anything to signal
            self.interrupt()
        follower = threading.Thread(target=self._follow, args=(read_end,), daemon=True)
        follower.start()
        self._wait(process)
        os.close(lifeline)
        follower.join(timeout=5)
        return process.returncode

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        try:
            process.wait()
        except KeyboardInterrupt:
            self.interrupt()
            try:
                process.wait()
            except KeyboardInterrupt:
                self.kill()
                process.wait()
        finally:
            if self._limit is not None:
                self._limit.cancel()

    def _follow(self, descriptor: int) -> None:
        with os.fdopen(descriptor, "rb") as stream:
            for line in stream:
                if not line.endswith(b"\n"):
                    break  # the run was killed while it wrote
                self._listener(json.loads(line))

    def _obtained(self, log: Path) -> Assessment:
        try:
            return assessment.read(self._job.folder)
        except AssessmentError:
            raise self._nothing_obtained(log) from None

    def _nothing_obtained(self, log: Path) -> CommandError:
        if self.interrupted:
            return CommandError(
                f"{self._job.folder}: interrupted before there was any result", Exit.INCOMPLETE
            )
        said = _reason(log.read_text("utf-8", "replace").strip())
        return CommandError(
            f"the suite itself failed before it had any result; {log} says:\n{said}", Exit.SUITE
        )


@contextmanager
def interrupted_by_terminate(campaigns: Sequence[Campaign]) -> Iterator[None]:
    """Within the block, SIGTERM interrupts the campaigns as Ctrl-C does."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for campaign in campaigns:
            campaign.interrupt()

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous or signal.SIG_DFL)


def _written(folder: Path) -> tuple[int, int] | None:
    """Which assessment lies in ``folder``: each writing of it makes a new file."""
    try:
        found = (folder / assessment.FILE_NAME).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _reason(said: str) -> str:
    """What of pytest's output tells why it ended: how the output ends, and its errors before that.

    An error may come first: it is not written through the same buffer as the rest.
    """
    end = said[-3000:]
    earlier = [line for line in said[:-3000].splitlines() if line.startswith("ERROR: ")]
    return "\n".join((*earlier, end))


def _environment(job: Job) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name not in FOREIGN_SETTINGS}
    return {**own, **_same_suite(), **job.environment}


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
    arguments += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # fixtures assert nothing
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
