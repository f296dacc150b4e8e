"""Starting an emulated camera from another program: a context that ends with it."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

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
    ) -> None:
        self._posture = dict(posture or {})
        self._state = state
        self._factory = factory
        self._device_file = device_file
        self._address = address
        self._unit = unit
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Ready:
        state = self._state
        if state is None:
            self._folder = tempfile.TemporaryDirectory(prefix="camproof-")
            state = Path(self._folder.name)
        state.mkdir(parents=True, exist_ok=True)
        self._log = (state / "emulator.log").open("ab")
        command = [sys.executable, "-m", "devices.emulated", "--lifeline", "--state", str(state)]
        command += ["--posture", json.dumps(self._posture), "--unit", str(self._unit)]
        if self._factory:
            command.append("--factory")
        if self._device_file is not None:
            command += ["--write-device-file", str(self._device_file)]
        if self._address is not None:
            command += ["--address", self._address]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
        )
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
        process = self._process
        if process is not None:
            assert process.stdin is not None  # asked for above
            assert process.stdout is not None
            process.stdin.close()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
        self._log.close()
        if self._folder is not None:
            self._folder.cleanup()

    def _ready(self, state: Path) -> Ready:
        assert self._process is not None  # started just before
        assert self._process.stdout is not None
        line = _line(self._process.stdout.fileno(), START_LIMIT)
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
