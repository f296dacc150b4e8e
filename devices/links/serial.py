"""The serial console: one reader thread owns the port and keeps everything that arrives.

Any pyserial URL works: a device path or pty, ``socket://``, ``rfc2217://``. The port belongs to
the bench, not to the camera, so its host needs no permit. Reading begins when the link is made
and never pauses: opening a port flushes what came before (measured with pyserial on a pty).
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import serial

from devices.description import DeviceFile
from devices.errors import TimedOut, Unreachable
from devices.journal import Journal
from devices.observation import Artefact, Observation
from devices.permit import Permit
from devices.secrets import Secrets

SERIAL = "serial"

BUFFER_LIMIT = 8 * 1024 * 1024
"""Bytes kept; of a console that never falls silent, the newest."""

_READ_SECONDS = 0.1
_REOPEN_SECONDS = 0.2
_OPEN_LIMIT = 10.0
_WRITE_SECONDS = 5.0
_BURST = 4096
_OVERLAP = 4096
"""Bytes before the end in which a landmark may begin."""

_KEY_SECONDS = 0.04
"""Between two keys: a dozen of each kind within the second that boot loaders wait."""


@dataclass(frozen=True, kw_only=True)
class BootLog(Observation):
    """What the console printed from one moment on.

    ``text`` is the bytes as UTF-8, undecodable ones replaced; ``seconds`` how long was listened.
    """

    text: str
    seconds: float

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines, without line ends and terminal escape sequences."""
        return tuple(_ESCAPES.sub("", line).rstrip() for line in re.split(r"\r*\n|\r", self.text))


@dataclass(frozen=True, kw_only=True)
class ConsoleExchange(Observation):
    """What the console printed after something was sent to it.

    ``sent`` names what was typed, never a secret; ``text`` is the answer.
    """

    sent: str
    text: str


@dataclass(frozen=True, kw_only=True)
class BootInterruption(Observation):
    """What came of typing while the camera started.

    ``reached`` is the kind of the first landmark that the console showed, empty when it showed
    none; ``keys`` are the keys that were typed in turn, ``rounds`` how often each.
    """

    reached: str
    keys: tuple[str, ...]
    rounds: int
    text: str


_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]{0,200}\x07")
_LONE_RETURN = re.compile(r"\r(?![\r\n]|\Z)")


def _shown(raw: bytes) -> str:
    """The text without colours; what a carriage return alone begins is a line as well."""
    return _LONE_RETURN.sub("\r\n", _ESCAPES.sub("", raw.decode("utf-8", "replace")))


class SerialLink:
    """The console of one camera, always listening. Raises Unreachable when it cannot be opened."""

    def __init__(self, device: DeviceFile, permit: Permit, secrets: Secrets) -> None:
        del secrets  # bench equipment; what is typed comes from the test cases
        self._permit = permit
        if device.links.serial is None:
            raise Unreachable("the device file gives no [links.serial]")
        self._url = device.links.serial.url
        self._baud = device.links.serial.baud
        self._port: Any = None  # serial.SerialBase; its stubs lack in_waiting
        self._problem = ""
        self._buffer = bytearray()
        self._dropped = 0
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="serial", daemon=True)
        self._thread.start()
        self._wait_open()

    @property
    def journal(self) -> Journal:
        """Where changes of the camera are written down."""
        return self._permit.journal

    @contextlib.contextmanager
    def logging_in(self) -> Iterator[None]:
        """A block that logs in on the console: whoever is cut short in it leaves a shell open."""
        entry = self.journal.begin("console", via=SERIAL)
        yield
        self.journal.end(entry, "logged out")

    def close(self) -> None:
        """Stop listening and release the port."""
        self._closing.set()
        self._thread.join(timeout=5)

    def mark(self) -> int:
        """The position behind the last byte received; positions only grow."""
        with self._changed:
            return self._end()

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

    def exchange(
        self, data: str, until: str, seconds: float, *, shown: str = ""
    ) -> ConsoleExchange:
        """Type ``data`` and collect the answer until ``until`` matches, at most ``seconds``.

        A console that stays silent is an answer too: the text is then what came, maybe nothing.
        ``shown`` stands for ``data`` in the observation when that is secret.
        """
        start = self.mark()
        self.send(data)
        with contextlib.suppress(TimedOut):
            self.wait_for(until, seconds, start)
        return ConsoleExchange(sent=shown or repr(data), text=self.text_since(start))

    def interrupt_boot(
        self, keys: Sequence[str], landmarks: Mapping[str, str], seconds: float, since: int
    ) -> BootInterruption:
        """Type ``keys`` in turn, again and again, until a landmark shows or the time is over.

        ``landmarks`` maps a kind to a pattern; the first that matches what arrived since
        ``since`` ends it. Raises Unreachable when the port is lost for good. The camera may stand
        still then: in the journal until it is seen to be up.
        """
        self.journal.begin("start", via=SERIAL)
        deadline = time.monotonic() + seconds
        rounds, reached, latest = 0, "", since
        while not reached and time.monotonic() < deadline:
            rounds += 1
            for key in keys:
                self._type_blindly(key)
                reached = self._landmark(landmarks, latest, _KEY_SECONDS)
                if reached:
                    break
            latest = self.last_lines(latest)
        return BootInterruption(
            reached=reached, keys=tuple(keys), rounds=rounds, text=self.text_since(since)
        )

    def log_since(self, mark: int, began: float, *, shortfall: str = "") -> BootLog:
        """What was printed since ``mark``; ``began`` is the monotonic time of the start."""
        with self._changed:
            raw = self._bytes_since(mark)
            if mark < self._dropped:
                shortfall = shortfall or f"the first {self._dropped - mark} bytes were not kept"
        return BootLog(
            text=raw.decode("utf-8", "replace"),
            seconds=round(time.monotonic() - began, 3),
            shortfall=shortfall,
            artefacts=(Artefact("console.txt", "text/plain", raw),),
        )

    def _type_blindly(self, key: str) -> None:
        """A terminal server may drop its clients while the camera is without power."""
        with contextlib.suppress(Unreachable):
            self.send(key)

    def _landmark(self, landmarks: Mapping[str, str], since: int, seconds: float) -> str:
        either = "|".join(f"(?P<{kind}>{pattern})" for kind, pattern in landmarks.items())
        try:
            found = self.wait_for(either, seconds, since)
        except (TimedOut, Unreachable):
            return ""
        return next(kind for kind in landmarks if found[kind] is not None)

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
