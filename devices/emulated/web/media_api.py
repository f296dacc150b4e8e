"""Video of the web interface: MJPEG, HLS, WebSocket and recordings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

from devices.emulated.addresses import PORTS
from devices.emulated.video.mux import mux
from devices.emulated.video.scene import Scene
from devices.emulated.video.source import (
    CLOCK_RATE,
    FRAME_RATE,
    AccessUnit,
    VideoSource,
    definitions,
    encoder_of,
    jpeg_of,
)
from devices.emulated.web.answers import Refusal
from devices.emulated.web.identity import Caller, Identity
from devices.emulated.web.live import LiveSegments
from devices.protocols.h26x import to_annex_b

if TYPE_CHECKING:
    from devices.emulated.camera import Camera

_BOUNDARY = "camera-picture"
_CLIP_SECONDS = 2
_WAITING = 48
"""Messages that wait for a slow viewer before some are left out."""


class MediaApi:
    """Handlers; each gets a request that has passed the gate, and its caller."""

    def __init__(self, camera: Camera, identity: Identity) -> None:
        self._camera = camera
        self._identity = identity
        self._live: LiveSegments | None = None
        self._clip: asyncio.Task[tuple[str, bytes]] | None = None

    def close(self) -> None:
        """Stop what runs without a connection."""
        if self._live is not None:
            self._live.close()

    async def mjpeg(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """JPEG pictures one after the other, until the viewer leaves or may not look any more."""
        scene = self._scene()
        response = web.StreamResponse()
        response.content_type = "multipart/x-mixed-replace"
        response.headers["Content-Type"] += f"; boundary={_BOUNDARY}"
        await response.prepare(request)
        due = time.monotonic()
        try:
            while self._identity.still_known(caller):
                picture = await asyncio.to_thread(lambda: jpeg_of(scene.at(time.time())))
                head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\n"
                head += f"Content-Length: {len(picture)}\r\n\r\n"
                await response.write(head.encode() + picture + b"\r\n")
                due = max(due + 1 / FRAME_RATE, time.monotonic())
                await asyncio.sleep(due - time.monotonic())
        except ConnectionError:
            pass  # the viewer has left
        return response

    async def playlist(self, request: web.Request, caller: Caller) -> web.Response:  # noqa: ARG002
        """The live HLS playlist."""
        if self._live is None:
            self._live = LiveSegments(self._camera)
        text = await self._live.playlist()
        return web.Response(text=text, content_type="application/vnd.apple.mpegurl")

    async def segment(self, request: web.Request, caller: Caller) -> web.Response:  # noqa: ARG002
        """One live segment."""
        if self._live is None:
            raise Refusal(404, "there is no such segment")
        data = self._live.segment(request.match_info["segment"])
        return web.Response(body=data, content_type="video/mp2t")

    async def socket(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """The main stream in a WebSocket: one access unit with start codes in each message."""
        self._check_origin(request)
        socket = web.WebSocketResponse()
        if not socket.can_prepare(request):
            raise Refusal(426, "open a WebSocket", [("Upgrade", "websocket")])
        await socket.prepare(request)
        source = VideoSource(self._camera, definitions(self._camera.posture)["/live/main"])
        queue: asyncio.Queue[AccessUnit] = asyncio.Queue(_WAITING)
        listener = _into(queue)
        source.subscribe(listener)
        reading = asyncio.create_task(_until_closed(socket))
        try:
            while self._identity.still_known(caller) and not reading.done():
                getting = asyncio.create_task(queue.get())
                await asyncio.wait({getting, reading}, return_when=asyncio.FIRST_COMPLETED)
                if not getting.done():
                    getting.cancel()
                    break
                await socket.send_bytes(to_annex_b(getting.result().units))
        except ConnectionError:
            pass  # the viewer has left
        finally:
            source.unsubscribe(listener)
            reading.cancel()
        await socket.close()
        return socket

    async def recordings(self, request: web.Request, caller: Caller) -> web.Response:  # noqa: ARG002
        """The list of recordings."""
        held = {**self._older(), **dict([await self._recording()])}
        rows = [
            {"name": name, "bytes": len(data), "url": f"/api/recordings/{name}"}
            for name, data in held.items()
        ]
        return web.json_response({"recordings": rows})

    async def recording(self, request: web.Request, caller: Caller) -> web.Response:  # noqa: ARG002
        """One recording, or a part of it (RFC 9110, 14)."""
        held = {**self._older(), **dict([await self._recording()])}
        data = held.get(request.match_info["recording"])
        if data is None:
            raise Refusal(404, "there is no such recording")
        try:
            wanted = data[request.http_range]
        except ValueError as error:
            raise Refusal(416, "this part does not exist") from error
        headers = {"Accept-Ranges": "bytes"}
        if "Range" not in request.headers:
            return web.Response(body=data, content_type="video/mp4", headers=headers)
        start = request.http_range.start or 0
        start = max(0, start + len(data) if start < 0 else start)
        headers["Content-Range"] = f"bytes {start}-{start + len(wanted) - 1}/{len(data)}"
        return web.Response(body=wanted, status=206, content_type="video/mp4", headers=headers)

    def _check_origin(self, request: web.Request) -> None:
        """Keep pages of other sites out: a browser sends them along with the cookie."""
        origin = request.headers.get("Origin")
        own = {f"{self._camera.address}:{PORTS[name]}" for name in ("https", "http")}
        if origin is None or not self._camera.posture.websocket_origin_checked:
            return
        if urlsplit(origin).netloc not in own:
            raise Refusal(403, "a page of another site may not look")

    def _scene(self) -> Scene:
        camera = self._camera
        return Scene(640, 360, camera.unit.serial, camera.posture.picture, lens=camera.lens)

    async def _recording(self) -> tuple[str, bytes]:
        """The one recording, made at first use: what the lens sees in two seconds."""
        if self._clip is None:
            self._clip = asyncio.create_task(asyncio.to_thread(self._record))
        return await asyncio.shield(self._clip)

    def _record(self) -> tuple[str, bytes]:
        definition = definitions(self._camera.posture)["/live/main"]
        encoder, scene, began = encoder_of(definition), self._scene(), time.time()
        units = [
            unit
            for number in range(_CLIP_SECONDS * FRAME_RATE)
            for unit in encoder.encode(
                scene.at(began - _CLIP_SECONDS + number / FRAME_RATE),
                number * CLOCK_RATE // FRAME_RATE,
                keyframe=number == 0,
            )
        ]
        name = datetime.fromtimestamp(began, UTC).strftime("%Y%m%d-%H%M%S.mp4")
        made = mux(definition.codec, units, "mp4")
        if "recordings" in self._camera.posture.reset_keeps:
            folder = self._camera.flash / "data" / "recordings"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(made)
        return name, made

    def _older(self) -> dict[str, bytes]:
        """What the flash still holds of the recordings of before."""
        folder = self._camera.flash / "data" / "recordings"
        return {path.name: path.read_bytes() for path in sorted(folder.glob("*.mp4"))}


def _into(queue: asyncio.Queue[AccessUnit]) -> Callable[[AccessUnit], None]:
    def listener(unit: AccessUnit) -> None:
        if not queue.full():
            queue.put_nowait(unit)

    return listener


async def _until_closed(socket: web.WebSocketResponse) -> None:
    async for _ in socket:
        pass
