"""Pictures that the camera gives over HTTP, looked at for codes until the last one is in them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from devices.errors import DeviceError
from devices.links.http.exchange import Exchange
from devices.links.scene.control import Shown
from devices.links.scene.observations import ScenePicture
from devices.scene.code import Found, read

_PAUSE = 0.25  # s between two requests to one address
_WIDEST_KEPT = 1280  # pixels of a picture that is kept as evidence
_JPEG, _END = b"\xff\xd8\xff", b"\xff\xd9"

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class PictureSource:
    """An address that gives pictures; ``fetch`` gets what it gives now and raises DeviceError."""

    kind: str
    url: str
    fetch: Callable[[], Exchange]
    in_view: bool = True


def look(source: PictureSource, shown: list[Shown], patience: float) -> tuple[ScenePicture, bytes]:
    """Fetch until the picture shows the last code, or ``patience`` s after it was shown.

    Returns the facts and the last picture as PNG (empty when none came).
    """
    wanted = shown[-1]
    codes: list[str] = []
    width = height = 0
    share = 0.0
    while True:
        try:
            answer = source.fetch()
        except DeviceError as error:
            fact = ScenePicture(
                source.kind, source.url, "failed", error.cause, str(error), source.in_view
            )
            return fact, b""
        arrived = time.monotonic()
        pixels = decoded(answer)
        if pixels is None:
            reason = f"answered {answer.status} and no picture that can be decoded"
            fact = ScenePicture(
                source.kind, source.url, "no-picture", "not-offered", reason, source.in_view
            )
            return fact, b""
        height, width = pixels.shape[:2]
        found = read(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8))
        if found is not None:
            share = found.width
            if codes[-1:] != [found.code]:
                codes.append(found.code)
        if _is(found, wanted) or arrived - wanted.after > patience:
            break
        time.sleep(_PAUSE)
    return ScenePicture(
        kind=source.kind,
        url=source.url,
        outcome="picture",
        in_view=source.in_view,
        width=width,
        height=height,
        codes=tuple(codes),
        code_width=share,
        seconds=round(max(0.0, arrived - wanted.before), 2),
    ), kept(pixels)


def decoded(answer: Exchange) -> Pixels | None:
    """Return the newest whole picture of an answer: a file, or a series of JPEG (multipart)."""
    data = answer.content
    if not answer.succeeded or not answer.picture:
        return None
    if answer.media_type.startswith("multipart/"):
        end = data.rfind(_END)
        data = data[max(data.rfind(_JPEG, 0, max(end, 0)), 0) : end + len(_END)]
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # what it says of its size is more than may be
        return None
    return None if pixels is None else np.asarray(pixels, np.uint8)


def kept(pixels: Pixels) -> bytes:
    """Return a picture as PNG for the evidence, made smaller when it is large."""
    height, width = pixels.shape[:2]
    if width > _WIDEST_KEPT:
        size = (_WIDEST_KEPT, max(1, round(height * _WIDEST_KEPT / width)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    done, png = cv2.imencode(".png", pixels)
    return png.tobytes() if done else b""


def _is(found: Found | None, wanted: Shown) -> bool:
    return found is not None and found.code == wanted.code
