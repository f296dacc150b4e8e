"""The bench's end of the camera's UART: a pty and a TCP port (``socket://``), both live.

What the camera prints goes to everyone who is connected at that moment, as on a terminal server
without history; what anyone types goes to the camera.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import socket
import termios
import tty


class SerialServer:
    """Relays one UART. ``uart`` is the bench's end of a socket pair."""

    def __init__(self, uart: socket.socket, host: str) -> None:
        self._uart = uart
        self._host = host
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._master = -1
        self._slave = -1
        self.port = 0
        self.pty = ""

    async def start(self) -> None:
        """Open the pty and the TCP port; ``port`` and ``pty`` say where they are."""
        loop = asyncio.get_running_loop()
        self._uart.setblocking(False)  # noqa: FBT003 - its only argument
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave, termios.TCSANOW)
        os.set_blocking(self._master, False)
        self.pty = os.ttyname(self._slave)  # kept open: a pty without reader would hang up
        self._server = await asyncio.start_server(self._attend, self._host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        loop.add_reader(self._uart, self._from_camera)
        loop.add_reader(self._master, self._from_pty)

    async def stop(self) -> None:
        """Close everything."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._uart)
        loop.remove_reader(self._master)
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.close()
        for descriptor in (self._master, self._slave):
            os.close(descriptor)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while data := await reader.read(4096):
                self._to_camera(data)
        except ConnectionError:
            pass  # the client went away without a word
        finally:
            self._writers.discard(writer)
            writer.close()

    def _from_camera(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = self._uart.recv(4096)
            if not data:
                asyncio.get_running_loop().remove_reader(self._uart)
                return
            for writer in self._writers:
                writer.write(data)
            with contextlib.suppress(BlockingIOError):
                os.write(self._master, data)  # lost when nobody reads the pty, as on a wire

    def _from_pty(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            self._to_camera(os.read(self._master, 4096))

    def _to_camera(self, data: bytes) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            self._uart.send(data)
