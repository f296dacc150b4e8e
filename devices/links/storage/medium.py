"""Reading a medium: all of a small one, samples spread over a large one."""

from __future__ import annotations

import io
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from devices.description import StorageMedium
from devices.errors import BenchError

PIECE = 1024 * 1024
"""Bytes read at one time."""

BEGINNING = 64 * PIECE
"""Bytes from the start that are always read: directories and the first recordings."""

SAMPLE = 256 * PIECE
"""Most bytes that are looked at."""

_PIPE_STRIDE = 64 * PIECE  # of a source whose size is not known


@dataclass(frozen=True)
class Piece:
    """Bytes of the medium. ``follows``: they come directly after the piece before."""

    offset: int
    data: bytes
    follows: bool


@dataclass
class Source:
    """An open medium. ``size`` is 0 when it is not known before the end.

    ``reached`` says how far it was read; ``late`` that the time was over before the end.
    """

    name: str
    stream: IO[bytes]
    size: int
    deadline: float
    reached: int = 0
    late: bool = False

    def pieces(self) -> Iterator[Piece]:
        """Yield what is to be looked at, in order."""
        offset, examined, before = 0, 0, -1
        while examined < SAMPLE:
            if time.monotonic() > self.deadline:
                self.late = True
                return
            data = self._read(PIECE)
            if data:
                yield Piece(offset, data, follows=offset == before)
            examined += len(data)
            before = self.reached = offset + len(data)
            if len(data) < PIECE:
                return
            offset = self._next(before)
            if not self._skip(offset - before):
                return

    def _next(self, offset: int) -> int:
        if offset < BEGINNING or 0 < self.size <= SAMPLE:
            return offset
        stride = _PIPE_STRIDE
        if self.size:
            stride = (self.size - BEGINNING) // ((SAMPLE - BEGINNING) // PIECE)
        return offset + max(stride - PIECE, 0) // PIECE * PIECE

    def _skip(self, count: int) -> bool:
        if count and self.stream.seekable():
            self.stream.seek(count, io.SEEK_CUR)
            return True
        while count > 0 and time.monotonic() <= self.deadline:
            passed = len(self._read(min(count, PIECE)))
            if not passed:
                return False
            count -= passed
        return True

    def _read(self, count: int) -> bytes:
        try:
            return self.stream.read(count)
        except OSError as error:
            raise BenchError(f"bench.storage: {self.name}: {error.strerror or error}") from error


@contextmanager
def opened(medium: StorageMedium) -> Iterator[Source]:
    """Open the medium until the end of the context. Raises BenchError when that fails."""
    deadline = time.monotonic() + medium.seconds
    if medium.command is not None:
        with _output_of(medium.command, deadline) as stream:
            yield Source("what the card reader wrote", stream, 0, deadline)
        return
    assert medium.image is not None  # the model admits exactly one of the two
    try:
        with medium.image.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            yield Source(str(medium.image), file, size, deadline)
    except OSError as error:
        raise BenchError(f"bench.storage: {medium.image}: {error.strerror or error}") from error


@contextmanager
def _output_of(command: list[str], deadline: float) -> Iterator[IO[bytes]]:
    """What the bench's command writes; it is ended at the deadline, or with the context."""
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said
            )
        except OSError as error:
            raise BenchError(f"bench.storage: {command[0]}: {error.strerror or error}") from error
        timer = threading.Timer(max(deadline - time.monotonic(), 0), process.kill)
        timer.daemon = True
        timer.start()
        assert process.stdout is not None  # asked for above
        try:
            yield process.stdout
            ended_by_itself = process.stdout.read(1) == b""
            if ended_by_itself and process.wait() != 0:
                said.seek(0)
                last = said.read(2000).decode("utf-8", "replace").strip().splitlines()[-1:]
                raise BenchError(
                    f"bench.storage: {command[0]} ended with {process.returncode}: {' '.join(last)}"
                )
        finally:
            timer.cancel()
            process.kill()
            process.stdout.close()
            process.wait()
