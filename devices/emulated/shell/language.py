"""The small part of the POSIX shell language that the emulated camera's shell understands.

Words with quotes and ``$NAME``, pipes, ``;`` ``&&`` ``||`` ``&``, redirections to and from files.
What it does not understand is a ShellSyntaxError, as in any shell; nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_LINE = 16_384
_OPERATORS = (
    "&&",
    "||",
    "2>&1",
    "2>>",
    "2>",
    "1>&2",
    ">&2",
    "1>",
    ">>",
    ">",
    "<",
    "|",
    "&",
    ";",
    "\n",
)
_REDIRECTIONS = {"2>&1", "2>>", "2>", "1>&2", ">&2", "1>", ">>", ">", "<"}
_VARIABLE = re.compile(r"\$(?:(\w+|\?|\$|#)|\{(\w+)\})")


class ShellSyntaxError(ValueError):
    """A line that is not in the language; the message is what a shell would print."""


@dataclass(frozen=True)
class Word:
    """One word, as parts of text and whether ``$NAME`` in them stands for a variable.

    A word that is ``quoted`` in any part is not matched against file names.
    """

    parts: tuple[tuple[str, bool], ...]
    quoted: bool = False

    def text(self, variables: Mapping[str, str]) -> str:
        """The word with the values that the variables have now."""

        def value(match: re.Match[str]) -> str:
            return variables.get(match[1] or match[2], "")

        return "".join(_VARIABLE.sub(value, t) if expand else t for t, expand in self.parts)


@dataclass
class Command:
    """One simple command: its words, and its redirections as (operator, target)."""

    words: list[Word] = field(default_factory=list)
    redirections: list[tuple[str, Word]] = field(default_factory=list)


@dataclass
class Pipeline:
    """Commands joined by ``|``; ``connector`` says when it runs: ``;``, ``&&`` or ``||``."""

    connector: str
    commands: list[Command]


def parse(line: str) -> list[Pipeline]:
    """Parse one line. Raises ShellSyntaxError."""
    if len(line) > MAX_LINE:
        raise ShellSyntaxError("line too long")
    parser = _Parser()
    for token in [*_tokens(line), ";"]:
        if isinstance(token, Word):
            parser.word(token)
        elif token in _REDIRECTIONS:
            parser.redirection(token)
        else:
            parser.separator(token)
    return parser.pipelines


class _Parser:
    """Takes tokens one by one; ``pipelines`` is what they amount to so far."""

    def __init__(self) -> None:
        self.pipelines: list[Pipeline] = []
        self.connector = ";"
        self._commands: list[Command] = []
        self._command = Command()
        self._awaiting_file = ""

    def word(self, word: Word) -> None:
        if self._awaiting_file:
            self._command.redirections.append((self._awaiting_file, word))
            self._awaiting_file = ""
        else:
            self._command.words.append(word)

    def redirection(self, operator: str) -> None:
        self._complete()
        if operator.endswith(("&1", "&2")):
            self._command.redirections.append((operator, Word(())))
        else:
            self._awaiting_file = operator

    def separator(self, operator: str) -> None:
        self._complete()
        empty = not self._command.words and not self._command.redirections
        incomplete = self._commands or (self.connector != ";" and operator != "\n")
        if empty and (incomplete or operator not in (";", "\n")):
            raise ShellSyntaxError(f'syntax error: unexpected "{operator}"')
        if not empty:
            self._commands.append(self._command)
            self._command = Command()
        if operator == "|":
            return
        if self._commands:
            self.pipelines.append(Pipeline(self.connector, self._commands))
            self._commands = []
            self.connector = ";"
        if operator in ("&&", "||"):
            self.connector = operator

    def _complete(self) -> None:
        if self._awaiting_file:
            raise ShellSyntaxError("syntax error: a redirection without a file")


def _tokens(line: str) -> list[Word | str]:
    tokens: list[Word | str] = []
    position = 0
    while position < len(line):
        if line[position] in " \t\r":
            position += 1
        elif line[position] == "#":
            position = line.find("\n", position) % (len(line) + 1)
        elif line[position] in "(){}`" and line[position : position + 2] != "{}":
            raise ShellSyntaxError(f'syntax error: unexpected "{line[position]}"')
        elif operator := next((o for o in _OPERATORS if line.startswith(o, position)), ""):
            tokens.append(operator)
            position += len(operator)
        else:
            word, position = _word(line, position)
            tokens.append(word)
    return tokens


def _word(line: str, position: int) -> tuple[Word, int]:
    parts: list[tuple[str, bool]] = []
    quoted = False
    while position < len(line) and line[position] not in " \t\r\n;&|<>":
        character = line[position]
        if character in "'\"":
            end = _closing_quote(line, position)
            inner = line[position + 1 : end]
            parts.append((inner, False) if character == "'" else (_unescape(inner), True))
            quoted, position = True, end + 1
        elif character == "\\" and position + 1 < len(line):
            parts.append((line[position + 1], False))
            quoted, position = True, position + 2
        elif match := _VARIABLE.match(line, position):
            parts.append((match[0], True))
            position = match.end()
        elif character == "`" or line.startswith("$(", position):
            raise ShellSyntaxError("syntax error: command substitution is not supported")
        else:
            parts.append((character, False))
            position += 1
    return Word(tuple(parts), quoted), position


def _closing_quote(line: str, position: int) -> int:
    quote, end = line[position], position + 1
    while end < len(line) and line[end] != quote:
        end += 2 if quote == '"' and line[end] == "\\" else 1
    if end >= len(line):
        raise ShellSyntaxError("syntax error: unterminated quoted string")
    return end


def _unescape(text: str) -> str:
    return re.sub(r"\\([\"\\`])", r"\1", text)
