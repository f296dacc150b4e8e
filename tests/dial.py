"""Moves the clock of an emulated camera that stands without a bench."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devices.emulated.clock import dial_of


class Dial:
    """Stands in for the fixture ``pass_time``."""

    def __init__(self, flash: Path, *, by: str = "clock", sure: bool = True) -> None:
        self._dial = dial_of(flash)
        self.by, self.sure = by, sure

    @contextmanager
    def passed(self, seconds: float) -> Iterator[None]:
        self._dial.parent.mkdir(exist_ok=True)
        self._dial.write_text(str(seconds))
        try:
            yield
        finally:
            self._dial.write_text("0")
