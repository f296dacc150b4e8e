"""TOML tables that remember their line, and the error that names it.

The catalogue is written by people in many small files. Whatever is wrong in one of them is said
as ``path:line: what is wrong; what to do``, as a compiler would. ``tomllib`` keeps no positions
of values, so :class:`LocatedToml` finds them again in the text.
"""

from __future__ import annotations

import re
import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

_M = TypeVar("_M", bound=BaseModel)
_LINE_IN_MESSAGE = re.compile(r"\(at line (?P<line>\d+), column \d+\)")
_HEADER = re.compile(r"\s*\[\[?\s*(?P<name>[A-Za-z0-9_.\-]+)\s*\]\]?\s*(#.*)?$")

Source = Path | Traversable
"""Where catalogue data is read from: a file, or a resource of an installed package."""


class CatalogueError(Exception):
    """The catalogue is wrong: ``path:line: what; what to do``.

    ``path``, ``line`` (1-based), ``what`` and ``remedy`` are kept for tools that mark the place.
    """

    def __init__(self, path: Source | str, line: int, what: str, remedy: str) -> None:
        super().__init__(f"{path}:{line}: {what}; {remedy}")
        self.path = str(path)
        self.line = line
        self.what = what
        self.remedy = remedy


class LocatedToml:
    """One TOML file: its ``data``, and the line on which a table, key or value stands.

    Raises CatalogueError when the file cannot be read or is not TOML.
    """

    def __init__(self, path: Source) -> None:
        self.path = path
        text = _text(path)
        self._lines = text.splitlines()
        try:
            self.data: dict[str, Any] = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # TOMLDecodeError, endless numbers, nests
            found = _LINE_IN_MESSAGE.search(str(error))
            line = int(found["line"]) if found else max(1, len(self._lines))
            what = f"not TOML: {_LINE_IN_MESSAGE.sub('', str(error)).strip()}"
            raise CatalogueError(path, line, what, "correct the syntax") from error
        self._headers = _headers(self._lines)

    def error(self, what: str, remedy: str, *, line: int = 1) -> CatalogueError:
        """An error of this file; raise it."""
        return CatalogueError(self.path, line, what, remedy)

    def line(self, table: str, index: int = 0, key: str = "", value: str = "") -> int:
        """Line of the ``index``-th header ``[table]`` or ``[[table]]``, or of a key or value in it.

        The table ``""`` is what stands before the first header. Falls back to the nearest line
        that is known: the key, then the header, then line 1.
        """
        starts = [number for number, name in self._headers if name == table] if table else [0]
        if index >= len(starts):
            return 1
        start = starts[index]
        end = next((n for n, _ in self._headers if n > start), len(self._lines) + 1)
        key_line = self._find(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", start + 1, end) if key else 0
        if value:
            quoted = rf".*[\"']{re.escape(value)}[\"']"
            return self._find(quoted, key_line or max(start, 1), end) or key_line or max(start, 1)
        return key_line or max(start, 1)

    def tables(self, name: str) -> list[dict[str, Any]]:
        """The array of tables ``[[name]]``; empty when absent. Raises CatalogueError."""
        found = self.data.get(name, [])
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            what = f"{name!r} is not an array of tables"
            raise self.error(what, f"write each one under [[{name}]]", line=self.line(name))
        return found

    def only(self, *names: str) -> None:
        """Refuse top-level keys other than ``names``; raises CatalogueError."""
        for name in self.data:
            if name not in names:
                line = max(self.line(name), self.line("", key=name))
                what = f"unknown table or key {name!r}"
                raise self.error(what, f"this file holds {', '.join(names)}", line=line)

    def model(self, kind: type[_M], table: str, index: int, values: Any) -> _M:
        """``values`` of the ``index``-th ``table`` as a model; raises CatalogueError."""
        try:
            return kind.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            key = str(first["loc"][0]) if first["loc"] else ""
            where = ".".join(str(part) for part in first["loc"])
            what = " ".join(filter(None, (table, where))) + f": {first['msg']}"
            line = self.line(table, index, key=key)
            raise self.error(what, _expected(kind, key), line=line) from error

    def _find(self, pattern: str, start: int, end: int) -> int:
        matcher = re.compile(pattern)
        numbers = range(start, min(end, len(self._lines) + 1))
        return next((n for n in numbers if matcher.match(self._lines[n - 1])), 0)


def _text(path: Source) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        raise CatalogueError(path, 1, what, "give a readable file") from error
    except UnicodeDecodeError as error:
        raise CatalogueError(path, 1, "not UTF-8 text", "save it as UTF-8") from error


def _headers(lines: list[str]) -> list[tuple[int, str]]:
    """Line numbers and names of table headers; lines inside multi-line strings are no headers."""
    found: list[tuple[int, str]] = []
    delimiter = ""
    for number, line in enumerate(lines, start=1):
        if not delimiter and (match := _HEADER.match(line)):
            found.append((number, match["name"]))
            continue
        for mark in re.findall(r'"""|\'\'\'', line):
            if not delimiter:
                delimiter = mark
            elif mark == delimiter:
                delimiter = ""
    return found


def _expected(kind: type[BaseModel], key: str) -> str:
    field = kind.model_fields.get(key)
    if field is None:
        return f"known keys are {', '.join(kind.model_fields)}"
    return f"expected: {field.description}" if field.description else f"correct {key}"
