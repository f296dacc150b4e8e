"""Power control of the camera by the bench: a REST relay, or commands.

The relay is bench equipment that the device file names, so it needs no permit for its address;
whether power may be cut at all is the authorisation's ``power``.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

import requests

from devices.description import DeviceFile
from devices.errors import BenchError, OutsideAuthorisation
from devices.permit import Permit
from devices.secrets import Secrets

_LIMIT = 30.0  # s for the relay or the command to do it


class PowerControl:
    """Switches one camera off and on. Every method raises BenchError when the bench fails."""

    def __init__(self, device: DeviceFile, permit: Permit, secrets: Secrets) -> None:
        del secrets
        if device.bench.power is None:
            raise BenchError("the device file gives no [bench.power]")
        self._power = device.bench.power
        self._permit = permit

    def off(self) -> None:
        """Cut the power."""
        self._switch("0", self._power.off)

    def on(self) -> None:
        """Give power; returns at once, not when the camera has started."""
        self._switch("1", self._power.on)

    def cycle(self) -> None:
        """Cut the power, wait until the camera is surely dead, and give power again.

        An interruption may not leave the camera without power.
        """
        try:
            self.off()
            time.sleep(self._power.off_seconds)
        finally:
            self.on()

    def _switch(self, state: str, command: list[str] | None) -> None:
        if not self._permit.permits("power"):
            raise OutsideAuthorisation("authorisation.allow does not name 'power'")
        if self._power.url is not None:
            self._put(self._power.url, state)
        elif command is not None:
            self._run(command)

    @staticmethod
    def _put(url: str, state: str) -> None:
        try:
            answer = requests.put(url, data=state, timeout=_LIMIT, allow_redirects=False)
        except requests.RequestException as error:
            raise BenchError(f"power relay {url}: {error}") from error
        if not answer.ok:
            raise BenchError(f"power relay {url}: answered {answer.status_code} to PUT {state}")

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
            raise BenchError(f"power command {command[0]}: {error}") from error
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()[-200:]
            raise BenchError(f"power command {command[0]} ended with {done.returncode}: {said}")


class ColdStart:
    """The best restart that a bench can do: by the power, else by the camera's own restart."""

    def __init__(self, power: PowerControl | None, reboot: Callable[[], object] | None) -> None:
        self._power = power
        self._reboot = reboot

    def begin(self) -> None:
        """Restart; returns at once. Raises BenchError when the bench can do neither."""
        if self._power is not None:
            self._power.cycle()
        elif self._reboot is not None:
            self._reboot()
        else:
            raise BenchError(
                "the bench cannot restart the camera: the device file gives neither [bench.power] "
                "nor [links.onvif]"
            )
