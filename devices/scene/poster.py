"""A picture that shows a code full-screen: for a screen that shows a file, and for print."""

from __future__ import annotations

import cv2
import numpy as np

from devices.scene.code import Grey, draw, spoken

SIZE = (1920, 1080)
"""Pixels; a screen scales it."""

_GROUND = 96  # grey around the symbol: a white screen would make a camera close its iris
_SHARE = 0.86  # of the height that the symbol and its white margin take
_MARGIN_MODULES = 29  # modules across a symbol of version 1 with its margin


def poster(code: str, size: tuple[int, int] = SIZE) -> bytes:
    """Return a PNG of ``size`` (width, height) that shows ``code``; an empty one shows none."""
    width, height = size
    picture: Grey = np.full((height, width), _GROUND, np.uint8)
    if code:
        module = max(1, int(_SHARE * min(width, height)) // _MARGIN_MODULES)
        symbol = draw(code, module)
        top, left = (height - symbol.shape[0]) // 2, (width - symbol.shape[1]) // 2
        picture[top : top + symbol.shape[0], left : left + symbol.shape[1]] = symbol
        _write(picture, spoken(code), bottom=height - (top // 3), limit=top // 2)
    done, data = cv2.imencode(".png", picture)
    assert done  # a grey picture of this size can always be written
    return data.tobytes()


def _write(picture: Grey, text: str, *, bottom: int, limit: int) -> None:
    """Write below the symbol for people; never into it."""
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, limit / 30
    (width, _), _ = cv2.getTextSize(text, font, scale, 2)
    left = (picture.shape[1] - width) // 2
    cv2.putText(picture, text, (left, bottom), font, scale, 255, 2, cv2.LINE_AA)
