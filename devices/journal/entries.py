"""The lines of a journal: what each says, and what is open after all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from devices.journal.change import KINDS, Change

_MAX_LINE = 64 * 1024  # characters; a longer one is none of ours


@dataclass(frozen=True)
class Unit:
    """The camera that a journal is of, as its device file says; empty where it does not."""

    manufacturer: str = ""
    model: str = ""
    serial: str = ""
    mac: str = ""

    def __str__(self) -> str:
        return " ".join(word for word in (self.manufacturer, self.model, self.serial) if word)


@dataclass
class Contents:
    """What a journal says. ``damaged``: numbers of lines that say nothing; ``lines``: how many.

    ``truncated``: the last line has no end. Its change was not begun.
    """

    device_file: Path | None = None
    unit: Unit = Unit()
    open: dict[str, Change] = field(default_factory=dict)
    damaged: list[int] = field(default_factory=list)
    lines: int = 0
    truncated: bool = False

    @classmethod
    def of(cls, data: bytes) -> Contents:
        """Read the bytes of a journal."""
        found = cls()
        *lines, rest = data.split(b"\n")
        found.lines, found.truncated = len(lines), bool(rest)
        for number, line in enumerate(lines, start=1):
            try:
                found._take(_row(line))
            except (ValueError, TypeError, KeyError, RecursionError):
                found.damaged.append(number)
        return found

    @property
    def ours(self) -> bool:
        """Whether any line is one that a run writes."""
        return not self.damaged or len(self.damaged) < self.lines

    def _take(self, row: Mapping[str, Any]) -> None:
        if "device_file" in row:
            self.device_file = Path(str(row["device_file"]))
            self.unit = _unit(row.get("unit", {}))
        elif "change" in row:
            change = _change(row["change"])
            self.open[change.id] = change
        else:
            self.open.pop(str(row["undone"]), None)


def header(device_file: Path, unit: Unit) -> bytes:
    """The first line."""
    return _line({"device_file": str(device_file), "unit": asdict(unit)})


def begun(change: Change) -> bytes:
    """The line of a change that is about to be made."""
    return _line({"change": asdict(change)})


def undone(identifier: str, how: str, at: str) -> bytes:
    """The line of a change that is undone, or was never made."""
    return _line({"undone": identifier, "how": how[:300], "at": at})


def _line(row: Mapping[str, Any]) -> bytes:
    return json.dumps(row).encode() + b"\n"


def _row(line: bytes) -> dict[str, Any]:
    if len(line) > _MAX_LINE:
        raise ValueError("too long")
    row = json.loads(line)
    if not isinstance(row, dict):
        raise TypeError("no object")
    return row


def _change(row: Any) -> Change:
    texts = {key: row[key] for key in ("id", "kind", "via", "subject", "at", "until")}
    if not all(isinstance(text, str) for text in texts.values()) or row["kind"] not in KINDS:
        raise ValueError("no change")
    if texts["until"] and datetime.fromisoformat(texts["until"]).tzinfo is None:
        raise ValueError("no time")
    return Change(**texts, secrets=tuple(map(str, row["secrets"])))


def _unit(row: Any) -> Unit:
    if not isinstance(row, dict):
        raise TypeError("no unit")
    return Unit(**{key: str(row.get(key) or "") for key in Unit.__dataclass_fields__})
