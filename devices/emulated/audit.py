"""The camera's audit log: every security event as one JSON object per line."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

MAX_BYTES = 1_000_000
"""Size at which the log is set aside as ``audit.jsonl.1``; flash is small."""


class AuditLog:
    """Append-only log in ``path``. Entries: time (UTC, ISO 8601), event, user, source, detail."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._older = path.with_name(path.name + ".1")

    def write(self, event: str, *, user: str = "", source: str = "", detail: str = "") -> None:
        """Append one event, such as ``login-failed``; never pass a secret."""
        entry = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "event": event,
            "user": user,
            "source": source,
            "detail": detail,
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists() and self._path.stat().st_size > MAX_BYTES:
            self._path.replace(self._older)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry) + "\n")

    def entries(self) -> list[dict[str, Any]]:
        """All entries, oldest first; a line cut short by a power cut is left out."""
        found: list[dict[str, Any]] = []
        for path in (self._older, self._path):
            if path.exists():
                found += _entries(path.read_text(encoding="utf-8", errors="replace"))
        return found


def _entries(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found
