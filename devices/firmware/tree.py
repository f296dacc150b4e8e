"""One digest over a directory tree, so that a signed description can vouch for every file in it.

The digest is SHA-256 over one line per entry, sorted by path:
``file MODE SHA256 PATH``, ``link TARGET PATH`` or ``dir MODE PATH``.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path


def tree_digest(root: Path) -> str:
    """Return the hexadecimal tree digest of ``root``; raises OSError when it cannot be read."""
    total = hashlib.sha256()
    for relative, path in sorted(_entries(root)):
        total.update(f"{_line(path)} {relative}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _entries(root: Path) -> Iterator[tuple[str, Path]]:
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            yield path.relative_to(root).as_posix(), path


def _line(path: Path) -> str:
    status = path.lstat()
    mode = f"{stat.S_IMODE(status.st_mode):04o}"
    if stat.S_ISLNK(status.st_mode):
        return f"link {path.readlink()}"
    if stat.S_ISDIR(status.st_mode):
        return f"dir {mode}"
    with path.open("rb") as stream:
        return f"file {mode} {hashlib.file_digest(stream, 'sha256').hexdigest()}"
