"""RTSP through HTTP on the emulated camera: pairs a GET with the POST of the same cookie."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from devices.protocols.http_tunnel import MEDIA_TYPE

MAX_WAITING = 8
"""GETs whose POST has not come yet."""
_WAIT = 10.0  # s for the POST
_HEAD_LIMIT = 8192

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class TunnelDoor:
    """Takes HTTP connections, and hands each pair of them on as one RTSP connection."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._waiting: dict[str, asyncio.Future[asyncio.StreamReader]] = {}

    @staticmethod
    def knocks(first: bytes) -> bool:
        """Whether a connection's first bytes are those of HTTP."""
        return first.startswith((b"GET ", b"POST "))

    async def enter(
        self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve one HTTP connection, of which ``first`` was read already."""
        data = first
        while b"\r\n\r\n" not in data:
            more = await asyncio.wait_for(reader.read(4096), _WAIT)
            if not more or len(data) > _HEAD_LIMIT:
                return
            data += more
        head, _, rest = data.partition(b"\r\n\r\n")
        method, target, headers = _parsed(head)
        cookie = headers.get("x-sessioncookie", "")
        if method == "POST" and cookie in self._waiting:
            await self._post(cookie, rest, reader)
        elif method == "GET" and cookie and len(self._waiting) < MAX_WAITING:
            await self._get(cookie, writer)
        else:
            status = "404 Not Found" if urlsplit(target).path else "400 Bad Request"
            writer.write(f"HTTP/1.0 {status}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()

    async def _get(self, cookie: str, writer: asyncio.StreamWriter) -> None:
        writer.write(
            f"HTTP/1.0 200 OK\r\nContent-Type: {MEDIA_TYPE}\r\n"
            "Cache-Control: no-store\r\nPragma: no-cache\r\n\r\n".encode()
        )
        await writer.drain()
        self._waiting[cookie] = asyncio.get_running_loop().create_future()
        try:
            requests = await asyncio.wait_for(self._waiting[cookie], _WAIT)
        except TimeoutError:
            return
        finally:
            del self._waiting[cookie]
        await self._serve(requests, writer)

    async def _post(self, cookie: str, rest: bytes, reader: asyncio.StreamReader) -> None:
        """Feed what the body holds, in base64 and in any pieces, to the waiting GET."""
        requests = asyncio.StreamReader()
        self._waiting[cookie].set_result(requests)
        pending = rest
        try:
            while True:
                whole = len(pending) - len(pending) % 4
                if whole:
                    requests.feed_data(base64.b64decode(pending[:whole], validate=True))
                    pending = pending[whole:]
                more = await reader.read(4096)
                if not more:
                    return
                pending += more.translate(None, b"\r\n")
        except (binascii.Error, ConnectionError):
            return
        finally:
            requests.feed_eof()


class Rewound:
    """A reader whose first bytes were read already."""

    def __init__(self, first: bytes, reader: asyncio.StreamReader) -> None:
        self._first, self._reader = first, reader

    async def read(self, count: int) -> bytes:
        """Return some bytes, the first ones first."""
        if self._first:
            data, self._first = self._first[:count], self._first[count:]
            return data
        return await self._reader.read(count)


def _parsed(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    words = [*first.split(), "", ""]
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return words[0], words[1], headers
