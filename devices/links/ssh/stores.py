"""What the camera's own files keep of passwords and keys, read over SSH and judged on the bench."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

from devices.errors import Garbled, NotOffered
from devices.identity.secret_codings import SecretSearch
from devices.identity.stored_credentials import Collector, FileAccess, StoredCredentials
from devices.links.ssh.inventory import regular_files
from devices.links.ssh.link import SshLink

_MAX_FILES = 600
_LARGEST_PARTITION = 1_500_000  # bytes: settings and environment, not the programs' partitions
_FILES_AT_ONCE = 40
_PARTITION = re.compile(r"^(mtd\d+): ([0-9a-f]{8}) [0-9a-f]{8} \"([^\"]*)\"", re.MULTILINE)
_ALWAYS = ("/etc/shadow", "/etc/passwd", "/etc/shadow-")
_LS = re.compile(r"^([-a-z][-rwxsStT]{9})\S*\s+\d+\s+(\S+)\s+(\S+)\s.*?(/\S.*)$", re.MULTILINE)


def stored_credentials(
    link: SshLink,
    places: Sequence[str],
    secrets: Iterable[tuple[str, str]],
    published: Mapping[str, str],
    pairs: Iterable[tuple[str, str]],
) -> StoredCredentials:
    """Read files under ``places`` and small flash partitions; nothing secret is sent or kept."""
    collector = Collector("camera", SecretSearch(secrets), published)
    files = regular_files(link, places, size="-1024k")
    names = list(dict.fromkeys((*files.names, *_ALWAYS)))
    unread = []
    for name in names[:_MAX_FILES]:
        try:
            collector.take(name, link.read_file(name))
        except (NotOffered, Garbled) as error:
            if name in files.names:
                unread.append(f"{name} ({error})")
    problems = files.problems()
    if unread:
        problems.append(f"{len(unread)} files could not be read, the first {unread[0]}")
    if len(names) > _MAX_FILES:
        problems.append(f"{len(names) - _MAX_FILES} files were not read")
    if not collector.searched:
        problems.append(f"no file could be read under {' '.join(places)}")
    problems += _partitions(link, collector)
    access = _access(link, list(collector.sensitive.items()))
    if missing := len(collector.sensitive) - len(access):
        problems.append(f"ls does not tell the modes of {missing} files that hold secrets")
    return collector.observation(pairs, access=access, shortfall="; ".join(problems))


def _partitions(link: SshLink, collector: Collector) -> list[str]:
    """Search the small flash partitions; a camera without /proc/mtd has none to tell of."""
    try:
        table = link.read_file("/proc/mtd").decode("utf-8", "replace")
    except (NotOffered, Garbled):
        return []
    problems = []
    for device, size, label in _PARTITION.findall(table):
        if int(size, 16) > _LARGEST_PARTITION:
            continue
        for node in (f"/dev/{device}ro", f"/dev/{device}"):
            try:
                data = link.read_file(node, limit=_LARGEST_PARTITION)
            except (NotOffered, Garbled):
                continue
            collector.take(f"{node} ({label})", data)
            collector.sensitive.pop(f"{node} ({label})", None)
            break
        else:
            problems.append(f"the flash partition {device} ({label}) cannot be read")
    return problems


def _access(link: SshLink, sensitive: Sequence[tuple[str, str]]) -> list[FileAccess]:
    kinds = dict(sensitive)
    found = []
    for start in range(0, len(sensitive), _FILES_AT_ONCE):
        paths = [path for path, _ in sensitive[start : start + _FILES_AT_ONCE]]
        said = link.run(f"ls -ln {shlex.join(paths)}").result.text
        for mode, owner, group, path in _LS.findall(said):
            name = path.partition(" -> ")[0]
            if name in kinds:
                found.append(FileAccess(name, kinds[name], mode, owner, group))
    return found
