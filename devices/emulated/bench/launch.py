"""Starting an emulated camera from another program: a context that ends with it."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Protocol

from devices.emulated.bench.fork import ForkedProcess
from devices.errors import BenchError

START_LIMIT = 60.0
"""Seconds that an emulated camera may take to be ready, on a machine under load."""


@dataclass(frozen=True)
class Ready:
    """What a started camera says of itself. ``seconds`` it took; ``serial`` a pyserial URL."""

    seconds: float
    address: str
    device_file: Path
    pty: str
    serial: str
    power: str


class EmulatedCamera:
    """An emulated camera in processes of its own, for the time of a ``with`` block.

    ``posture`` holds the changed fields, ``unit`` numbers the unit (1 to 255). Without ``state``
    it lives in a temporary folder and is gone afterwards. Raises BenchError when the camera does
    not come up.

    ``forked``: its processes are forked from this one, which has no threads and has imported what
    they need (``camproof.twin``), instead of each loading it anew.
    """

    def __init__(
        self,
        posture: Mapping[str, Any] | None = None,
        *,
        state: Path | None = None,
        factory: bool = False,
        device_file: Path | None = None,
        address: str | None = None,
        unit: int = 1,
        forked: bool = False,
    ) -> None:
        self._posture = dict(posture or {})
        self._state = state
        self._factory = factory
        self._device_file = device_file
        self._address = address
        self._unit = unit
        self._forked = forked
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: _Process | None = None

    def __enter__(self) -> Ready:
        state = self._state
        if state is None:
            self._folder = tempfile.TemporaryDirectory(prefix="camproof-")
            state = Path(self._folder.name)
        state.mkdir(parents=True, exist_ok=True)
        self._log = (state / "emulator.log").open("ab")
        words = ["--lifeline", "--state", str(state)]
        words += ["--posture", json.dumps(self._posture), "--unit", str(self._unit)]
        if self._factory:
            words.append("--factory")
        if self._device_file is not None:
            words += ["--write-device-file", str(self._device_file)]
        if self._address is not None:
            words += ["--address", self._address]
        lifeline, self._lifeline = os.pipe()
        self._said, says = os.pipe()
        start = _fork if self._forked else _spawn
        self._process = start(words, lifeline, says, self._log.fileno())
        os.close(lifeline)
        os.close(says)
        try:
            return self._ready(state)
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            os.close(self._lifeline)
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            os.close(self._said)
        self._log.close()
        if self._folder is not None:
            self._folder.cleanup()

    def _ready(self, state: Path) -> Ready:
        line = _line(self._said, START_LIMIT)
        if not line:
            said = (state / "emulator.log").read_text("utf-8", "replace").strip()
            raise BenchError(f"the emulated camera did not start: {said[-2000:] or 'no reason'}")
        facts = json.loads(line)
        return Ready(
            seconds=facts["ready"],
            address=facts["address"],
            device_file=Path(facts["device_file"]),
            pty=facts["pty"],
            serial=facts["serial"],
            power=facts["power"],
        )


class _Process(Protocol):
    """What is needed of a child, spawned or forked."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises subprocess.TimeoutExpired."""

    def kill(self) -> None:
        """End it."""


def _spawn(words: list[str], lifeline: int, says: int, log: int) -> _Process:
    return subprocess.Popen(
        [sys.executable, "-m", "devices.emulated", *words],
        stdin=lifeline,
        stdout=says,
        stderr=log,
        start_new_session=True,
    )


def _fork(words: list[str], lifeline: int, says: int, log: int) -> _Process:
    from devices.emulated import __main__ as program  # noqa: PLC0415 - heavy, and rarely wanted

    def run() -> NoReturn:
        status = 1
        try:
            os.setsid()
            for number, descriptor in enumerate((lifeline, says, log)):
                os.dup2(descriptor, number)
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            status = program.main(words, forked=True)
        except BaseException:  # noqa: BLE001 - the last frame of this process: say why, then end
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)

    return ForkedProcess(run)


def _line(descriptor: int, seconds: float) -> bytes:
    """The next line from a pipe, or nothing when it ended or the time is over."""
    data, deadline = b"", time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while not data.endswith(b"\n"):
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return b""
            piece = os.read(descriptor, 4096)
            if not piece:
                return b""
            data += piece
    return data
