"""Knowledge: published facts as tables (default credentials, components, known paths, ...)."""

from __future__ import annotations

import csv
import io
from copy import deepcopy
from functools import cache
from importlib.resources import files
from typing import Any

from conformance.located import CatalogueError, LocatedToml, Source

Rows = list[dict[str, Any]]


def load(name: str) -> Rows:
    """The table ``name`` of ``conformance/knowledge``: ``name.csv`` or ``name.toml``.

    A CSV file gives one dictionary of strings per line under its header; a TOML file the rows of
    its one array of tables. The rows are the caller's own. Raises CatalogueError.
    """
    return deepcopy(_own(name))


def read(path: Source) -> Rows:
    """Read one table; raises CatalogueError with file and line."""
    return _csv(path) if path.name.endswith(".csv") else _toml(path)


def names() -> list[str]:
    """The tables that the suite has."""
    known = (path.name for path in _folder().iterdir())
    return sorted(name.rpartition(".")[0] for name in known if name.endswith((".csv", ".toml")))


def _folder() -> Source:
    return files("conformance") / "knowledge"


@cache
def _own(name: str) -> Rows:
    folder = _folder()
    present = [p for ending in (".csv", ".toml") if (p := folder / f"{name}{ending}").is_file()]
    if len(present) == 1:
        return read(present[0])
    what = f"the table {name!r} is {'there twice' if present else 'not there'}"
    raise CatalogueError(folder, 1, what, f"known are {', '.join(names()) or 'none'}")


def _toml(path: Source) -> Rows:
    toml = LocatedToml(path)
    lists = [
        key
        for key, value in toml.data.items()
        if isinstance(value, list) and value and all(isinstance(row, dict) for row in value)
    ]
    if len(lists) != 1:
        found = f"{len(lists)} arrays of tables" if lists else "no array of tables"
        raise toml.error(f"{found} in a knowledge file", "give it exactly one")
    rows: Rows = toml.data[lists[0]]
    return rows


def _csv(path: Source) -> Rows:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        raise CatalogueError(path, 1, what, "give a readable file") from error
    except UnicodeDecodeError as error:
        raise CatalogueError(path, 1, "not UTF-8 text", "save it as UTF-8") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    rows: Rows = []
    try:
        _check_header(path, reader.fieldnames)
        for row in reader:
            if None in row or None in row.values():
                what = "the line has more or fewer fields than the header"
                raise CatalogueError(path, reader.line_num, what, "quote fields with commas")
            rows.append(row)
    except csv.Error as error:
        line = max(1, reader.reader.line_num)  # DictReader's own count stops at the last row
        raise CatalogueError(path, line, f"not CSV: {error}", "correct the quotes") from error
    return rows


def _check_header(path: Source, header: Any) -> None:
    columns = list(header or [])
    if not columns or "" in columns or len(set(columns)) != len(columns):
        what = "the first line does not name each column once"
        raise CatalogueError(path, 1, what, "begin with a header of distinct names")
