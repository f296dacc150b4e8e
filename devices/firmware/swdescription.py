"""``sw-description`` of SWUpdate in its JSON form: what a bundle holds and whom it is for.

Written so that SWUpdate's own parser reads it (sections by board name, ``hardware-compatibility``,
one ``archive`` artefact with ``sha256``); see "SWUpdate: syntax and tags" in SWUpdate's manual.
What SWUpdate has no tag for lies in the artefact's ``properties``, which it hands on unread.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

NAME = "sw-description"
MAX_BYTES = 256 * 1024
_SHA256 = re.compile(r"[0-9a-f]{64}")


class DescriptionError(ValueError):
    """A ``sw-description`` that cannot be used; the message says what is wrong with it."""


@dataclass(frozen=True)
class SwDescription:
    """The description of one root file system image.

    ``payload`` names the archive inside the bundle, ``sha256`` its digest as stored there;
    ``tree_sha256`` is :func:`devices.firmware.tree.tree_digest` of what it unpacks to, checked
    again at every boot. ``rollback_index`` never falls from one release to the next.
    """

    version: str
    model: str
    hardware: tuple[str, ...]
    payload: str
    sha256: str
    tree_sha256: str
    rollback_index: int

    def to_json(self) -> bytes:
        """The description as SWUpdate reads it."""
        properties = {
            "rollback-index": str(self.rollback_index),
            "tree-sha256": self.tree_sha256,
        }
        archive = {
            "filename": self.payload,
            "type": "archive",
            "path": "/",
            "sha256": self.sha256,
            "properties": properties,
        }
        board = {"hardware-compatibility": list(self.hardware), "files": [archive]}
        software = {"version": self.version, self.model: board}
        return json.dumps({"software": software}, indent=2).encode() + b"\n"


def parse_description(data: bytes) -> SwDescription:
    """Read a description that this package, or a maker following it, wrote.

    Raises DescriptionError.
    """
    software = _mapping(_load(data), "software")
    boards = {k: v for k, v in software.items() if isinstance(v, dict)}
    if len(boards) != 1:
        raise DescriptionError(f"expected one board section, found {len(boards)}")
    ((model, board),) = boards.items()
    artefact = _single_artefact(board)
    properties = _mapping(artefact, "properties")
    return SwDescription(
        version=_text(software, "version"),
        model=model,
        hardware=_texts(board, "hardware-compatibility"),
        payload=_text(artefact, "filename"),
        sha256=_digest(artefact, "sha256"),
        tree_sha256=_digest(properties, "tree-sha256"),
        rollback_index=_index(properties),
    )


def _load(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        raise DescriptionError(f"{len(data)} bytes are more than the {MAX_BYTES} allowed")
    try:
        loaded = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DescriptionError(f"not JSON: {error}") from error
    if not isinstance(loaded, dict):
        raise DescriptionError("not a JSON object")
    return loaded


def _single_artefact(board: dict[str, Any]) -> dict[str, Any]:
    files = board.get("files")
    if not isinstance(files, list) or len(files) != 1 or not isinstance(files[0], dict):
        raise DescriptionError("'files' must hold exactly one artefact")
    return files[0]


def _mapping(table: dict[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key)
    if not isinstance(value, dict):
        raise DescriptionError(f"'{key}' is missing or not an object")
    return value


def _text(table: dict[str, Any], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value or len(value) > 255:
        raise DescriptionError(f"'{key}' is missing or not a text of 1 to 255 characters")
    return value


def _texts(table: dict[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key)
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise DescriptionError(f"'{key}' is missing or not a list of texts")
    return tuple(value)


def _digest(table: dict[str, Any], key: str) -> str:
    value = _text(table, key)
    if not _SHA256.fullmatch(value):
        raise DescriptionError(f"'{key}' is not a SHA-256 digest in hexadecimal")
    return value


def _index(properties: dict[str, Any]) -> int:
    value = _text(properties, "rollback-index")
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise DescriptionError("'rollback-index' is not a number")
    return int(value)
