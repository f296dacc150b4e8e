"""What the camera's own files keep of passwords and keys, read over SSH and judged on the bench."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from devices.errors import DeviceFileError, Garbled, LinkError, NotOffered
from devices.identity.secret_codings import SecretSearch
from devices.identity.stored_credentials import Collector, FileAccess, StoredCredentials
from devices.links.ssh.inventory import regular_files
from devices.links.ssh.link import SshLink

_MAX_FILES = 600
_LARGEST_PARTITION = 1_500_000  # bytes: settings and environment, not the programs' partitions
_FILES_AT_ONCE = 40
_PARTITION = re.compile(r"^(mtd\d+): ([0-9a-f]{8}) [0-9a-f]{8} \"([^\"]*)\"", re.MULTILINE)
_ALWAYS = ("/etc/shadow", "/etc/passwd", "/etc/shadow-")
_LS = re.compile(
    r"^([-a-z][-rwxsStT]{9})([^\s\d]?)\s+\d+\s+(\S+)\s+(\S+)\s.*?\s(/\S.*|/)$", re.MULTILINE
)


def stored_credentials(
    link: SshLink,
    places: Sequence[str],
    secrets: Iterable[tuple[str, str]],
    published: Mapping[str, str],
    pairs: Iterable[tuple[str, str]],
    *,
    readers: Sequence[str] = (),
) -> StoredCredentials:
    """Read files under ``places`` and small flash partitions; nothing secret is sent or kept.

    ``readers``: accounts of the device file, of lower privilege, that try to read the secret ones.
    """
    collector = Collector("camera", SecretSearch(secrets), published)
    files = regular_files(link, places, size="-1024k")
    names = list(dict.fromkeys((*files.names, *_ALWAYS)))
    unread = []
    for name in names[:_MAX_FILES]:
        try:
            collector.take(name, link.read_file(name))
        except (NotOffered, Garbled) as error:
            # without find a link to a folder is taken for a file
            if name in files.names and "s a directory" not in str(error):
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
        problems.append(f"ls does not tell who may read {missing} files that hold secrets")
    access, unable = _read_by_others(link, readers, access)
    problems += unable
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
    """Modes of files, of what a symbolic link leads to, and of the folders above.

    An entry with an access list ("+") is left out, for its mode tells only a part.
    """
    places = {path: path for path, _ in sensitive}
    named = _modes(link, list(places))
    for path, (mode, _, _, target) in named.items():
        if mode.startswith("l"):
            places[path] = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    behind = {place for path, place in places.items() if place != path}
    wanted = behind | {str(up) for at in (*places, *behind) for up in PurePosixPath(at).parents}
    told = named | _modes(link, sorted(wanted), follow=True)
    found = []
    for path, kind in sensitive:
        entry = told.get(places[path])
        if entry is None or entry[0].startswith("l"):
            continue
        above = {str(up) for up in PurePosixPath(places[path]).parents}
        folders = tuple((up, told[up][0]) for up in sorted(above) if up in told)
        found.append(FileAccess(path, kind, *entry[:3], folders=folders))
    return found


def _modes(
    link: SshLink, paths: Sequence[str], *, follow: bool = False
) -> dict[str, tuple[str, str, str, str]]:
    """(mode, owner, group, target of a link) by path, as ``ls`` has them."""
    found = {}
    for start in range(0, len(paths), _FILES_AT_ONCE):
        some = paths[start : start + _FILES_AT_ONCE]
        options = ("-lndL", "-lnd") if follow else ("-lnd",)
        for option in options:
            said = link.run(f"ls {option} {shlex.join(some)}").result.text
            rows = _LS.findall(said)
            for mode, more, owner, group, written in rows:
                name, _, target = written.partition(" -> ")
                if name in some and more != "+":
                    found[name] = (mode, owner, group, target)
            if rows:
                break
    return found


def _read_by_others(
    link: SshLink, accounts: Sequence[str], access: Sequence[FileAccess]
) -> tuple[list[FileAccess], list[str]]:
    """Let accounts of lower privilege read the files; bytes are counted, and not kept."""
    paths = [each.path for each in access]
    readers: dict[str, list[str]] = {path: [] for path in paths}
    problems = []
    for account in accounts:
        try:
            uid, sizes = link.readable(account, paths)
        except (LinkError, DeviceFileError) as error:
            problems.append(f"account {account} could not be used to read them: {error}")
            continue
        for each in access:
            if uid not in {"0", each.owner} and sizes.get(each.path):
                readers[each.path].append(account)
    return [replace(e, read_by=tuple(readers[e.path])) for e in access], problems
