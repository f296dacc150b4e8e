"""What the files of one place (an image, the device, a backup) keep of passwords and keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from devices.identity.credential_stores import Entry, StoredPassword, entries, is_private_key
from devices.identity.image import ImageFormatError, file_contents, read_bytes
from devices.identity.published_passwords import (
    Opened,
    OutOfTime,
    opened_by_published,
    untried,
)
from devices.identity.secret_codings import SecretSearch
from devices.observation import Observation
from devices.protocols.archives import inflated

_BLOCK = 8 * 1024 * 1024
_OVERLAP = 4096
_INFLATED = 4 * 1024 * 1024
_MAX_NAMED = 400


@dataclass(frozen=True)
class FoundSecret:
    """A known secret in a file: whose, in which coding, at which byte."""

    path: str
    whose: str
    coding: str
    offset: int


@dataclass(frozen=True)
class FileAccess:
    """Who may read a file that holds a secret. ``mode`` as ls prints it; ``kind`` what it is.

    ``folders``: (path, mode) of the folders above it, the root's first, as far as they are told.
    ``read_by``: accounts, neither root nor the owner, that did read bytes of it.
    """

    path: str
    kind: str
    mode: str
    owner: str
    group: str
    folders: tuple[tuple[str, str], ...] = ()
    read_by: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StoredCredentials(Observation):
    """Result of one search. ``searched`` counts files read, ``searched_for`` names the secrets.

    ``absent`` says why there was nothing to search, where the device file names none; ``untried``
    are stored forms of methods that are not computed here, so that no password was tried.
    """

    place: str
    searched: int = 0
    searched_for: tuple[str, ...] = ()
    passwords: tuple[StoredPassword, ...] = ()
    secrets: tuple[FoundSecret, ...] = ()
    absent: str = ""
    opened: tuple[Opened, ...] = ()
    untried: tuple[str, ...] = ()
    access: tuple[FileAccess, ...] = ()


@dataclass
class Collector:
    """Takes file after file; ``observation`` is what they hold together."""

    place: str
    search: SecretSearch
    published: Mapping[str, str]
    searched: int = 0
    found: list[FoundSecret] = field(default_factory=list)
    forms: list[Entry] = field(default_factory=list)
    sensitive: dict[str, str] = field(default_factory=dict)

    def take(self, path: str, data: bytes) -> None:
        """A whole file, and what it holds if it is a gzip file (old logs, kept backups)."""
        self.searched += 1
        self._secrets(path, data, 0)
        self._forms(path, data)
        if inner := inflated(data, _INFLATED):
            self._secrets(path, inner, 0, inside=":gzip")
            self._forms(path, inner)

    def take_stream(self, path: str, stream: IO[bytes]) -> None:
        """A file that may be large: secrets are looked for in all of it, stores at its start."""
        self.searched += 1
        before, offset = b"", 0
        while block := stream.read(_BLOCK):
            self._secrets(path, before + block, offset - len(before))
            if not offset:
                self._forms(path, block)
            before, offset = block[-_OVERLAP:], offset + len(block)

    def observation(
        self,
        pairs: Iterable[tuple[str, str]],
        *,
        access: Iterable[FileAccess] = (),
        shortfall: str = "",
    ) -> StoredCredentials:
        """All of it. ``pairs``: published names and passwords that the forms are tried with."""
        try:
            opened = opened_by_published(self.forms, self.published, pairs)
        except OutOfTime as error:
            opened = error.found
            shortfall = "; ".join(filter(None, (shortfall, str(error))))
        return StoredCredentials(
            place=self.place,
            searched=self.searched,
            searched_for=tuple(self.search.names),
            passwords=tuple(entry.described() for entry in self.forms),
            secrets=tuple(dict.fromkeys(self.found)),
            opened=opened,
            untried=untried(self.forms, opened),
            access=tuple(access),
            shortfall=shortfall,
        )

    def _secrets(self, path: str, data: bytes, offset: int, *, inside: str = "") -> None:
        name = path + inside
        known = {(each.whose, each.coding) for each in self.found if each.path == name}
        for each in self.search.find(data):
            if (each.whose, each.coding) not in known:
                place = FoundSecret(name, each.whose, each.coding, offset + each.offset)
                self.found.append(place)
                self.sensitive.setdefault(path, "configuration that holds a password")

    def _forms(self, path: str, data: bytes) -> None:
        held = entries(path, data)
        self.forms += held[: max(0, _MAX_NAMED - len(self.forms))]
        if is_private_key(path, data):
            self.sensitive[path] = "private key"
        elif any(entry.hash is not None for entry in held) or (held and "shadow" in path):
            self.sensitive[path] = "password store"


def search_image(
    path: Path,
    search: SecretSearch,
    published: Mapping[str, str],
    pairs: Iterable[tuple[str, str]],
) -> StoredCredentials:
    """Search a firmware image. Raises ImageFormatError (not opened here) and OSError."""
    data = read_bytes(path)
    collector = Collector("firmware image", search, published)
    for name, stream in file_contents(path, data):
        collector.take_stream(name, stream)
    if not collector.searched:
        raise ImageFormatError(f"{path} holds no file")
    return collector.observation(pairs)
