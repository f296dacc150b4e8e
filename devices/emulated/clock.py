"""The emulated camera's clock: the machine's, moved by what the bench has set."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime
from pathlib import Path


class Clock:
    """What the services ask for the time. ``dial`` holds the offset in seconds, as text.

    The bench writes the dial (``devices.emulated.bench.clock_dial``); it keeps its place over a
    power cut, as a real-time clock with a battery does.
    """

    def __init__(self, dial: Path | None = None) -> None:
        self._dial = dial

    def time(self) -> float:
        """Seconds since 1970."""
        return time.time() + self.offset()

    def now(self) -> datetime:
        """The time as a date, UTC."""
        return datetime.fromtimestamp(self.time(), UTC)

    def offset(self) -> float:
        """How far it is from the machine's clock, in seconds."""
        if self._dial is not None:
            with contextlib.suppress(OSError, ValueError):
                return float(self._dial.read_text("ascii"))
        return 0.0

    def timer(self) -> float:
        """Seconds by which services time what may not end by setting the clock.

        The bench can let them run ahead (``devices.emulated.bench.clock_dial``).
        """
        return time.monotonic() + self.ran_ahead()

    def ran_ahead(self) -> float:
        """Seconds that the bench has let pass at once, ever."""
        if self._dial is not None:
            with contextlib.suppress(OSError, ValueError):
                return float(timers_of(self._dial).read_text("ascii"))
        return 0.0


def timers_of(dial: Path) -> Path:
    """The file beside the dial that holds how far the timers ran ahead."""
    return dial.with_name("ran-ahead")


def dial_of(flash: Path) -> Path:
    """Where a camera's dial is."""
    return flash / "rtc" / "offset"
