"""The bench's power relay, as a REST device: ``PUT /relay/1`` with ``0`` or ``1``; ``GET`` asks.

The same protocol as labgrid's NetworkPowerDriver speaks with its model ``rest``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

_LARGEST = 4096
_PATIENCE = 5.0  # s for a request to arrive whole


class PowerRelay:
    """Serves one relay channel; ``switch(on)`` is awaited before the answer goes out."""

    def __init__(
        self, host: str, switch: Callable[[bool], Awaitable[None]], is_on: Callable[[], bool]
    ) -> None:
        self._host = host
        self._switch = switch
        self._is_on = is_on
        self._server: asyncio.Server | None = None
        self.url = ""

    async def start(self) -> None:
        """Listen; ``url`` says where."""
        self._server = await asyncio.start_server(self._attend, self._host, 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://{self._host}:{port}/relay/1"

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                method, path, body = await read_request(reader)
            status, text = await self._answer(method, path, body)
        except (ValueError, TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            status, text = "400 Bad Request", "PUT 0 or 1, or GET, /relay/1"
        payload = text.encode()
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(payload)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + payload)
        writer.close()

    async def _answer(self, method: str, path: str, body: str) -> tuple[str, str]:
        if path != "/relay/1":
            return "404 Not Found", "the relay has one channel: /relay/1"
        if method == "PUT" and body in {"0", "1"}:
            await self._switch(body == "1")
        elif method != "GET":
            return "400 Bad Request", "PUT 0 or 1, or GET"
        return "200 OK", "1" if self._is_on() else "0"


async def read_request(reader: asyncio.StreamReader) -> tuple[str, str, str]:
    """Return method, path and body of one HTTP request; raises ValueError and asyncio's errors."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    method, path, _ = head.split("\r\n", 1)[0].split(" ", 2)
    length = 0
    for line in head.split("\r\n")[1:]:
        key, _, value = line.partition(":")
        if key.lower() == "content-length":
            length = min(int(value), _LARGEST)
    body = (await reader.readexactly(length)).decode("latin-1").strip()
    return method, path, body
