"""The port of a serial console: one thread owns it and keeps everything that arrives.

Any pyserial URL works: a device path or pty, ``socket://``, ``rfc2217://``. Reading begins when the
port is made and never pauses: opening a port flushes what came before (measured with pyserial on a
pty). A port that is lost is opened again.
"""

from __future__ import annotations

import re
import threading
import time
from typing import Any

import serial

from devices.errors import TimedOut, Unreachable
from devices.links.serial.observations import ESCAPES

BUFFER_LIMIT = 8 * 1024 * 1024
"""Bytes kept; of a console that never falls silent, the newest."""

_READ_SECONDS = 0.1
_REOPEN_SECONDS = 0.2
_OPEN_LIMIT = 10.0
_WRITE_SECONDS = 5.0
_BURST = 4096
_OVERLAP = 4096
"""Bytes before the end in which a landmark may begin."""

_LONE_RETURN = re.compile(r"\r(?![\r\n]|\Z)")


def _shown(raw: bytes) -> str:
    """The text without colours; what a carriage return alone begins is a line as well."""
    return _LONE_RETURN.sub("\r\n", ESCAPES.sub("", raw.decode("utf-8", "replace")))


class ConsolePort:
    """What arrives at one port, by positions that only grow. For several threads.

    Raises Unreachable when the port cannot be opened.
    """

    def __init__(self, url: str, baud: int) -> None:
        self._url, self._baud = url, baud
        self._port: Any = None  # serial.SerialBase; its stubs lack in_waiting
        self._problem = ""
        self._buffer = bytearray()
        self._dropped = 0
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="serial", daemon=True)
        self._thread.start()
        self._wait_open()

    def close(self) -> None:
        """Stop listening and release the port."""
        self._closing.set()
        self._thread.join(timeout=5)

    def mark(self) -> int:
        """The position behind the last byte received; positions only grow."""
        with self._changed:
            return self._end()

    def bytes_since(self, mark: int) -> tuple[bytes, int]:
        """What arrived since ``mark``, and how many bytes of it were not kept."""
        with self._changed:
            return self._bytes_since(mark), max(0, self._dropped - mark)

    def text_since(self, mark: int) -> str:
        """What arrived since ``mark``, as text."""
        with self._changed:
            return _shown(self._bytes_since(mark))

    def wait_for(self, pattern: str, seconds: float, since: int) -> re.Match[str]:
        """Wait until what arrived since ``since`` matches ``pattern`` (searched, multi-line).

        What was searched once is not searched again, but for the last lines of it.

        Raises TimedOut, naming the last line that did arrive, and Unreachable when the port is
        lost and does not come back.
        """
        wanted = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                text = _shown(self._bytes_since(since))
                if match := wanted.search(text):
                    return match
                since = self._last_lines(since)
                left = deadline - time.monotonic()
                if left <= 0:
                    if self._problem:
                        raise Unreachable(f"{self._url}: {self._problem}")
                    raise TimedOut(
                        f"the console did not print {pattern!r} within {seconds:g} s; "
                        f"last line: {_last_line(text)!r}"
                    )
                self._changed.wait(left)

    def last_lines(self, since: int) -> int:
        """A position near the end, at the begin of a line where there is one; not before ``since``.

        A console that never falls silent is searched in time that grows with it, not faster.
        """
        with self._changed:
            return self._last_lines(since)

    def wait_quiet(self, quiet: float, seconds: float) -> None:
        """Wait until nothing has arrived for ``quiet`` seconds, at most ``seconds``."""
        deadline = time.monotonic() + seconds
        with self._changed:
            end = self._end()
            while time.monotonic() < deadline:
                self._changed.wait(quiet)
                if self._end() == end:
                    return
                end = self._end()

    def send(self, data: str | bytes) -> None:
        """Type something; raises Unreachable when the port is lost."""
        raw = data.encode() if isinstance(data, str) else data
        port = self._port
        if port is None:
            raise Unreachable(f"{self._url}: {self._problem or 'not open'}")
        try:
            port.write(raw)
        except (serial.SerialException, OSError) as error:
            raise Unreachable(f"{self._url}: {error}") from error

    def _wait_open(self) -> None:
        deadline = time.monotonic() + _OPEN_LIMIT
        with self._changed:
            while self._port is None and not self._problem and time.monotonic() < deadline:
                self._changed.wait(_REOPEN_SECONDS)
            if self._port is None:
                self._closing.set()
                raise Unreachable(f"{self._url}: {self._problem or 'not open in time'}")

    def _listen(self) -> None:
        """The reader thread: open, read until the port is lost, open again."""
        while not self._closing.is_set():
            try:
                with _open(self._url, self._baud) as port:
                    self._note(port, "")
                    while not self._closing.is_set():
                        self._append(_burst(port))
            except Exception as error:  # noqa: BLE001 - drivers raise whatever comes to hand
                self._note(None, str(error) or type(error).__name__)
                self._closing.wait(_REOPEN_SECONDS)
        self._note(None, "closed")

    def _note(self, port: Any, problem: str) -> None:
        with self._changed:
            self._port = port
            self._problem = problem
            self._changed.notify_all()

    def _append(self, data: bytes) -> None:
        if not data:
            return
        with self._changed:
            self._buffer += data
            excess = len(self._buffer) - BUFFER_LIMIT
            if excess > 0:
                del self._buffer[:excess]
                self._dropped += excess
            self._changed.notify_all()

    def _end(self) -> int:
        return self._dropped + len(self._buffer)

    def _last_lines(self, since: int) -> int:
        near = max(since, self._dropped, self._end() - _OVERLAP)
        if near <= since:
            return since
        line = self._buffer.find(b"\n", near - self._dropped)
        return line + 1 + self._dropped if line >= 0 else near

    def _bytes_since(self, mark: int) -> bytes:
        return bytes(self._buffer[max(0, mark - self._dropped) :])


def _open(url: str, baud: int) -> Any:
    write_timeout: float | None = _WRITE_SECONDS
    if url.startswith("rfc2217://"):
        write_timeout = None  # pyserial's RFC 2217 port has its own and refuses another
        if "ign_set_control" not in url:
            # Servers in front of a pty never acknowledge modem-line settings (ser2net, labgrid).
            url += ("&" if "?" in url else "?") + "ign_set_control"
    return serial.serial_for_url(
        url, baudrate=baud, timeout=_READ_SECONDS, write_timeout=write_timeout
    )


def _burst(port: Any) -> bytes:
    """The next bytes: waits for the first, takes along what has arrived with it."""
    data = bytes(port.read(1))
    while data and len(data) < _BURST and (waiting := int(port.in_waiting)) > 0:
        data += port.read(waiting)
    return data


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:120] if lines else ""
