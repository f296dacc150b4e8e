"""Pictures out of NAL units, decoded with OpenCV: size, movement, contrast, and one to keep."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from devices.links.rtsp.liveliness import STEP, History, Liveliness
from devices.protocols.h26x import Codec, to_annex_b

MAX_FRAMES = 60
MAX_BYTES = 16 * 1024 * 1024
_CODECS = {
    **dict.fromkeys((b"h264", b"avc1", b"avc3", b"x264", b"\x1b\0\0\0"), "h264"),
    **dict.fromkeys((b"hevc", b"hvc1", b"hev1", b"h265", b"\x24\0\0\0"), "h265"),
    **dict.fromkeys((b"mjpg", b"jpeg"), "mjpeg"),
}
"""OpenCV's four characters for a codec, lower case; in a transport stream, its stream type."""
_SMALL = (160, 90)  # pixels; pictures are compared at this size, noise averages out


@dataclass(frozen=True)
class Pictures:
    """What decoding gave.

    ``width`` and ``height`` in pixels; ``movement`` the largest share (0 to 1) of the picture
    that differs between the first decoded picture and a later one; ``contrast`` the standard
    deviation of brightness (0 to 127) of the last picture; ``png`` the last picture;
    ``liveliness`` what tells a living picture from a frozen or repeated one.
    """

    frames: int = 0
    width: int = 0
    height: int = 0
    movement: float = 0.0
    contrast: float = 0.0
    png: bytes = field(default=b"", repr=False)
    liveliness: Liveliness = field(default_factory=Liveliness)


def decode(codec: Codec, units: Sequence[bytes]) -> Pictures:
    """Decode NAL units (parameter sets first); no frames when nothing can be decoded."""
    return _of_file(to_annex_b(units)[:MAX_BYTES], codec)[0]


def decode_file(data: bytes, container: str) -> tuple[Pictures, str]:
    """Decode media in a container; the pictures, and the codec: h264, h265, mjpeg or empty."""
    return _of_file(data[:MAX_BYTES], container)


def of_jpegs(pictures: Sequence[bytes]) -> Pictures:
    """Decode JPEG pictures, in order; those that cannot be decoded are left out."""
    decoded = (_jpeg(data) for data in pictures[:MAX_FRAMES])
    return _measure(picture for picture in decoded if picture is not None)


def _jpeg(data: bytes) -> Any:
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # a size that OpenCV refuses
        return None


def _of_file(data: bytes, suffix: str) -> tuple[Pictures, str]:
    with tempfile.TemporaryDirectory(prefix="camproof-") as folder:
        path = Path(folder, f"stream.{suffix}")
        path.write_bytes(data)
        reader = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        try:
            code = int(reader.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
            return _measure(_frames(reader)), _CODECS.get(code.to_bytes(4, "little").lower(), "")
        finally:
            reader.release()


def _frames(reader: cv2.VideoCapture) -> Iterator[Any]:
    for _ in range(MAX_FRAMES):
        good, picture = reader.read()
        if not good:
            return
        yield picture


def _measure(pictures: Iterable[Any]) -> Pictures:
    first: NDArray[np.int16] | None = None
    small: Any = None
    last: Any = None
    frames, movement = 0, 0.0
    history = History()
    for picture in pictures:
        frames, last = frames + 1, picture
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        small = _small(grey)
        if first is None:
            first = small
        movement = max(movement, float(np.mean(np.abs(small - first) > STEP)))
        history.add(grey, small)
    if last is None:
        return Pictures()
    encoded, png = cv2.imencode(".png", last)
    return Pictures(
        frames=frames,
        width=int(last.shape[1]),
        height=int(last.shape[0]),
        movement=round(movement, 5),
        contrast=round(float(np.std(small)), 2),
        png=png.tobytes() if encoded else b"",
        liveliness=history.liveliness(),
    )


def _small(grey: Any) -> NDArray[np.int16]:
    small: NDArray[np.int16] = np.asarray(
        cv2.resize(grey, _SMALL, interpolation=cv2.INTER_AREA), np.int16
    )
    return small
