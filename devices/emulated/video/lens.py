"""The lens of the emulated camera: it looks at the scene that a file of the bench describes.

The file holds a code, as ``[bench.scene]`` of the device file writes it; a card with it is then in
the picture, a little turned and tilted, a little out of focus.
"""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from devices.scene.code import draw, well_formed

Picture = NDArray[np.uint8]

cv2.setNumThreads(1)  # a camera shares two cores with the tests that look at it

_MODULE = 8  # pixels of a module on the card, before the lens makes it smaller
_CORNERS = np.array([[0.255, 0.17], [0.60, 0.15], [0.62, 0.79], [0.245, 0.77]], np.float32)
"""Where the card's corners are, as shares of width and height."""
_REMEMBERED = 64  # changes of the scene


class Lens:
    """What is in view, at any time. Thread-safe."""

    def __init__(self, scene: Path) -> None:
        self._scene = scene
        self._lock = threading.Lock()
        self._history: deque[tuple[float, str]] = deque(maxlen=_REMEMBERED)
        self._cards: dict[tuple[str, int, int], tuple[Picture, Picture]] = {}

    def look(self, image: Picture, unix_time: float) -> None:
        """Paint what was in view at this time into a picture of the place."""
        with self._lock:
            self._follow()
            code = next((code for since, code in reversed(self._history) if since <= unix_time), "")
            if not code:
                return
            card, mask = self._card(code, image.shape[1], image.shape[0])
        np.copyto(image, card, where=mask > 0)

    def _follow(self) -> None:
        try:
            since = self._scene.stat().st_mtime
            if self._history and self._history[-1][0] == since:
                return
            code = self._scene.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            return  # nobody has put anything in front of the lens
        self._history.append((since, code if well_formed(code) else ""))

    def _card(self, code: str, width: int, height: int) -> tuple[Picture, Picture]:
        """The card as the lens sees it, and where it is; made once."""
        key = (code, width, height)
        if key not in self._cards:
            if len(self._cards) > _REMEMBERED:
                self._cards.clear()
            flat = draw(code, _MODULE)
            side = flat.shape[0]
            square = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
            seen = _CORNERS * np.array([width, height], np.float32)
            turn = cv2.getPerspectiveTransform(square, seen)
            # Large modules onto few pixels: without the average the pattern would alias.
            soft = cv2.GaussianBlur(flat, (0, 0), 0.4 * side / (0.36 * width))
            card = cv2.warpPerspective(soft, turn, (width, height), flags=cv2.INTER_LINEAR)
            mask = cv2.warpPerspective(np.full_like(flat, 255), turn, (width, height))
            grey = np.asarray(card, np.uint8)[:, :, None]
            self._cards[key] = (grey, np.asarray(mask, np.uint8)[:, :, None])
        return self._cards[key]
