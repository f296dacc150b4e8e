"""A TCP connection of the camera, with patience, and its bytes for the capture file."""

from __future__ import annotations

import asyncio

from devices.links.capture import Capture, Flow

PATIENCE = 5.0
"""Seconds that a connection may stay silent: some clients wait for the server to speak first."""

_CHUNK = 16 * 1024


class StreamWire:
    """Bytes as they are on the network. ``receive`` raises TimeoutError after PATIENCE."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._returned = b""
        self._record: tuple[Capture, Flow] | None = None

    async def receive(self) -> bytes:
        """Return some bytes, empty at the end of the connection."""
        if self._returned:
            data, self._returned = self._returned, b""
            return data
        async with asyncio.timeout(PATIENCE):
            data = await self._reader.read(_CHUNK)
        self._note(data, outgoing=False)
        return data

    async def send(self, data: bytes) -> None:
        """Send all of it."""
        self._note(data, outgoing=True)
        self._writer.write(data)
        async with asyncio.timeout(PATIENCE):
            await self._writer.drain()

    def give_back(self, data: bytes) -> None:
        """Have the next ``receive`` return this."""
        self._returned = data

    def record(self, capture: Capture, flow: Flow, first: bytes) -> None:
        """Keep from now on what goes over the network, with what has come already."""
        self._record = (capture, flow)
        self._note(first, outgoing=False)

    def _note(self, data: bytes, *, outgoing: bool) -> None:
        if self._record is not None and data:
            capture, flow = self._record
            capture.tcp(flow, data, outgoing=outgoing)
