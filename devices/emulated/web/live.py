"""Live video cut into segments, only while somebody asks for them."""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from typing import TYPE_CHECKING

from devices.emulated.video.mux import mux
from devices.emulated.video.source import AccessUnit, VideoSource, definitions
from devices.emulated.web.answers import Refusal

if TYPE_CHECKING:
    from devices.emulated.camera import Camera

SEGMENTS = 4
"""Segments of about one second that are kept."""
_IDLE_SECONDS = 6.0
_FIRST_SECONDS = 6.0


class LiveSegments:
    """The main stream as HLS segments. Use from one asyncio loop only."""

    def __init__(self, camera: Camera) -> None:
        self._source = VideoSource(camera, definitions(camera.posture)["/live/main"])
        self._units: list[AccessUnit] = []
        self._segments: OrderedDict[int, bytes] = OrderedDict()
        self._numbers = itertools.count()
        self._news = asyncio.Event()
        self._end: asyncio.TimerHandle | None = None
        self._muxing: set[asyncio.Task[None]] = set()

    async def playlist(self) -> str:
        """The playlist, once there is a segment; raises Refusal when none comes."""
        self._touch()
        if not self._segments:
            try:
                await asyncio.wait_for(self._news.wait(), _FIRST_SECONDS)
            except TimeoutError as error:
                raise Refusal(503, "the encoder gives nothing") from error
        first = next(iter(self._segments))
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:2"]
        lines.append(f"#EXT-X-MEDIA-SEQUENCE:{first}")
        for number in self._segments:
            lines += ["#EXTINF:1.0,", f"segments/{number}.ts"]
        return "\n".join([*lines, ""])

    def segment(self, name: str) -> bytes:
        """One segment by its file name; raises Refusal when it is not there (any more)."""
        self._touch()
        stem, _, extension = name.partition(".")
        number = int(stem) if stem.isascii() and stem.isdigit() and len(stem) < 10 else -1
        if extension != "ts" or number not in self._segments:
            raise Refusal(404, "there is no such segment")
        return self._segments[number]

    def close(self) -> None:
        """Stop the encoder."""
        if self._end is not None:
            self._end.cancel()
            self._nobody_asks()

    def _touch(self) -> None:
        if self._end is None:
            self._source.subscribe(self._take)
        else:
            self._end.cancel()
        self._end = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._nobody_asks)

    def _nobody_asks(self) -> None:
        self._source.unsubscribe(self._take)
        self._end = None
        self._units, self._segments = [], OrderedDict()
        self._news.clear()

    def _take(self, unit: AccessUnit) -> None:
        if unit.keyframe and self._units:
            task = asyncio.create_task(self._cut(self._units))
            self._muxing.add(task)
            task.add_done_callback(self._muxing.discard)
            self._units = []
        self._units.append(unit)

    async def _cut(self, units: list[AccessUnit]) -> None:
        data = await asyncio.to_thread(mux, self._source.stream.codec, units, "mpegts")
        if self._end is None:
            return
        self._segments[next(self._numbers)] = data
        while len(self._segments) > SEGMENTS:
            self._segments.popitem(last=False)
        self._news.set()
