"""What the camera sends by itself: events to its maker's cloud, and questions for the time.

It knows the cloud by name and by the authority that its maker built in. Where nobody answers it
keeps quiet and tries again. Faults make it careless, or send what the maker does not declare.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import struct
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from devices.emulated.posture import Posture
from devices.emulated.unit import Unit
from devices.emulated.uplink import Route, Uplink

CLOUD = ("cloud.lumivista.example", 443)
TIME = ("time.lumivista.example", 123)
_ELSEWHERE = ("metrics.northlight.example", 443)
_STUDIO = ("live.northlight.example", 1935)
_RENDEZVOUS = ("p2p.northlight.example", 32100)

_INTERVAL = 0.5  # s between two rounds
_PATIENCE = 5.0  # s for a connection
_NTP_CLIENT = struct.pack("!BBBb", 0x23, 0, 6, -20) + bytes(44)  # RFC 5905: version 4, mode 3
_RTMP_HELLO = b"\x03" + bytes(8) + bytes(i * 7 & 0xFF for i in range(1528))  # C0 and C1
_PPPP_HELLO = b"\xf1\x00\x00\x00"


class CloudHost(Protocol):
    """What the client needs of a camera."""

    flash: Path
    address: str
    posture: Posture
    unit: Unit


class CloudClient:
    """The background client of one camera. Without a route it does nothing."""

    def __init__(self, camera: CloudHost, route: Route | None) -> None:
        self._camera = camera
        self._uplink = Uplink(camera.address, route) if route is not None else None
        self._context: ssl.SSLContext | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin."""
        if self._uplink is not None:
            self._context = self._client_context()
            self._task = asyncio.create_task(self._run(self._uplink))

    async def stop(self) -> None:
        """End, whatever is under way."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self, uplink: Uplink) -> None:
        extra: dict[str, Callable[[Uplink], Awaitable[None]]] = {
            "cloud": lambda up: self._upload(up, *_ELSEWHERE, plain=False),
            "p2p": self._beacon,
            "rtmp": self._push,
        }
        while True:
            await self._attempt(self._ask_the_time(uplink))
            plain = self._camera.posture.cloud_transport == "plain"
            await self._attempt(self._upload(uplink, *CLOUD, plain=plain))
            for name in self._camera.posture.outbound_undeclared:
                await self._attempt(extra[name](uplink))
            await asyncio.sleep(_INTERVAL)

    @staticmethod
    async def _attempt(contact: Awaitable[None]) -> None:
        """A failed contact is tried again in the next round."""
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(_PATIENCE):
                await contact

    async def _upload(self, uplink: Uplink, host: str, port: int, *, plain: bool) -> None:
        """Report that the camera is up, and wait for the cloud's answer."""
        reader, writer = await uplink.connect(await uplink.resolve(host), port)
        try:
            if not plain:
                await writer.start_tls(self._context, server_hostname=host)  # type: ignore[arg-type]
            body = json.dumps({"serial": self._camera.unit.serial, "at": int(time.time())})
            writer.write(
                f"POST /v1/events HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            await writer.drain()
            await reader.read(4096)
        finally:
            writer.transport.abort()

    async def _ask_the_time(self, uplink: Uplink) -> None:
        host, port = TIME
        await uplink.send(_NTP_CLIENT, await uplink.resolve(host), port)

    async def _beacon(self, uplink: Uplink) -> None:
        host, port = _RENDEZVOUS
        await uplink.send(_PPPP_HELLO, await uplink.resolve(host), port)

    async def _push(self, uplink: Uplink) -> None:
        host, port = _STUDIO
        reader, writer = await uplink.connect(await uplink.resolve(host), port)
        try:
            writer.write(_RTMP_HELLO)
            await writer.drain()
            await reader.read(4096)
        finally:
            writer.transport.abort()

    def _client_context(self) -> ssl.SSLContext:
        check = self._camera.posture.cloud_certificate_check
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if check != "full":
            context.check_hostname = False
        if check == "none":
            context.verify_mode = ssl.CERT_NONE
        context.load_verify_locations(self._camera.flash / "otp" / "cloud-trust.pem")
        return context
