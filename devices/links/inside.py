"""What is on the camera's own file system, over SSH: packages, file digests, texts in programs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from devices.errors import Garbled, NotOffered
from devices.identity.errors import PackageDatabaseError
from devices.identity.packages import DATABASES, Package, parse_packages
from devices.links.ssh.link import SshLink
from devices.observation import Observation

PROGRAM_FOLDERS = ("/bin", "/sbin", "/lib", "/usr", "/opt", "/app", "/home", "/mnt", "/var/www")
"""Where embedded makers keep programs and web pages; folders that do not exist are passed over."""

MAX_FILES = 6000
_LARGEST = "16384k"
_FILES_AT_ONCE = 40
_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class InstalledPackages(Observation):
    """The packages that the camera's own database lists; ``database`` is its path."""

    database: str
    packages: tuple[Package, ...]


@dataclass(frozen=True)
class MarkedFile:
    """A file in which a text occurs (without regard to case, not inside a longer word)."""

    path: str
    text: str


@dataclass(frozen=True, kw_only=True)
class MarkedFiles(Observation):
    """The files in which any of the texts looked for occur, among ``searched`` files."""

    searched: int
    found: tuple[MarkedFile, ...]


def installed_packages(ssh: SshLink) -> InstalledPackages:
    """Read the package database. Raises NotOffered without one, Garbled when it is broken."""
    for path in DATABASES:
        try:
            text = ssh.read_file(path, limit=4_000_000).decode("utf-8", "replace")
        except NotOffered:
            continue
        try:
            return InstalledPackages(database=path, packages=parse_packages(text))
        except PackageDatabaseError as error:
            raise Garbled(f"{path} on the camera: {error}") from error
    raise NotOffered(f"the camera has no readable package database at {', '.join(DATABASES)}")


def search_files(ssh: SshLink, texts: Sequence[str]) -> MarkedFiles:
    """Look for each of ``texts`` in the programs and pages of the camera.

    Raises NotOffered when the camera has no ``find`` or ``grep``, or shows no file at all.
    """
    files, unread = _program_files(ssh)
    searched, any_of = files[:MAX_FILES], _expression(texts)
    suspects = [path for group in _groups(searched) for path in _grep(ssh, any_of, group, unread)]
    found = [
        MarkedFile(path, text)
        for group in _groups(suspects)
        for text in texts
        for path in _grep(ssh, _expression([text]), group, unread)
    ]
    left_out = len(files) - len(searched)
    problems = [f"{left_out} files were not searched"] if left_out else []
    problems += unread[:3]
    return MarkedFiles(
        searched=len(searched),
        found=tuple(found),
        shortfall="; ".join(problems),
    )


def _program_files(ssh: SshLink) -> tuple[list[str], list[str]]:
    """The program files, and what find says of folders that it may not enter."""
    said = ""
    for tests in (f"-xdev -type f -size -{_LARGEST}", "-type f"):  # small builds know few tests
        run = ssh.run(f"find {shlex.join(PROGRAM_FOLDERS)} {tests}", seconds=_SECONDS)
        files = [line for line in run.result.text.splitlines() if line.startswith("/")]
        if files and not run.shortfall:
            closed = run.result.errors.count(b"ermission denied")
            problems = [f"{closed} folders may not be entered by the laboratory's account"]
            return sorted(dict.fromkeys(files)), problems if closed else []
        said = run.shortfall or run.result.errors.decode("utf-8", "replace").strip()[:160]
    raise NotOffered(f"the camera's files cannot be listed with find: {said}")


def _grep(ssh: SshLink, expression: str, files: Sequence[str], unread: list[str]) -> list[str]:
    """Those of ``files`` in which the extended regular expression matches (POSIX grep -l).

    What grep says of files that it could not read is added to ``unread``.
    """
    command = f"grep -liE {shlex.quote(expression)} {shlex.join(files)}"
    result = ssh.run(command, seconds=_SECONDS).result
    said = result.errors.decode("utf-8", "replace").strip()[:160]
    if result.status not in (0, 1, 2):
        raise NotOffered(f"the camera's files cannot be searched with grep: {said}")
    if result.status == 2:  # some file could not be read
        unread.append(f"not all files could be searched: {said}")
    listed = set(result.text.splitlines())
    return [path for path in files if path in listed]


def _expression(texts: Sequence[str]) -> str:
    either = "|".join(re.sub(r"([\\.^$*+?{}\[\]()|])", r"\\\1", text) for text in texts)
    return f"(^|[^A-Za-z0-9])({either})([^A-Za-z0-9]|$)"


def _groups(files: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(files), _FILES_AT_ONCE):
        yield files[start : start + _FILES_AT_ONCE]
