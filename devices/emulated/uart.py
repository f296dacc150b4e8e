"""The camera's serial port: one end of a socket pair whose other end the bench holds."""

from __future__ import annotations

import os
import select


class Uart:
    """A serial port that behaves like one: writing never blocks and never fails.

    ``fd`` is a connected stream socket or a tty; None is a board with no console fitted. Line
    feeds go out as CR LF, as a terminal line discipline sends them.
    """

    def __init__(self, fd: int | None) -> None:
        self._fd = fd
        if fd is not None:
            os.set_blocking(fd, False)

    def fileno(self) -> int:
        """The file descriptor to watch for input; -1 when no console is fitted."""
        return -1 if self._fd is None else self._fd

    def write(self, text: str | bytes) -> None:
        """Send; what a full line cannot take within a second is lost, as on a real wire."""
        data = text.encode("utf-8", "replace") if isinstance(text, str) else text
        data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        while data and self._fd is not None:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                if not select.select([], [self._fd], [], 1.0)[1]:
                    return
            except OSError:  # the bench unplugged the adapter
                self._fd = None

    def read(self, seconds: float | None) -> bytes:
        """Return what arrived, waiting at most ``seconds`` (None: for ever) for the first byte.

        Empty when nothing came, or when the line is gone.
        """
        if self._fd is None:
            select.select([], [], [], seconds)
            return b""
        if not select.select([self._fd], [], [], seconds)[0]:
            return b""
        return self.read_now()

    def read_now(self) -> bytes:
        """Return what has arrived already, without waiting; a line that is gone reads as empty."""
        if self._fd is None:
            return b""
        try:
            data = os.read(self._fd, 4096)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._fd = None
        return data
