"""A short recording of what the lens sees, as a file."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import cv2

from devices.emulated.video.scene import Scene
from devices.emulated.video.source import FRAME_RATE, VideoHost

WIDTH, HEIGHT = 640, 360


def clip(camera: VideoHost, began: float, frames: int = 4 * FRAME_RATE) -> bytes:
    """Return an MP4 file with H.264 of the pictures since ``began`` (Unix time in seconds)."""
    import av  # noqa: PLC0415 - 0.2 s and 60 MB that a camera that does not record does not pay

    scene = Scene(WIDTH, HEIGHT, camera.unit.serial, camera.posture.picture)
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=FRAME_RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"preset": "ultrafast", "tune": "zerolatency"}
        for number in range(frames):
            picture = scene.at(began + number / FRAME_RATE)
            planes = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")  # type: ignore[arg-type]
            frame.pts, frame.time_base = number, Fraction(1, FRAME_RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()
