"""The emulated camera's RTSP in a WebSocket of aiohttp's, with and without TLS."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from rtsp_stand import PASSWORDS, Stand, rtsp_stand

from devices.description import DeviceFile
from devices.emulated.addresses import PORTS
from devices.emulated.posture import Posture
from devices.emulated.rtsp.service import RtspService
from devices.emulated.rtsp.websocket import PATH, RtspSockets

__all__ = ["PASSWORDS", "SocketStand", "socket_stand"]


@dataclass(frozen=True)
class SocketStand:
    """A running camera; ``socket`` and ``plain_socket`` are URLs of its WebSockets."""

    rtsp: Stand
    socket: str
    plain_socket: str

    def declared(self, **stream: Any) -> DeviceFile:
        """The device file with the first stream alone, over a WebSocket or as given."""
        content = self.rtsp.device.model_dump(mode="json", by_alias=True)
        first = content["declared"]["streams"][0]
        own = {"transports": ["websocket"], "websocket_url": self.socket}
        content["declared"]["streams"] = [first | own | stream]
        return DeviceFile.model_validate(content)


@contextmanager
def socket_stand(folder: Path, *, anonymous: bool = False) -> Iterator[SocketStand]:
    """Run it until the context ends, on HTTPS and on HTTP."""
    with rtsp_stand(folder, Posture(rtp_plain_udp=False)) as stand:
        service = RtspService(stand.camera)

        async def start() -> web.AppRunner:
            app = web.Application()
            app.router.add_get(PATH, RtspSockets(service, anonymous=anonymous).serve)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            address = stand.camera.address
            context = stand.camera.tls_context()
            await web.TCPSite(runner, address, PORTS["https"], ssl_context=context).start()
            await web.TCPSite(runner, address, PORTS["http"]).start()
            return runner

        runner = asyncio.run_coroutine_threadsafe(start(), stand.loop).result(timeout=20)
        base = f"://{stand.camera.address}:"
        try:
            yield SocketStand(
                stand, f"wss{base}{PORTS['https']}{PATH}", f"ws{base}{PORTS['http']}{PATH}"
            )
        finally:
            for ending in (service.stop(), runner.cleanup()):
                with contextlib.suppress(TimeoutError):
                    asyncio.run_coroutine_threadsafe(ending, stand.loop).result(timeout=20)
