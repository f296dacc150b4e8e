"""One run of one applet of the emulated camera's shell: what it reads, and where it prints."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from devices.emulated.maker.os_accounts import OsAccount
from devices.emulated.shell.file_view import FileView, Inside, normal
from devices.emulated.shell.kernel import Board, Kernel


class Host(Board, Inside, Protocol):
    """What the applets need of the camera."""


@dataclass
class Invocation:
    """One run of one applet."""

    arguments: list[str]
    stdin: bytes
    view: FileView
    kernel: Kernel
    camera: Host
    user: OsAccount
    cwd: str
    variables: dict[str, str]
    output: bytearray = field(default_factory=bytearray)
    errors: bytearray = field(default_factory=bytearray)

    def say(self, text: str) -> None:
        """Print a line."""
        self.output += text.encode() + b"\n"

    def complain(self, text: str) -> int:
        """Print a line on standard error; returns status 1."""
        self.errors += text.encode() + b"\n"
        return 1

    def path(self, name: str) -> str:
        """The absolute path that an argument means."""
        return normal(posixpath.join(self.cwd, name))

    def options(self) -> set[str]:
        """Single letters given after a hyphen."""
        return {c for a in self.arguments if re.fullmatch(r"-[A-Za-z0-9]+", a) for c in a[1:]}

    def operands(self) -> list[str]:
        """Arguments that are no options."""
        return [a for a in self.arguments if not re.fullmatch(r"-[A-Za-z0-9]+", a) and a != "--"]

    def inputs(self, names: list[str]) -> Iterator[tuple[str, bytes | None]]:
        """(name, content) of each file, or of standard input; content None when not readable."""
        if not names:
            yield "-", self.stdin
        for name in names:
            try:
                yield name, self.stdin if name == "-" else self.view.read(self.path(name))
            except IsADirectoryError:
                self.complain(f"read error: {name}: Is a directory")
                yield name, None
            except PermissionError:
                self.complain(f"can't open '{name}': Permission denied")
                yield name, None
            except OSError:
                self.complain(f"can't open '{name}': No such file or directory")
                yield name, None


Applet = Callable[[Invocation], int]
