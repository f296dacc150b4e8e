"""Files that a command is asked to write: looked at before anything is started."""

from __future__ import annotations

import os
from pathlib import Path

from camproof.errors import CommandError


def check_writable(path: Path) -> None:
    """Raise CommandError when no file can be written there. Nothing is written yet."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise CommandError(f"{path} cannot be written: there is no folder {folder}")
    if path.is_dir():
        raise CommandError(f"{path} cannot be written: it is a folder")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise CommandError(f"{path} cannot be written: permission denied")
