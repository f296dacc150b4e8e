"""The camera from inside: sockets, processes, accounts, keys, start scripts, stored secrets.

Each answer is looked for in more than one way, since cameras lack tools; when none works, the
observation says so in its shortfall or the link error is raised.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from devices.errors import Garbled, NotOffered
from devices.links.ssh.commands import CommandResult
from devices.links.ssh.link import SshLink
from devices.links.ssh.tables import (
    AuthorizedKey,
    ListeningSocket,
    ProcessRow,
    SystemAccount,
    parse_accounts,
    parse_authorized_keys,
    parse_netstat,
    parse_proc_net,
    parse_ps,
)
from devices.observation import Observation

_MAX_FILES = 400
_MAX_SCRIPT = 64_000
_TABLES = (("tcp", "tcp"), ("tcp6", "tcp"), ("udp", "udp"), ("udp6", "udp"))
_PS = ("ps w", "ps axww", "ps -ef", "ps")
"""BusyBox lists all processes with the first; procps only those of the terminal, of which SSH
gives none."""


@dataclass(frozen=True, kw_only=True)
class DeviceSockets(Observation):
    """Sockets that wait for peers, as the device lists them; ``source`` says by which means."""

    sockets: tuple[ListeningSocket, ...]
    source: str


@dataclass(frozen=True, kw_only=True)
class DeviceProcesses(Observation):
    """The process table; ``source`` says by which means."""

    processes: tuple[ProcessRow, ...]
    source: str


@dataclass(frozen=True, kw_only=True)
class DeviceAccounts(Observation):
    """Accounts of the operating system."""

    accounts: tuple[SystemAccount, ...]


@dataclass(frozen=True, kw_only=True)
class DeviceKeys(Observation):
    """Keys that may log in over SSH. ``files``: every ``authorized_keys`` path looked for."""

    keys: tuple[AuthorizedKey, ...]
    files: tuple[str, ...]


@dataclass(frozen=True)
class StartScript:
    """A script or table that starts programs; ``text`` holds its first 64 kB."""

    path: str
    text: str


@dataclass(frozen=True, kw_only=True)
class DeviceStartScripts(Observation):
    """What the device starts by itself."""

    scripts: tuple[StartScript, ...]


@dataclass(frozen=True)
class ClearSecret:
    """A file that holds a secret in the clear: its path, and whose secret or which pattern."""

    path: str
    what: str


@dataclass(frozen=True, kw_only=True)
class StoredSecrets(Observation):
    """Result of a search for secrets in the clear. ``searched`` counts files read."""

    searched: int
    found: tuple[ClearSecret, ...]


def sockets(link: SshLink) -> DeviceSockets:
    """List listening sockets from ``/proc/net``, else with netstat or ss."""
    found: list[ListeningSocket] = []
    unread = []
    for table, transport in _TABLES:
        try:
            found += parse_proc_net(_text(link.read_file(f"/proc/net/{table}")), transport)
        except (NotOffered, Garbled):
            unread.append(table)
    if not {"tcp", "udp"} & set(unread):  # a kernel without IPv6 has no tcp6 and udp6
        return DeviceSockets(sockets=_unique(found), source="/proc/net")
    for command in ("netstat -ltunp", "netstat -ltun", "ss -ltunp"):
        result = link.run(f"{command} 2>/dev/null").result
        try:
            return DeviceSockets(sockets=_unique(parse_netstat(result.text)), source=command)
        except Garbled:
            continue
    return DeviceSockets(
        sockets=_unique(found),
        source="none",
        shortfall="the camera's sockets cannot be listed: no /proc/net, no netstat, no ss",
    )


def processes(link: SshLink) -> DeviceProcesses:
    """List processes with ``ps``, else from ``/proc``.

    Process 1 is in every whole table; without it the list is of one terminal or one user only.
    """
    for command in _PS:
        result = link.run(f"{command} 2>/dev/null").result
        try:
            rows = parse_ps(result.text)
        except Garbled:
            continue
        if any(row.pid == 1 for row in rows):
            return DeviceProcesses(processes=tuple(rows), source=command)
    result = link.run("grep -H . /proc/[0-9]*/comm 2>/dev/null").result
    found = re.findall(r"^/proc/(\d+)/comm:(.+)$", result.text, re.MULTILINE)
    rows = [ProcessRow(int(pid), "", name) for pid, name in found]
    shortfall = "" if any(row.pid == 1 for row in rows) else "process 1 is not among the processes"
    if not rows:
        shortfall = "the camera's processes cannot be listed: no ps that lists all, no /proc"
    return DeviceProcesses(processes=tuple(rows), source="/proc", shortfall=shortfall)


def accounts(link: SshLink) -> DeviceAccounts:
    """Read ``/etc/passwd`` and ``/etc/shadow``."""
    passwd = _text(link.read_file("/etc/passwd"))
    shadow, shortfall = None, ""
    try:
        shadow = _text(link.read_file("/etc/shadow"))
    except NotOffered as error:
        shortfall = str(error) if re.search(r"^[^:]+:x:", passwd, re.MULTILINE) else ""
    if shadow is not None and not shadow.strip():
        shadow, shortfall = None, "/etc/shadow is empty"
    return DeviceAccounts(accounts=tuple(parse_accounts(passwd, shadow)), shortfall=shortfall)


def authorized_keys(link: SshLink, known_paths: Sequence[str]) -> DeviceKeys:
    """Read the ``authorized_keys`` of every home directory, and ``known_paths``."""
    listed = parse_accounts(_text(link.read_file("/etc/passwd")), None)
    homes = dict.fromkeys(account.home.rstrip("/") for account in listed if account.has_shell)
    paths = [f"{home}/.ssh/{name}" for home in homes for name in _KEY_FILES]
    paths = list(dict.fromkeys((*paths, *known_paths)))
    keys: list[AuthorizedKey] = []
    unread = []
    for path in paths:
        result = link.run(f"cat {shlex.quote(path)}").result
        if result.status == 0:
            keys += parse_authorized_keys(path, result.text)
        elif not _says_absent(result):
            unread.append(path)
    shortfall = f"not readable for the laboratory's user: {', '.join(unread)}" if unread else ""
    return DeviceKeys(keys=tuple(keys), files=tuple(paths), shortfall=shortfall)


_KEY_FILES = ("authorized_keys", "authorized_keys2")


def start_scripts(link: SshLink, places: Sequence[str]) -> DeviceStartScripts:
    """Read every file under ``places`` (files, directories and shell patterns)."""
    files = regular_files(link, places, size="")
    names = files.names
    scripts = []
    unread = []
    for name in names[:_MAX_FILES]:
        try:
            text = _text(link.read_file(name)[:_MAX_SCRIPT])
        except (NotOffered, Garbled):
            unread.append(name)
            continue
        scripts.append(StartScript(name, text))
    problems = files.problems()
    if unread:
        problems.append(f"{', '.join(unread[:5])} cannot be read")
    if len(names) > _MAX_FILES:
        problems.append(f"{len(names)} start scripts, of which {_MAX_FILES} were read")
    if not names:
        problems.append(f"no start script found under {' '.join(places)}")
    return DeviceStartScripts(scripts=tuple(scripts), shortfall="; ".join(problems))


def stored_secrets(
    link: SshLink,
    places: Sequence[str],
    secrets: Iterable[tuple[str, str]],
    patterns: Iterable[tuple[str, str, str]],
) -> StoredSecrets:
    """Search files under ``places`` for secrets in the clear.

    ``secrets``: (whose, secret); the comparison is made on the bench, nothing secret is sent.
    ``patterns``: (what, expression for the path, expression for the content) of formats that hold
    clear passwords.
    """
    needles = [(whose, secret.encode()) for whose, secret in secrets if len(secret) >= 6]
    forms = [(what, re.compile(path), re.compile(text)) for what, path, text in patterns]
    found, searched, unread = [], 0, 0
    files = regular_files(link, places, size="-256k")
    names = files.names
    for name in names[:_MAX_FILES]:
        try:
            data = link.read_file(name)
        except (NotOffered, Garbled):
            unread += 1
            continue
        searched += 1
        found += [ClearSecret(name, whose) for whose, secret in needles if secret in data]
        text = _text(data).replace("\r\n", "\n")
        found += [
            ClearSecret(name, what)
            for what, path, content in forms
            if path.search(name) and content.search(text)
        ]
    problems = files.problems()
    if unread:
        problems.append(f"{unread} files could not be read")
    if len(names) > _MAX_FILES:
        problems.append(f"{len(names) - _MAX_FILES} files were not searched")
    if not needles:
        problems.append("the device file gives no password of 6 characters or more to look for")
    if not searched:
        problems.append(f"no file could be read under {' '.join(places)}")
    return StoredSecrets(searched=searched, found=tuple(found), shortfall="; ".join(problems))


@dataclass(frozen=True)
class FoundFiles:
    """Paths of regular files, sorted; ``closed`` counts folders that may not be entered."""

    names: list[str]
    closed: int = 0

    def problems(self) -> list[str]:
        """What is missing of the list, as sentences."""
        if not self.closed:
            return []
        return [f"{self.closed} folders may not be entered by the laboratory's account"]


def regular_files(link: SshLink, places: Sequence[str], *, size: str) -> FoundFiles:
    """Regular files under the places that exist."""
    where = " ".join(places)  # shell patterns are meant; they come from the suite's own data
    limit = f" -size {size}" if size else ""
    inside = " ".join(f"{place}{deep}" for deep in ("", "/*", "/*/*", "/*/*/*") for place in places)
    for command in (
        f"find {where} -maxdepth 4 -type f{limit}",
        f"find {where} -type f{limit}",  # a find without -maxdepth
        f"ls -dp {inside}",  # no find: folders have a slash at their end
        f"ls -d {inside}",
    ):
        result = link.run(command, seconds=30).result
        names = [name for name in result.text.splitlines() if name.startswith("/")]
        names = [name for name in names if not name.endswith("/")]
        if names:
            return FoundFiles(sorted(set(names)), result.errors.count(b"ermission denied"))
    return FoundFiles([])


def _says_absent(result: CommandResult) -> bool:
    said = result.errors.decode("utf-8", "replace")
    return "No such file" in said or "Not a directory" in said


def _unique(found: Iterable[ListeningSocket]) -> tuple[ListeningSocket, ...]:
    order = {(s.transport, s.port, s.address, s.program): s for s in found}
    return tuple(order[key] for key in sorted(order))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
