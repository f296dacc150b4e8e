"""The bench's control of the camera's clock, as a REST device.

``PUT /clock`` with seconds sets how far the clock is moved from the true time (``300``; ``0`` puts
it right); ``GET`` asks. ``PUT /timers`` with seconds lets so much time pass at once for what the
camera times, such as locks; ``GET`` tells how much has passed so.
"""

from __future__ import annotations

from pathlib import Path

from devices.emulated.bench.rest_device import RestDevice
from devices.emulated.clock import Clock, timers_of
from devices.emulated.flash import write_whole

_FURTHEST = 10 * 366 * 86400.0  # s


class ClockDial(RestDevice):
    """Serves the clock of one camera, whose ``dial`` file it writes."""

    def __init__(self, host: str, dial: Path) -> None:
        super().__init__(host, "/clock", "PUT seconds")
        self._dial = dial

    async def set(self, body: str) -> None:
        """Move the clock."""
        seconds = float(body)
        if not abs(seconds) <= _FURTHEST:
            raise ValueError(body)
        self._dial.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._dial, str(seconds).encode())

    def state(self) -> str:
        """Seconds that the clock is ahead."""
        return str(Clock(self._dial).offset())


class TimerDial(RestDevice):
    """Lets time pass for the timers of one camera, whose ``dial`` is that of its clock."""

    def __init__(self, host: str, dial: Path) -> None:
        super().__init__(host, "/timers", "PUT seconds")
        self._dial = dial

    async def set(self, body: str) -> None:
        """Let time pass."""
        seconds = float(body)
        if not 0 <= seconds <= _FURTHEST:
            raise ValueError(body)
        self._dial.parent.mkdir(parents=True, exist_ok=True)
        passed = Clock(self._dial).ran_ahead() + seconds
        write_whole(timers_of(self._dial), str(passed).encode())

    def state(self) -> str:
        """Seconds that have passed so."""
        return str(Clock(self._dial).ran_ahead())
