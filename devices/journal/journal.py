"""The journal of one run."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from devices.journal import entries
from devices.journal.change import Change, Kind
from devices.journal.entries import Contents, Unit
from devices.journal.files import (
    CHANGES,
    ChangesFile,
    JournalError,
    read_changes,
    read_secrets,
    write_secrets,
)


class Journal:
    """The journal of one run; without a folder it is kept in memory. For several threads.

    ``damaged``: lines of the file that could not be read, where that was allowed.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        device_file: Path | None = None,
        unit: Unit | None = None,
    ) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._open: dict[str, Change] = {}
        self._secrets: dict[str, str] = {}
        self._file: ChangesFile | None = None
        self.device_file = device_file
        self.unit = unit or Unit()
        self.damaged: tuple[int, ...] = ()

    def begin(
        self,
        kind: Kind,
        subject: str = "",
        via: str = "",
        *,
        secrets: Iterable[str] = (),
        seconds: float | None = None,
    ) -> str:
        """Enter a change that is about to be made; returns its id. A lock ends in ``seconds``.

        The same change of the same subject is entered once; later passwords are added to it.
        Raises JournalError when it cannot be written: then the change may not be made.
        """
        with self._lock:
            known = self._known(kind, subject, via)
            now = datetime.now(UTC)
            change = known or Change(
                f"{now:%H%M%S}-{next(self._numbers)}", kind, via, subject, _written(now)
            )
            references = change.secrets
            for value in secrets:
                references = self._with_secret(change.id, references, value)
            until = change.until
            if seconds is not None:
                until = _written(now + timedelta(seconds=seconds))
            change = replace(change, secrets=references, until=until)
            if change != known:
                self._write(entries.begun(change))
                self._open[change.id] = change
            return change.id

    def end(self, identifier: str, how: str) -> None:
        """A change is undone, or was never made; ``how`` says by what."""
        with self._lock:
            self._end(identifier, how)

    def ended(self, kind: Kind, subject: str = "", how: str = "put back") -> None:
        """Every open change of this kind of this subject is undone."""
        with self._lock:
            for change in [*self._open.values()]:
                if (change.kind, change.subject) == (kind, subject):
                    self._end(change.id, how)

    def open(self) -> list[Change]:
        """What is not undone, in the order it was done."""
        with self._lock:
            return [*self._open.values()]

    def is_open(self, kind: Kind, subject: str = "") -> bool:
        """Whether such a change is not undone."""
        return any((c.kind, c.subject) == (kind, subject) for c in self.open())

    def secret(self, reference: str) -> str:
        """A password by its reference; empty when it is not known any more."""
        return self._secrets.get(reference, "")

    def originals(self, change: Change) -> list[str]:
        """The passwords of a change, the original first."""
        return [value for name in change.secrets if (value := self.secret(name))]

    def close(self) -> None:
        """Let go of the files."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    @classmethod
    def read(cls, folder: Path, *, damaged: bool = False) -> tuple[Journal, Path | None]:
        """The journal that a run left, to go on with, and the device file it names.

        A last line that was cut short is no entry: its change was not begun. Raises JournalError
        for any other line that is none; with ``damaged`` only when no line is one.
        """
        journal = cls(folder)
        journal._load(Contents.of(read_changes(folder)), damaged=damaged)
        return journal, journal.device_file

    @classmethod
    def taken(cls, folder: Path, *, damaged: bool = False) -> Journal:
        """As ``read``, for this process alone. Raises JournalError while another has it."""
        journal = cls(folder)
        journal.take()
        try:
            journal._load(Contents.of(read_changes(folder)), damaged=damaged)
        except JournalError:
            journal.close()
            raise
        return journal

    def take(self) -> None:
        """Take the file for this process. Raises JournalError while another has it."""
        with self._lock:
            self._taken()

    def _load(self, found: Contents, *, damaged: bool) -> None:
        assert self._folder is not None  # the callers gave one
        path = self._folder / CHANGES
        if found.damaged and not (damaged and found.ours):
            raise JournalError(f"{path}, line {found.damaged[0]}: not an entry")
        self._open, self.damaged = found.open, tuple(found.damaged)
        self.device_file, self.unit = found.device_file, found.unit
        self._numbers = itertools.count(found.lines + 1)
        self._secrets = read_secrets(self._folder)

    def _known(self, kind: Kind, subject: str, via: str) -> Change | None:
        wanted = (kind, subject, via)
        return next((c for c in self._open.values() if (c.kind, c.subject, c.via) == wanted), None)

    def _with_secret(
        self, identifier: str, references: tuple[str, ...], value: str
    ) -> tuple[str, ...]:
        known = next((name for name in references if self._secrets.get(name) == value), None)
        if known is not None and known == references[0]:
            return references
        if known is not None:  # the newest stands last
            return (*(name for name in references if name != known), known)
        name = f"{identifier}/{len(references)}"
        self._secrets[name] = value
        if self._folder is not None:
            write_secrets(self._folder, self._secrets)
        return (*references, name)

    def _end(self, identifier: str, how: str) -> None:
        if identifier not in self._open:
            return
        self._write(entries.undone(identifier, how, _written(datetime.now(UTC))))
        del self._open[identifier]
        if not self._open:
            self._secrets = {}
            if self._folder is not None:
                write_secrets(self._folder, {})

    def _write(self, line: bytes) -> None:
        if self._folder is not None:
            self._taken().append(line)

    def _taken(self) -> ChangesFile:
        assert self._folder is not None  # the callers looked
        if self._file is None:
            self._file = ChangesFile(self._folder)
            if self._file.empty and self.device_file is not None:
                self._file.append(entries.header(self.device_file, self.unit))
        return self._file


def _written(moment: datetime) -> str:
    return moment.replace(microsecond=0).isoformat()
