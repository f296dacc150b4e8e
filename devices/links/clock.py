"""Control of the camera's clock by the bench: a REST device, or a command.

The device is bench equipment that the device file names, so it needs no permit for its address;
whether the clock may be moved at all is the authorisation's ``settings``.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from devices.description import DeviceFile
from devices.errors import BenchError, OutsideAuthorisation
from devices.permit import Permit
from devices.secrets import Secrets

_LIMIT = 30.0  # s for the device or the command to do it


class ClockControl:
    """Moves the clock of one camera. Every method raises BenchError when the bench fails."""

    def __init__(self, device: DeviceFile, permit: Permit, secrets: Secrets) -> None:
        del secrets
        if device.bench.clock is None:
            raise BenchError("the device file gives no [bench.clock]")
        self._clock = device.bench.clock
        self._permit = permit

    @contextmanager
    def moved(self, seconds: float) -> Iterator[None]:
        """Have the clock ``seconds`` ahead of the true time, and right again afterwards."""
        if not self._permit.permits("settings"):
            raise OutsideAuthorisation("authorisation.allow does not name 'settings'")
        try:
            self._set(seconds)
            yield
        finally:
            self._set(0)

    def _set(self, seconds: float) -> None:
        text = f"{seconds:.0f}"
        if self._clock.url is not None:
            self._put(self._clock.url, text)
        elif self._clock.command is not None:
            self._run([part.replace("{seconds}", text) for part in self._clock.command])

    @staticmethod
    def _put(url: str, text: str) -> None:
        try:
            answer = requests.put(url, data=text, timeout=_LIMIT, allow_redirects=False)
        except requests.RequestException as error:
            raise BenchError(f"clock control {url}: {error}") from error
        if not answer.ok:
            raise BenchError(f"clock control {url}: answered {answer.status_code} to PUT {text}")

    @staticmethod
    def _run(command: list[str]) -> None:
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=_LIMIT,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BenchError(f"clock command {command[0]}: {error}") from error
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()[-200:]
            raise BenchError(f"clock command {command[0]} ended with {done.returncode}: {said}")
