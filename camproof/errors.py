"""Exit codes, and the error that carries one."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the command's exit code means."""

    APPROVED = 0
    REJECTED = 1
    USAGE = 2
    INCOMPLETE = 3
    SUITE = 4


class CommandError(Exception):
    """A message for people, and the exit code to end with."""

    def __init__(self, message: str, code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.code = code
