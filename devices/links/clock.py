"""Control of the camera's clock by the bench: a REST device, or a command.

The device is bench equipment that the device file names, so it needs no permit for its address;
whether the clock may be moved at all is the authorisation's ``settings``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from devices.description import DeviceFile
from devices.errors import BenchError, OutsideAuthorisation
from devices.links import bench_control
from devices.permit import Permit
from devices.secrets import Secrets


class ClockControl:
    """Moves the clock of one camera. Every method raises BenchError when the bench fails."""

    def __init__(self, device: DeviceFile, permit: Permit, secrets: Secrets) -> None:
        del secrets
        if device.bench.clock is None:
            raise BenchError("the device file gives no [bench.clock]")
        self._clock = device.bench.clock
        self._permit = permit

    def put_right(self) -> None:
        """Have the clock at the true time; also raises OutsideAuthorisation."""
        if not self._permit.permits("settings"):
            raise OutsideAuthorisation("authorisation.allow does not name 'settings'")
        self._set(0)
        self._permit.journal.ended("clock")

    @property
    def counts(self) -> bool:
        """Whether what the camera counts in seconds is declared to follow its clock."""
        return self._clock.counts

    @contextmanager
    def moved(self, seconds: float) -> Iterator[None]:
        """Have the clock ``seconds`` ahead of the true time, and right again afterwards."""
        if not self._permit.permits("settings"):
            raise OutsideAuthorisation("authorisation.allow does not name 'settings'")
        self._permit.journal.begin("clock")
        try:
            self._set(seconds)
            yield
        finally:
            self.put_right()

    @property
    def lets_time_pass(self) -> bool:
        """Whether the bench can let time pass at once for what the camera times."""
        return self._clock.timers is not None

    def let_pass(self, seconds: float) -> None:
        """Let so much time pass at once, where ``lets_time_pass``."""
        if not self._permit.permits("settings"):
            raise OutsideAuthorisation("authorisation.allow does not name 'settings'")
        if self._clock.timers is None:
            raise BenchError("the device file gives no bench.clock.timers")
        bench_control.put("timers", self._clock.timers, f"{seconds:.0f}")

    def _set(self, seconds: float) -> None:
        text = f"{seconds:.0f}"
        if self._clock.url is not None:
            bench_control.put("clock control", self._clock.url, text)
        elif self._clock.command is not None:
            words = [part.replace("{seconds}", text) for part in self._clock.command]
            bench_control.run("clock command", words)
