"""Live video of the emulated camera: encoded with PyAV in a thread, only while someone watches."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, Protocol

import cv2
import numpy as np

from devices.emulated.posture import Posture
from devices.emulated.unit import Unit
from devices.emulated.video.lens import Lens, Picture
from devices.emulated.video.scene import Scene
from devices.protocols.h26x import Codec, is_keyframe, is_parameter_set, split_annex_b

FRAME_RATE = 12  # pictures per second of a compliant camera: smooth, cheap on a shared core
CLOCK_RATE = 90_000  # Hz, RFC 6184, 8.2.1 and RFC 7798, 7.1
DELAY = 8.0  # s by which a delayed stream lags behind
_JPEG_QUALITY = 85
_FIRST_PICTURE = 1_767_225_600  # Unix time of the picture that a stale snapshot shows

StreamCodec = Codec | Literal["mjpeg"]

_ENCODERS: dict[Codec, tuple[str, dict[str, str]]] = {
    "h264": (
        "libx264",
        {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "forced-idr": "1",
            "x264-params": "repeat-headers=1:annexb=1:scenecut=0:bframes=0",
        },
    ),
    "h265": (
        "libx265",
        {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "forced-idr": "1",
            "x265-params": "repeat-headers=1:scenecut=0:bframes=0:pools=none:frame-threads=1"
            ":log-level=none:info=0",
        },
    ),
}


class VideoHost(Protocol):
    """What the video needs of a camera."""

    @property
    def posture(self) -> Posture:
        """How the camera behaves."""

    @property
    def unit(self) -> Unit:
        """Which unit it is."""

    @property
    def lens(self) -> Lens:
        """What it looks through."""


@dataclass(frozen=True)
class StreamDefinition:
    """One stream: its path, codec and size in pixels; with a metadata track beside it or not."""

    path: str
    codec: StreamCodec
    width: int
    height: int
    metadata: bool = False


@dataclass(frozen=True)
class AccessUnit:
    """One coded picture. ``timestamp`` counts 90 kHz of the monotonic clock."""

    units: tuple[bytes, ...] = field(repr=False)
    timestamp: int
    keyframe: bool


Listener = Callable[[AccessUnit], None]


def definitions(posture: Posture) -> dict[str, StreamDefinition]:
    """Return the streams by path, the hidden twins of the main stream included."""
    main: StreamCodec = "h265" if posture.stream_codec_swapped else "h264"
    sub: StreamCodec = "h264" if posture.stream_codec_swapped else "h265"
    sub = "mjpeg" if posture.sub_codec == "mjpeg" else sub
    streams = {
        "/live/main": StreamDefinition("/live/main", main, 640, 360, metadata=True),
        "/live/sub": StreamDefinition("/live/sub", sub, 320, 180),
    }
    if posture.rtsp_hidden_stream:
        hidden = posture.rtsp_hidden_stream
        codec: StreamCodec = "mjpeg" if posture.rtsp_hidden_codec == "mjpeg" else "h264"
        streams[hidden] = StreamDefinition(hidden, codec, 480, 270)
    for path in posture.rtsp_open_paths:
        streams[path] = StreamDefinition(path, main, 640, 360)
    return streams


async def snapshot_jpeg(camera: VideoHost) -> bytes:
    """Return the current picture of the main stream as JPEG."""
    stale = camera.posture.snapshot_stale
    lens = None if stale else camera.lens
    scene = Scene(640, 360, camera.unit.serial, camera.posture.picture, lens=lens)
    return await asyncio.to_thread(jpeg_of, scene.at(_FIRST_PICTURE if stale else time.time()))


def _scene(camera: VideoHost, stream: StreamDefinition) -> Scene:
    size, serial, lens = (stream.width, stream.height), camera.unit.serial, camera.lens
    seen = camera.posture.main_scene if stream.path == "/live/main" else "live"
    if seen == "other":
        return Scene(*size, "9900000001", camera.posture.picture, turned=True)
    delay = DELAY if seen == "delayed" else 0.0
    return Scene(*size, serial, camera.posture.picture, lens=lens, delay=delay)


def jpeg_of(picture: Picture) -> bytes:
    """Return a picture as JPEG."""
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return data.tobytes()


class Encoder:
    """One codec context; pictures in, access units out, without delay."""

    def __init__(self, stream: StreamDefinition) -> None:
        import av  # noqa: PLC0415 - 0.2 s and 60 MB that a camera nobody watches does not pay

        codec = stream.codec
        if codec == "mjpeg":
            raise ValueError("JPEG pictures are made by JpegEncoder")
        name, options = _ENCODERS[codec]
        self._av = av
        self._codec = codec
        context: Any = av.CodecContext.create(name, "w")
        context.width, context.height = stream.width, stream.height
        context.pix_fmt = "yuv420p"
        context.framerate = Fraction(FRAME_RATE)
        context.time_base = Fraction(1, FRAME_RATE)
        context.gop_size = FRAME_RATE
        context.max_b_frames = 0
        context.thread_count = 1
        context.options = options
        self._context = context
        self._number = itertools.count()

    def encode(self, picture: Picture, timestamp: int, *, keyframe: bool) -> Iterator[AccessUnit]:
        """Yield the access unit of a picture; ``keyframe`` makes it one to start from."""
        planes = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420).astype(np.uint8, copy=False)
        frame = self._av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts = next(self._number)
        frame.time_base = self._context.time_base
        if keyframe:
            frame.pict_type = self._av.video.frame.PictureType.I
        for packet in self._context.encode(frame):
            units = tuple(split_annex_b(bytes(packet)))
            yield AccessUnit(units, timestamp, any(is_keyframe(self._codec, u) for u in units))


class JpegEncoder:
    """As Encoder, for MJPEG: the one unit of each access unit is a JPEG file."""

    def encode(self, picture: Picture, timestamp: int, *, keyframe: bool) -> Iterator[AccessUnit]:
        """Yield the access unit of a picture; each is one to start from."""
        del keyframe
        yield AccessUnit((jpeg_of(picture),), timestamp, keyframe=True)


def encoder_of(stream: StreamDefinition) -> Encoder | JpegEncoder:
    """Return a fresh encoder for a stream."""
    return JpegEncoder() if stream.codec == "mjpeg" else Encoder(stream)


class VideoSource:
    """One live stream, shared by all its viewers. Use from one asyncio loop only."""

    def __init__(self, camera: VideoHost, stream: StreamDefinition) -> None:
        self.stream = stream
        self._scene = _scene(camera, stream)
        self._rate = camera.posture.frame_rate
        self._waiting: set[Listener] = set()
        self._watching: set[Listener] = set()
        self._keyframe_wanted = threading.Event()
        self._end: threading.Event | None = None  # of the encoding thread that runs now
        self._parameter_sets: asyncio.Task[tuple[bytes, ...]] | None = None

    async def parameter_sets(self) -> tuple[bytes, ...]:
        """Return VPS, SPS and PPS of the encoder, as SDP announces them."""
        if self._parameter_sets is None:
            self._parameter_sets = asyncio.create_task(asyncio.to_thread(self._first_units))
        return await asyncio.shield(self._parameter_sets)

    def subscribe(self, listener: Listener) -> None:
        """Call ``listener`` in the loop with each access unit, beginning with a keyframe."""
        self._waiting.add(listener)
        self._keyframe_wanted.set()
        if self._end is None:
            self._end = threading.Event()
            threading.Thread(
                target=self._encode,
                args=(asyncio.get_running_loop(), self._end),
                name=f"video {self.stream.path}",
                daemon=True,
            ).start()

    def unsubscribe(self, listener: Listener) -> None:
        """Stop calling ``listener``; the last one switches the encoder off."""
        self._waiting.discard(listener)
        self._watching.discard(listener)
        if self._end is not None and not self._waiting and not self._watching:
            self._end.set()
            self._end = None

    def _first_units(self) -> tuple[bytes, ...]:
        picture = self._scene.at(time.time())
        codec = self.stream.codec
        if codec == "mjpeg":
            return ()
        units: Iterable[AccessUnit] = Encoder(self.stream).encode(picture, 0, keyframe=True)
        return tuple(unit for au in units for unit in au.units if is_parameter_set(codec, unit))

    def _encode(self, loop: asyncio.AbstractEventLoop, end: threading.Event) -> None:
        encoder = encoder_of(self.stream)
        due = time.monotonic()
        while not end.is_set():
            now = time.monotonic()
            keyframe = self._keyframe_wanted.is_set()
            self._keyframe_wanted.clear()
            timestamp = int(now * CLOCK_RATE)
            for unit in encoder.encode(self._scene.at(time.time()), timestamp, keyframe=keyframe):
                if loop.is_closed():
                    return
                loop.call_soon_threadsafe(self._publish, unit, end)
            due = max(due + 1 / self._rate, now)
            end.wait(due - time.monotonic())

    def _publish(self, unit: AccessUnit, end: threading.Event) -> None:
        if end.is_set():
            return
        if unit.keyframe:
            self._watching |= self._waiting
            self._waiting.clear()
        for listener in tuple(self._watching):
            listener(unit)
