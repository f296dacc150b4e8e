"""The bench's control of the camera's clock, as a REST device.

``PUT /clock`` with seconds sets how far the clock is moved from the true time (``300``; ``0`` puts
it right); ``GET`` asks.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from devices.emulated.bench.power_relay import read_request
from devices.emulated.clock import Clock
from devices.emulated.flash import write_whole

_PATIENCE = 5.0  # s for a request to arrive whole
_FURTHEST = 10 * 366 * 86400.0  # s


class ClockDial:
    """Serves the clock of one camera, whose ``dial`` file it writes."""

    def __init__(self, host: str, dial: Path) -> None:
        self._host = host
        self._dial = dial
        self._server: asyncio.Server | None = None
        self.url = ""

    async def start(self) -> None:
        """Listen; ``url`` says where."""
        self._server = await asyncio.start_server(self._attend, self._host, 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://{self._host}:{port}/clock"

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                method, path, body = await read_request(reader)
            status, text = self._answer(method, path, body)
        except (ValueError, TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            status, text = "400 Bad Request", "PUT seconds, or GET, /clock"
        payload = text.encode()
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(payload)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + payload)
        writer.close()

    def _answer(self, method: str, path: str, body: str) -> tuple[str, str]:
        if path != "/clock":
            return "404 Not Found", "the clock is at /clock"
        if method == "PUT":
            seconds = float(body)
            if not abs(seconds) <= _FURTHEST:
                raise ValueError(body)
            self._dial.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._dial, str(seconds).encode())
        elif method != "GET":
            return "400 Bad Request", "PUT seconds, or GET"
        return "200 OK", str(Clock(self._dial).offset())
