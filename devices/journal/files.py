"""The two files of a journal: written by one process at a time, synced, never half a line."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path

CHANGES = "changes.jsonl"
SECRETS = "changes-secrets.json"


class JournalError(Exception):
    """The journal of a run cannot be read or written, or another process has it."""


class JournalBusy(JournalError):
    """Another process has it."""


class ChangesFile:
    """``changes.jsonl`` of a folder, open for writing in this process alone."""

    def __init__(self, folder: Path) -> None:
        """Raises JournalError while another process has it, and where it cannot be written."""
        self._path = folder / CHANGES
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            self._descriptor = os.open(self._path, flags, 0o600)
        except OSError as error:
            raise JournalError(f"{self._path} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise JournalBusy(f"{self._path}: the run that writes it is still going on") from error
        self._cut_unfinished()
        _sync_folder(folder)

    @property
    def empty(self) -> bool:
        """Whether nothing has been written yet."""
        return os.fstat(self._descriptor).st_size == 0

    def append(self, line: bytes) -> None:
        """Write a line to the disk, wholly or not at all. Raises JournalError."""
        size = os.fstat(self._descriptor).st_size
        try:
            whole, why = os.write(self._descriptor, line) == len(line), "the disk is full"
            os.fsync(self._descriptor)
        except OSError as error:
            whole, why = False, str(error.strerror)
        if not whole:
            os.ftruncate(self._descriptor, size)
            raise JournalError(f"{self._path} cannot be written: {why}")

    def close(self) -> None:
        """Let another process write."""
        os.close(self._descriptor)

    def _cut_unfinished(self) -> None:
        """Cut off a last line without its end: whoever wrote it was killed before the change."""
        data = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
        if not data.endswith(b"\n"):
            os.ftruncate(self._descriptor, data.rfind(b"\n") + 1)


def read_changes(folder: Path) -> bytes:
    """The bytes of ``changes.jsonl``. Raises JournalError."""
    try:
        return (folder / CHANGES).read_bytes()
    except OSError as error:
        raise JournalError(f"{folder / CHANGES} cannot be read: {error.strerror}") from error


def read_secrets(folder: Path) -> dict[str, str]:
    """The passwords by reference; none where they cannot be read: what needs one says so."""
    try:
        found = json.loads((folder / SECRETS).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def write_secrets(folder: Path, secrets: Mapping[str, str]) -> None:
    """Replace the file of passwords in one step, or remove it. Raises JournalError."""
    path = folder / SECRETS
    fresh = path.with_suffix(".new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    try:
        if not secrets:
            path.unlink(missing_ok=True)
            return
        with os.fdopen(os.open(fresh, flags, 0o600), "w", encoding="utf-8") as stream:
            json.dump(secrets, stream)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(path)
        _sync_folder(folder)
    except OSError as error:
        raise JournalError(f"{path} cannot be written: {error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
