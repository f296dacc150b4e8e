"""SHA-256 of files on the camera."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable, Iterable, Sequence

from devices.errors import Garbled, NotOffered
from devices.links.ssh.commands import MAX_OUTPUT, CommandResult
from devices.links.ssh.observations import FileDigests

_SECONDS = 60.0  # for one group of files
_SHA256_LINE = re.compile(r"^([0-9a-f]{64}) [ *]?(.+)$", re.MULTILINE)
_PATHS_AT_ONCE = 40
_NO_SUCH_COMMAND = 127


def digests_of(
    run: Callable[[str, float], CommandResult],
    read_file: Callable[..., bytes],
    paths: Iterable[str],
) -> FileDigests:
    """By the camera's ``sha256sum``, else by reading the files over.

    ``run``: runs a command within so many seconds; ``read_file``: see :meth:`SshLink.read_file`.
    """
    wanted = list(dict.fromkeys(paths))
    found: dict[str, str] = {}
    for start in range(0, len(wanted), _PATHS_AT_ONCE):
        group = wanted[start : start + _PATHS_AT_ONCE]
        result = run("sha256sum " + shlex.join(group), _SECONDS)
        if result.status == _NO_SUCH_COMMAND:
            found |= _by_reading(read_file, group)
        else:
            found |= {name: digest for digest, name in _SHA256_LINE.findall(result.text)}
    missing = [path for path in wanted if path not in found]
    unread = [p for p in missing if run(f"ls -d {shlex.quote(p)}", _SECONDS).status == 0]
    return FileDigests(
        sha256={p: found[p] for p in wanted if p in found},
        missing=tuple(path for path in missing if path not in unread),
        shortfall=f"there, and not readable for the bench: {', '.join(unread[:5])}"
        if unread
        else "",
    )


def _by_reading(read_file: Callable[..., bytes], paths: Sequence[str]) -> dict[str, str]:
    found = {}
    for path in paths:
        try:
            found[path] = hashlib.sha256(read_file(path, limit=MAX_OUTPUT)).hexdigest()
        except (NotOffered, Garbled):
            continue
    return found
