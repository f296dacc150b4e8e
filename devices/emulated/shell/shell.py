"""The emulated camera's shell: BusyBox in manner, over the root file system of the active slot.

It runs nothing of the host: every command is one of its own applets, and every path goes through
:class:`FileView`. SSH, telnet and the serial console share it.
"""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from devices.emulated.maker.os_accounts import OsAccount
from devices.emulated.shell.applets import APPLETS
from devices.emulated.shell.file_view import FileView
from devices.emulated.shell.invocation import Host, Invocation
from devices.emulated.shell.kernel import Kernel
from devices.emulated.shell.language import Command, Pipeline, ShellSyntaxError, Word, parse

BANNER = "\n\nBusyBox v1.36.1 built-in shell (ash)\n\n"
MAX_OUTPUT = 8_000_000
_NOT_FOUND, _MISUSE = 127, 2


@dataclass
class Outcome:
    """What a line printed, and the status of its last command."""

    output: bytes = b""
    errors: bytes = b""
    status: int = 0


@dataclass
class Shell:
    """One session of one user. ``ended`` becomes true at ``exit``."""

    camera: Host
    kernel: Kernel
    user: OsAccount
    cwd: str = ""
    ended: bool = False
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        home = self.user.home
        self.cwd = self.cwd or (home if FileView(self.camera, self.kernel).is_dir(home) else "/")
        self.variables |= {"HOME": home, "USER": self.user.name, "LOGNAME": self.user.name}
        self.variables |= {"SHELL": self.user.shell, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        self.variables |= {"PWD": self.cwd, "?": "0", "$": "512"}

    @property
    def prompt(self) -> str:
        """``/root # `` for the superuser, else with ``$``."""
        return f"{self.cwd} {'#' if self.user.uid == 0 else '$'} "

    def run(self, line: str, stdin: bytes = b"") -> Outcome:
        """Run one line; never raises for what the line says."""
        outcome = Outcome(status=int(self.variables["?"]))
        try:
            pipelines = parse(line)
        except ShellSyntaxError as error:
            return Outcome(errors=f"sh: {error}\n".encode(), status=_MISUSE)
        view = FileView(self.camera, self.kernel, self.user.uid)
        for pipeline in pipelines:
            wanted = {"&&": outcome.status == 0, "||": outcome.status != 0}
            if self.ended or not wanted.get(pipeline.connector, True):
                continue
            self._pipeline(pipeline, view, stdin, outcome)
            self.variables["?"] = str(outcome.status)
            if len(outcome.output) > MAX_OUTPUT:
                break
        return outcome

    def _pipeline(self, pipeline: Pipeline, view: FileView, stdin: bytes, total: Outcome) -> None:
        data = stdin
        for command in pipeline.commands:
            result = self._command(command, view, data)
            data = result.output
            total.errors += result.errors
            total.status = result.status
        total.output += data

    def _command(self, command: Command, view: FileView, stdin: bytes) -> Outcome:
        words = [text for word in command.words for text in self._matches(word, view)]
        try:
            stdin = self._input(command, view, stdin)
        except OSError:
            return Outcome(errors=b"sh: can't open: no such file\n", status=1)
        if not words:
            return Outcome()
        if "=" in words[0] and words[0].partition("=")[0].isidentifier():
            for word in words:
                name, _, value = word.partition("=")
                self.variables[name] = value
            return Outcome()
        result = self._applet(words, view, stdin)
        return _redirected(command, result, self.variables)

    def _applet(self, words: list[str], view: FileView, stdin: bytes) -> Outcome:
        name = posixpath.basename(words[0]) if words[0].startswith("/") else words[0]
        built_in: dict[str, Callable[[list[str], FileView], Outcome]] = {
            "cd": self._cd,
            "exit": self._exit,
            "logout": self._exit,
            "sh": self._sh,
            "ash": self._sh,
        }
        if name in built_in:
            return built_in[name](words[1:], view)
        if name == "busybox" and len(words) > 1:
            words, name = words[1:], words[1]
        applet = APPLETS.get(name)
        if applet is None:
            return Outcome(errors=f"sh: {words[0]}: not found\n".encode(), status=_NOT_FOUND)
        call = Invocation(
            arguments=words[1:],
            stdin=stdin,
            view=view,
            kernel=self.kernel,
            camera=self.camera,
            user=self.user,
            cwd=self.cwd,
            variables=self.variables,
        )
        status = applet(call)
        return Outcome(bytes(call.output), bytes(call.errors), status)

    def _cd(self, arguments: list[str], view: FileView) -> Outcome:
        target = posixpath.join(self.cwd, arguments[0] if arguments else self.user.home)
        target = posixpath.normpath(target)
        if not view.is_dir(target):
            return Outcome(errors=f"sh: cd: can't cd to {target}\n".encode(), status=1)
        self.cwd = self.variables["PWD"] = target
        return Outcome()

    def _exit(self, arguments: list[str], _view: FileView) -> Outcome:
        self.ended = True
        given = arguments[0] if arguments and arguments[0].isdigit() else self.variables["?"]
        return Outcome(status=int(given))

    def _sh(self, arguments: list[str], _view: FileView) -> Outcome:
        if len(arguments) >= 2 and arguments[0] == "-c":
            inner = Shell(self.camera, self.kernel, self.user, cwd=self.cwd)
            return inner.run(arguments[1])
        return Outcome()

    def _input(self, command: Command, view: FileView, stdin: bytes) -> bytes:
        for operator, target in command.redirections:
            if operator == "<":
                stdin = view.read(posixpath.join(self.cwd, target.text(self.variables)))
        return stdin

    def _matches(self, word: Word, view: FileView) -> list[str]:
        """File names that an unquoted pattern matches, level by level; else the word itself."""
        text = word.text(self.variables)
        if word.quoted or not set(text) & set("*?["):
            return [text]
        found = ["/" if text.startswith("/") else ""]
        for part in filter(None, text.split("/")):
            level = []
            for base in found:
                where = posixpath.join(self.cwd, base)
                if view.is_dir(where):
                    names = [n for n in view.names(where) if _matches(n, part)]
                    level += [posixpath.join(base, name) for name in names]
            found = level
        return found or [text]


def _matches(name: str, pattern: str) -> bool:
    hidden = name.startswith(".") and not pattern.startswith(".")
    return not hidden and fnmatch.fnmatchcase(name, pattern)


def _redirected(command: Command, result: Outcome, variables: Mapping[str, str]) -> Outcome:
    """Send output and errors where the redirections say, from left to right as a shell does."""
    normal, errors = "output", "errors"
    for operator, word in command.redirections:
        target = word.text(variables)
        if operator == "2>&1":
            errors = normal
        elif operator in (">&2", "1>&2"):
            normal = errors
        elif operator == "<":
            continue
        elif target != "/dev/null":
            text = f"sh: can't create {target}: Read-only file system\n"
            return Outcome(errors=text.encode(), status=1)
        elif operator.startswith("2"):
            errors = "nowhere"
        else:
            normal = "nowhere"
    ends = {"output": b"", "errors": b"", "nowhere": b""}
    ends[normal] += result.output
    ends[errors] += result.errors
    return Outcome(ends["output"], ends["errors"], result.status)
