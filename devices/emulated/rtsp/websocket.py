"""RTSP in a WebSocket of the emulated camera's web server (ONVIF Streaming, 5.1.1.5)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from devices.description.streams import RTSP_SUBPROTOCOL
from devices.protocols import websocket

if TYPE_CHECKING:
    from devices.emulated.rtsp.service import RtspService

PATH = "/rtsp-over-websocket"
"""Where it is spoken, as on cameras of Axis."""
SECOND_PATH = "/rtspoverwebsocket"
"""Where it is spoken besides under a fault, as on cameras of Dahua."""

_LONGEST = 64 * 1024  # bytes of one message of a client


class SocketWriter:
    """Writes binary messages, in the place of a connection's writer."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def write(self, data: bytes) -> None:
        """Send a message."""
        if not self.transport.is_closing():
            self.transport.write(websocket.to_frame(websocket.BINARY, data))

    async def drain(self) -> None:
        """Let others run; who does not keep up is left out by the sender of media."""
        await asyncio.sleep(0)

    def close(self) -> None:
        """Say goodbye and close the connection."""
        if not self.transport.is_closing():
            self.transport.write(websocket.to_frame(websocket.CLOSE, b""))
            self.transport.close()

    def get_extra_info(self, name: str) -> Any:
        """What is known of the connection."""
        return self.transport.get_extra_info(name)


class RtspSockets:
    """Handles requests for a WebSocket. ``anonymous``, under a fault: RTSP in it needs no login."""

    def __init__(self, service: RtspService, *, anonymous: bool) -> None:
        self._service = service
        self._anonymous = anonymous

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve RTSP until one of the two closes."""
        socket = web.WebSocketResponse(protocols=(RTSP_SUBPROTOCOL,), max_msg_size=_LONGEST)
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        if not socket.can_prepare(request) or RTSP_SUBPROTOCOL not in offered:
            return web.Response(status=400, text=f"open a WebSocket of {RTSP_SUBPROTOCOL}")
        await socket.prepare(request)
        if request.transport is None:
            return socket  # the client has left
        reader = asyncio.StreamReader()
        reading = asyncio.create_task(_into(reader, socket))
        try:
            writer = SocketWriter(request.transport)
            await self._service.connected(reader, writer, trusted=self._anonymous)
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading
        return socket


async def _into(reader: asyncio.StreamReader, socket: web.WebSocketResponse) -> None:
    try:
        async for message in socket:
            if message.type == WSMsgType.BINARY:
                reader.feed_data(message.data)
    finally:
        reader.feed_eof()
