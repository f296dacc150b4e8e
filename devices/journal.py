"""What a run has changed on a camera and not yet put back, written before each change.

One JSON object a line in ``changes.jsonl`` of the run's folder, synced to the disk before the
camera is told anything, so that a run that is killed leaves word of what it was about to do.
Passwords stand apart, in a file that only its owner may read (mode 0600), which no evidence and no
dossier takes up; it goes when nothing is open any more.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

CHANGES = "changes.jsonl"
SECRETS = "changes-secrets.json"

Kind = Literal["user", "password", "lock", "clock", "power", "factory", "firmware"]
KINDS: tuple[Kind, ...] = get_args(Kind)

LOCK_SECONDS = 300.0
"""How long a lock is taken to last where nothing is declared."""

_MAX_LINE = 64 * 1024  # characters; a longer one is none of ours


@dataclass(frozen=True)
class Change:
    """One change. ``subject`` is the user's name, or empty; ``via`` the link it was made over.

    ``at`` and ``until`` (when a lock should end; else empty) are UTC, ISO 8601. ``secrets`` are
    references into the file SECRETS, the newest password last.
    """

    id: str
    kind: Kind
    via: str
    subject: str
    at: str
    until: str = ""
    secrets: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The change for people, with what puts it right."""
        name, over = self.subject, f" over {self.via}" if self.via else ""
        return {
            "user": f"the user {name} was created{over}: delete it",
            "password": f"the password of {name} was changed{over}: give it its own again",
            "lock": f"{name} may be locked{over} until {self.until}: the lock ends by itself",
            "clock": "the camera's clock was moved: set it right",
            "power": "the camera's power is off: switch it on",
            "factory": "the camera was reset: set it up as declared",
            "firmware": "other firmware was offered to the camera: put the declared one back",
        }[self.kind]

    def seconds_left(self, now: datetime | None = None) -> float:
        """Seconds until a lock should have ended; 0 when that is past, or it is no lock."""
        if not self.until:
            return 0.0
        left = datetime.fromisoformat(self.until) - (now or datetime.now(UTC))
        return max(0.0, left.total_seconds())


class JournalError(Exception):
    """The journal of a run cannot be read, or another process has it."""


class Journal:
    """The journal of one run; without a folder it is kept in memory. For several threads."""

    def __init__(self, folder: Path | None = None, *, device_file: Path | None = None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._open: dict[str, Change] = {}
        self._secrets: dict[str, str] = {}
        self._descriptor: int | None = None
        self._device_file = device_file

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
                self._write({"change": asdict(change)})
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

    def secret(self, reference: str) -> str:
        """A password by its reference; empty when it is not known any more."""
        return self._secrets.get(reference, "")

    def originals(self, change: Change) -> list[str]:
        """The passwords of a change, the original first."""
        return [value for name in change.secrets if (value := self.secret(name))]

    def close(self) -> None:
        """Let go of the files."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    @classmethod
    def read(cls, folder: Path) -> tuple[Journal, Path | None]:
        """The journal that a run left, to go on with, and the device file it names.

        A last line that was cut short is no entry: its change was not begun. Raises JournalError.
        """
        journal = cls(folder)
        try:
            lines = (folder / CHANGES).read_bytes().split(b"\n")
        except OSError as error:
            raise JournalError(f"{folder / CHANGES} cannot be read: {error.strerror}") from error
        device_file = None
        for number, line in enumerate(lines[:-1], start=1):
            try:
                row = _row(line)
                if "device_file" in row:
                    device_file = Path(str(row["device_file"]))
                elif "change" in row:
                    change = _change(row["change"])
                    journal._open[change.id] = change
                else:
                    journal._open.pop(str(row["undone"]), None)
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                raise JournalError(f"{folder / CHANGES}, line {number}: not an entry") from error
        journal._numbers = itertools.count(len(lines))
        journal._secrets = _read_secrets(folder / SECRETS)
        return journal, device_file

    def take(self) -> None:
        """Take the file for this process. Raises JournalError while another has it."""
        with self._lock:
            self._file()

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
        self._write_secrets()
        return (*references, name)

    def _end(self, identifier: str, how: str) -> None:
        if self._open.pop(identifier, None) is None:
            return
        self._write({"undone": identifier, "how": how[:300], "at": _written(datetime.now(UTC))})
        if not self._open:
            self._secrets = {}
            if self._folder is not None:
                (self._folder / SECRETS).unlink(missing_ok=True)

    def _write(self, row: Mapping[str, Any]) -> None:
        if self._folder is None:
            return
        descriptor = self._file()
        os.write(descriptor, json.dumps(row).encode() + b"\n")
        os.fsync(descriptor)

    def _file(self) -> int:
        assert self._folder is not None  # the callers looked
        if self._descriptor is None:
            path = self._folder / CHANGES
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            descriptor = os.open(path, flags, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(descriptor)
                raise JournalError(f"{path}: the run that writes it is still going on") from error
            _cut_unfinished(descriptor)
            self._descriptor = descriptor
            if self._device_file is not None:
                os.write(descriptor, json.dumps({"device_file": str(self._device_file)}).encode())
                os.write(descriptor, b"\n")
            _sync_folder(self._folder)
        return self._descriptor

    def _write_secrets(self) -> None:
        if self._folder is None:
            return
        path = self._folder / SECRETS
        fresh = path.with_suffix(".new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(fresh, flags, 0o600), "w", encoding="utf-8") as stream:
            json.dump(self._secrets, stream)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(path)
        _sync_folder(self._folder)


def _row(line: bytes) -> dict[str, Any]:
    if len(line) > _MAX_LINE:
        raise ValueError("too long")
    row = json.loads(line)
    if not isinstance(row, dict):
        raise TypeError("no object")
    return row


def _change(row: Any) -> Change:
    texts = {key: row[key] for key in ("id", "kind", "via", "subject", "at", "until")}
    if not all(isinstance(text, str) for text in texts.values()) or row["kind"] not in KINDS:
        raise ValueError("no change")
    if texts["until"] and datetime.fromisoformat(texts["until"]).tzinfo is None:
        raise ValueError("no time")
    return Change(**texts, secrets=tuple(map(str, row["secrets"])))


def _read_secrets(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}  # what needs one says so
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def _cut_unfinished(descriptor: int) -> None:
    """Cut off a last line without its end: whoever wrote it was killed before the change."""
    data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    os.ftruncate(descriptor, data.rfind(b"\n") + 1)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _written(moment: datetime) -> str:
    return moment.replace(microsecond=0).isoformat()
