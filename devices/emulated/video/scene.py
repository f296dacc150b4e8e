"""What the emulated camera's lens sees: a test pattern with a moving ball and a running clock.

The clock and the unit's serial number are painted into the picture, so that a person who looks at
a recorded frame sees which camera made it and when.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

import cv2
import numpy as np

from devices.emulated.video.lens import Lens, Picture

LOOP_PICTURES = 12
"""Length of the recording that a looped stream repeats: one second."""
_LOOP_RATE = 12

_BARS = ((180, 180, 180), (16, 180, 180), (180, 180, 16), (16, 180, 16), (180, 16, 180))
"""Background colours, blue-green-red."""


class Scene:
    """Paints pictures of one size in pixels; what the lens looks at is in front of the pattern.

    ``picture`` is moving, frozen, black or looped (the first pictures, again and again).
    ``delay``: seconds by which it lags behind. ``turned``: another camera's pattern.
    """

    def __init__(
        self,
        width: int,
        height: int,
        serial: str,
        picture: str = "moving",
        *,
        lens: Lens | None = None,
        delay: float = 0.0,
        turned: bool = False,
    ) -> None:
        self._lens = lens
        self._delay = delay
        self._turned = turned
        self._loop: list[Picture] = []
        self._turn = 0
        self._size = (width, height)
        self._serial = serial
        self._picture = picture
        self._background = self._paint_background()
        self._still: Picture | None = None

    def at(self, unix_time: float) -> Picture:
        """Return the picture at this time, height x width x 3 bytes, blue-green-red."""
        if self._picture == "black":
            return np.zeros_like(self._background)
        if self._picture == "frozen":
            if self._still is None:
                self._still = self._paint(unix_time)
            return self._still
        if self._picture == "looped":
            return self._again(unix_time)
        return self._paint(unix_time - self._delay)

    def _again(self, unix_time: float) -> Picture:
        if not self._loop:  # recorded before anybody looked
            begin = unix_time - LOOP_PICTURES / _LOOP_RATE
            self._loop = [self._paint(begin + n / _LOOP_RATE) for n in range(LOOP_PICTURES)]
        self._turn = (self._turn + 1) % LOOP_PICTURES
        return self._loop[self._turn - 1]

    def _paint_background(self) -> Picture:
        width, height = self._size
        image: Picture = np.zeros((height, width, 3), np.uint8)
        step = width / len(_BARS)
        for number, colour in enumerate(_BARS):
            image[:, int(number * step) : int((number + 1) * step)] = colour
        ramp = np.linspace(0, 255, width, dtype=np.uint8)
        image[-height // 4 :] = ramp[None, :, None]
        return np.ascontiguousarray(image[::-1, :, ::-1]) if self._turned else image

    def _paint(self, unix_time: float) -> Picture:
        width, height = self._size
        image = self._background.copy()
        angle = 2 * math.pi * (unix_time % 4) / 4  # once round in 4 s
        centre = (
            int(width * (0.5 + 0.35 * math.cos(angle))),
            int(height * (0.5 + 0.3 * math.sin(angle))),
        )
        cv2.circle(image, centre, height // 8, (40, 40, 230), -1)
        if self._lens is not None:
            self._lens.look(image, unix_time)
        clock = datetime.fromtimestamp(unix_time, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-4] + "Z"
        self._write(image, clock, height // 10)
        self._write(image, self._serial, height - height // 20)
        return image

    def _write(self, image: Picture, text: str, baseline: int) -> None:
        font, scale = cv2.FONT_HERSHEY_SIMPLEX, self._size[1] / 450
        left, margin = self._size[0] // 40, max(2, self._size[1] // 90)
        (width, height), _ = cv2.getTextSize(text, font, scale, 1)
        # On a plate of its own: an outline of another thickness has other glyph widths.
        corner = (left + width + margin, baseline + margin)
        cv2.rectangle(image, (left - margin, baseline - height - margin), corner, (0, 0, 0), -1)
        cv2.putText(image, text, (left, baseline), font, scale, (255, 255, 255), 1, cv2.LINE_AA)
