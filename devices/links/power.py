"""Power control of the camera by the bench: a REST relay, or commands.

The relay is bench equipment that the device file names, so it needs no permit for its address;
whether power may be cut at all is the authorisation's ``power``.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from devices.description import DeviceFile
from devices.errors import BenchError, OutsideAuthorisation
from devices.links import bench_control
from devices.permit import Permit
from devices.secrets import Secrets


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
        self._permit.journal.begin("power")
        self._switch("0", self._power.off)

    def on(self) -> None:
        """Give power; returns at once, not when the camera has started."""
        self._switch("1", self._power.on)
        self._permit.journal.ended("power")

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
            bench_control.put("power relay", self._power.url, state)
        elif command is not None:
            bench_control.run("power command", command)


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
