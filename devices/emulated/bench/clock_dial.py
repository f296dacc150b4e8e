"""The bench's control of the camera's clock, as a REST device.

``PUT /clock`` with seconds sets how far the clock is moved from the true time (``300``; ``0`` puts
it right); ``GET`` asks.
"""

from __future__ import annotations

from pathlib import Path

from devices.emulated.bench.rest_device import RestDevice
from devices.emulated.clock import Clock
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
