"""Answers to what a server asks by keyboard-interactive (RFC 4256), with one password to give."""

from __future__ import annotations

from collections.abc import Sequence

import paramiko

_MOST_ROUNDS = 20


class Answers:
    """Gives the password once: to the first prompt whose answer is not shown.

    Prompts whose answer is shown get the user's name. Every other one is left empty: after an
    expired password a server asks for a new one, which must not be set here. ``more`` is the
    first prompt that was left so.
    """

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password: str | None = password
        self._rounds = 0
        self.more = ""

    def __call__(
        self, _title: str, _instructions: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str]:
        """The answers to one request."""
        self._rounds += 1
        if self._rounds > _MOST_ROUNDS:
            raise paramiko.SSHException("the server asks without end")
        return [self._answer(prompt, shown=shown) for prompt, shown in prompts]

    def _answer(self, prompt: str, *, shown: bool) -> str:
        if self._password is None:
            self.more = self.more or prompt[:80] or "?"
            return ""
        if shown:
            return self._user
        password, self._password = self._password, None
        return password
