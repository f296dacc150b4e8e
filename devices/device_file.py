"""Reading device files: errors for people, with file, line, key and what is expected there."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from devices.description import DeviceFile, Secret
from devices.errors import DeviceFileError

Location = tuple[int | str, ...]


@dataclass(frozen=True)
class Fault:
    """One thing wrong in a device file. ``line`` counts from 1; ``key`` is dotted."""

    line: int
    key: str
    message: str

    def text(self, path: Path) -> str:
        """``file:line: key: what is expected``."""
        return f"{path}:{self.line}: {self.key}: {self.message}"


class InvalidDeviceFile(DeviceFileError):
    """A device file with one or more faults."""

    def __init__(self, path: Path, faults: list[Fault]) -> None:
        super().__init__("\n".join(fault.text(path) for fault in faults))
        self.faults = faults


def load(path: Path) -> DeviceFile:
    """Read and validate a device file. Raises InvalidDeviceFile, which lists every fault."""
    path = path.absolute()
    text = _text(path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidDeviceFile(path, [_syntax(str(error))]) from error
    try:
        return DeviceFile.model_validate(data, context={"base": path.parent})
    except ValidationError as error:
        lines = key_lines(text)
        raise InvalidDeviceFile(path, [_fault(e, lines) for e in error.errors()]) from error


def absent_files(value: Any, at: Location = ()) -> Iterator[tuple[Location, str]]:
    """The files that a device file names and that do not exist: where it does, and a message.

    Files of secrets are left to ``devices.secrets``.
    """
    if isinstance(value, Path):
        if not value.is_file():
            yield at, f"{value} is a folder" if value.is_dir() else f"there is no file {value}"
    elif isinstance(value, BaseModel) and not isinstance(value, Secret):
        for name, part in value:
            yield from absent_files(part, (*at, name))
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from absent_files(part, (*at, name))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from absent_files(part, (*at, number))


def located(path: Path, found: Iterable[tuple[Location, str]]) -> list[Fault]:
    """Faults in what a valid device file says, with the lines of their keys, in their order."""
    lines = key_lines(_text(path))
    return sorted((_at(*each, lines) for each in found), key=lambda fault: fault.line)


def sha256(path: Path) -> str:
    """Digest of the device file as it stands."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def json_schema() -> str:
    """The published JSON Schema of device files."""
    schema = DeviceFile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "camproof device file"
    return json.dumps(schema, indent=1) + "\n"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidDeviceFile(
            path, [Fault(0, "the file", f"cannot be read: {reason}")]
        ) from error
    except UnicodeDecodeError as error:
        message = "is not UTF-8 text; a device file is TOML"
        raise InvalidDeviceFile(path, [Fault(1, "the file", message)]) from error


def _syntax(message: str) -> Fault:
    match = re.search(r"^(?P<what>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)$", message)
    if match is None:  # "at end of document"
        return Fault(1, "TOML", message)
    return Fault(int(match["line"]), f"TOML, column {match['column']}", match["what"])


def _fault(error: ErrorDetails, lines: dict[Location, int]) -> Fault:
    location = tuple(part for part in error["loc"] if part != "json_body")
    return _at(location, _expectation(error), lines)


def _at(location: Location, message: str, lines: dict[Location, int]) -> Fault:
    line = next(
        (lines[location[:n]] for n in range(len(location), 0, -1) if location[:n] in lines), 1
    )
    return Fault(line, _dotted(location) or "the file", message)


def _dotted(location: Location) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


def _expectation(error: ErrorDetails) -> str:
    kind, message = error["type"], error["msg"].removeprefix("Value error, ")
    if kind == "missing":
        return "is missing; it must be given"
    if kind == "extra_forbidden":
        return "is not a key of a device file here; see `camproof device schema`"
    if kind == "model_type":
        return "must be a table"
    found = error["input"]
    if isinstance(found, str | int | float | bool):
        return f"{message[0].lower()}{message[1:]}; found {found!r}"
    return f"{message[0].lower()}{message[1:]}"


_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


def key_lines(text: str) -> dict[Location, int]:
    """Map each table and key of a TOML text to the line on which it stands (from 1).

    tomllib gives no positions. Keys inside inline tables are found on their parent's line.
    """
    lines: dict[Location, int] = {}
    counts: dict[Location, int] = {}
    table: Location = ()
    for number, row in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(row):
            table = _table(_parts(header[2]), counts, array=header[1] == "[[")
            lines.setdefault(table, number)
        elif key := _KEY.match(row):
            lines.setdefault((*table, *_parts(key[1])), number)
    return lines


def _table(parts: Location, counts: dict[Location, int], *, array: bool) -> Location:
    """The location a header names; an earlier array of tables on the way adds its last index."""
    location: Location = ()
    for part in parts[:-1] if array else parts:
        location = (*location, part)
        if location in counts:
            location = (*location, counts[location])
    if array:
        location = (*location, parts[-1])
        counts[location] = counts.get(location, -1) + 1
        location = (*location, counts[location])
    return location


def _parts(dotted: str) -> Location:
    found = re.findall(r"""[\w-]+|"[^"]*"|'[^']*'""", dotted)
    return tuple(part.strip("\"'") for part in found)


def redacted(device: DeviceFile) -> dict[str, Any]:
    """The device file as JSON for the dossier; it holds references to secrets, never secrets."""
    data: dict[str, Any] = device.model_dump(mode="json", by_alias=True, exclude_none=True)
    return data
