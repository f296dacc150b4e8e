"""The login of the serial console as a surface at which passwords can be tried."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import suppress

from devices.errors import TimedOut
from devices.links.guessing.surfaces import CONSOLE, Try
from devices.links.serial.link import SerialLink

ANSWER_SECONDS = 20.0
"""Longest time for an answer: a slow board, a login that delays refusals, a getty that returns."""

_FLUSH_SECONDS = 0.05
"""login(1) forgets what was typed up to shortly after its password prompt (tcflush)."""


class ConsoleSurface:
    """Logins on a console. ``Try.said``: shell, locked, refused, or silent.

    ``marks``: patterns by kind (login, password, shell, refused, locked), searched line by line.
    """

    name, kind = CONSOLE, "serial"

    def __init__(
        self, serial: SerialLink, marks: Mapping[str, str], seconds: float = ANSWER_SECONDS
    ) -> None:
        self._serial, self._marks, self._seconds = serial, marks, seconds

    def asks(self) -> str:
        """What the console waits with: login, shell, or nothing that is known."""
        known = f"{self._marks['shell']}|{self._marks['login']}"
        said = self._serial.exchange("\r", known, self._seconds).text
        return next((kind for kind in ("shell", "login") if self._is(kind, said)), "")

    def attempt(self, username: str, password: str) -> Try:
        """Log in once; a shell is left again."""
        began = time.monotonic()
        outcome = self._outcome(username, password)
        if outcome == "shell":
            self._serial.exchange("exit\r", self._marks["login"], self._seconds)
        seconds = round(time.monotonic() - began, 3)
        return Try(outcome == "shell", 0, seconds, outcome != "silent", outcome)

    def _outcome(self, username: str, password: str) -> str:
        if self.asks() != "login":
            return "silent"
        marks = self._marks
        after = f"{marks['password']}|{marks['shell']}|{marks['locked']}|{marks['refused']}"
        said = self._serial.exchange(f"{username}\r", after, self._seconds).text
        if self._is("password", said):
            said = self._answered(password)
        outcome = next((k for k in ("shell", "locked", "refused") if self._is(k, said)), "")
        return outcome or ("refused" if self._is("login", said) else "silent")

    def _answered(self, password: str) -> str:
        self._serial.wait_quiet(_FLUSH_SECONDS, 1.0)
        mark, marks = self._serial.mark(), self._marks
        until = f"{marks['shell']}|{marks['refused']}|{marks['locked']}|{marks['login']}"
        typed = f"{password}\r"
        said = self._serial.exchange(typed, until, self._seconds, shown="a password").text
        if self._is("shell", said):
            return said
        with suppress(TimedOut):  # a getty that does not come back is an answer too
            self._serial.wait_for(f"{marks['login']}|{marks['shell']}", self._seconds, mark)
        return self._serial.text_since(mark)  # a reason may stand on the line behind

    def _is(self, kind: str, text: str) -> bool:
        return re.search(self._marks[kind], text, re.MULTILINE) is not None
