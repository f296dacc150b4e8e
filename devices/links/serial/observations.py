"""What is observed on a serial console."""

from __future__ import annotations

import re
from dataclasses import dataclass

from devices.observation import Observation

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]{0,200}\x07")
"""Terminal escape sequences: colours, titles."""


@dataclass(frozen=True, kw_only=True)
class BootLog(Observation):
    """What the console printed from one moment on.

    ``text`` is the bytes as UTF-8, undecodable ones replaced; ``seconds`` how long was listened.
    """

    text: str
    seconds: float

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines, without line ends and terminal escape sequences."""
        return tuple(ESCAPES.sub("", line).rstrip() for line in re.split(r"\r*\n|\r", self.text))


@dataclass(frozen=True, kw_only=True)
class ConsoleExchange(Observation):
    """What the console printed after something was sent to it.

    ``sent`` names what was typed, never a secret; ``text`` is the answer.
    """

    sent: str
    text: str


@dataclass(frozen=True, kw_only=True)
class BootInterruption(Observation):
    """What came of typing while the camera started.

    ``reached`` is the kind of the first landmark that the console showed, empty when it showed
    none; ``keys`` are the keys that were typed in turn, ``rounds`` how often each.
    """

    reached: str
    keys: tuple[str, ...]
    rounds: int
    text: str
