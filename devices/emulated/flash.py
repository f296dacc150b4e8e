"""Files on the camera's flash: written whole or not at all, readable by the firmware alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write_whole(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data`` in one step; a power cut leaves the old or the new content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)


def write_json(path: Path, value: Any) -> None:
    """As :func:`write_whole`, with ``value`` as JSON."""
    write_whole(path, json.dumps(value, indent=1).encode() + b"\n")


def read_json(path: Path, default: Any) -> Any:
    """The JSON value in ``path``, or ``default`` when there is no such file or it is damaged.

    A damaged file counts as absent: firmware must come up, with its defaults, whatever a worn
    flash chip returns.
    """
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return default
