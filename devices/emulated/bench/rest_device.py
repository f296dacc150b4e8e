"""Equipment of the emulated bench that is told by HTTP: one resource, PUT sets it, GET asks."""

from __future__ import annotations

import asyncio

_LARGEST = 4096
_PATIENCE = 5.0  # s for a request to arrive whole

Answer = tuple[str, str]
"""Status line without the version, and text."""


class RestDevice:
    """Serves one resource at ``path``; ``usage`` tells what it takes.

    A device says in ``set`` what PUT does (ValueError for a body that is none), and in ``state``
    what GET and a done PUT are answered.
    """

    def __init__(self, host: str, path: str, usage: str) -> None:
        self._host = host
        self._path = path
        self._usage = usage
        self._server: asyncio.Server | None = None
        self.url = ""

    async def start(self) -> None:
        """Listen; ``url`` says where."""
        self._server = await asyncio.start_server(self._attend, self._host, 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://{self._host}:{port}{self._path}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def set(self, body: str) -> None:
        """Do what a PUT asks for."""
        raise NotImplementedError

    def state(self) -> str:
        """What is set now."""
        raise NotImplementedError

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                method, path, body = await _request(reader)
            status, text = await self._answer(method, path, body)
        except (ValueError, TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            status, text = "400 Bad Request", f"{self._usage}, or GET, {self._path}"
        payload = text.encode()
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(payload)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + payload)
        writer.close()

    async def _answer(self, method: str, path: str, body: str) -> Answer:
        if path != self._path:
            return "404 Not Found", f"there is one resource here: {self._path}"
        if method == "PUT":
            await self.set(body)
        elif method != "GET":
            raise ValueError(method)
        return "200 OK", self.state()


async def _request(reader: asyncio.StreamReader) -> tuple[str, str, str]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    method, path, _ = head.split("\r\n", 1)[0].split(" ", 2)
    length = 0
    for line in head.split("\r\n")[1:]:
        key, _, value = line.partition(":")
        if key.lower() == "content-length":
            length = min(int(value), _LARGEST)
    body = (await reader.readexactly(length)).decode("latin-1").strip()
    return method, path, body
