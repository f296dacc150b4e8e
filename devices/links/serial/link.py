"""The serial console of one camera. The port belongs to the bench, so its host needs no permit."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Mapping, Sequence

from devices.description import DeviceFile
from devices.errors import TimedOut, Unreachable
from devices.journal import Journal
from devices.links.serial.observations import BootInterruption, BootLog, ConsoleExchange
from devices.links.serial.port import ConsolePort
from devices.observation import Artefact
from devices.permit import Permit
from devices.secrets import Secrets

SERIAL = "serial"

_KEY_SECONDS = 0.04
"""Between two keys: a dozen of each kind within the second that boot loaders wait."""


class SerialLink:
    """The console, always listening. Raises Unreachable when it cannot be opened."""

    def __init__(self, device: DeviceFile, permit: Permit, secrets: Secrets) -> None:
        del secrets  # bench equipment; what is typed comes from the test cases
        self._permit = permit
        if device.links.serial is None:
            raise Unreachable("the device file gives no [links.serial]")
        self._port = ConsolePort(device.links.serial.url, device.links.serial.baud)

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
        self._port.close()

    def mark(self) -> int:
        """The position behind the last byte received; positions only grow."""
        return self._port.mark()

    def text_since(self, mark: int) -> str:
        """What arrived since ``mark``, as text."""
        return self._port.text_since(mark)

    def wait_for(self, pattern: str, seconds: float, since: int) -> re.Match[str]:
        """Wait until what arrived since ``since`` matches ``pattern`` (searched, multi-line).

        Raises TimedOut, naming the last line that did arrive, and Unreachable when the port is
        lost and does not come back.
        """
        return self._port.wait_for(pattern, seconds, since)

    def last_lines(self, since: int) -> int:
        """A position near the end, at the begin of a line where there is one; not before ``since``.

        A console that never falls silent is searched in time that grows with it, not faster.
        """
        return self._port.last_lines(since)

    def wait_quiet(self, quiet: float, seconds: float) -> None:
        """Wait until nothing has arrived for ``quiet`` seconds, at most ``seconds``."""
        self._port.wait_quiet(quiet, seconds)

    def send(self, data: str | bytes) -> None:
        """Type something; raises Unreachable when the port is lost."""
        self._port.send(data)

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
        raw, lost = self._port.bytes_since(mark)
        if lost:
            shortfall = shortfall or f"the first {lost} bytes were not kept"
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
