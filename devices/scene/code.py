"""Codes that a lens can read: random words drawn as QR symbols, and read back from pictures.

A code is eight signs of Crockford's base 32 (40 random bits), drawn as the smallest QR symbol
there is (ISO/IEC 18004, version 1: 21 x 21 modules) at the level that survives the loss of 30 % of
it. A symbol 60 pixels high is enough, so that a sub stream of 320 x 180 pixels shows it.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

_SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # without I, L, O and U, which people misread
_MARK = "CP"  # what a symbol of ours begins with: other QR symbols may be in view
_LENGTH = 8
_FORM = re.compile(f"[{_SIGNS}]{{{_LENGTH}}}")
_QUIET = 4  # modules of white around a symbol: ISO/IEC 18004, 5.3.8
_WIDEST = 960  # pixels; larger pictures are made smaller before a symbol is looked for
_NARROW = 640  # pixels; smaller ones are also made larger


def fresh() -> str:
    """Return a code that nobody can know beforehand."""
    return "".join(secrets.choice(_SIGNS) for _ in range(_LENGTH))


def well_formed(code: str) -> bool:
    """Whether this can be a code."""
    return bool(_FORM.fullmatch(code))


def spoken(code: str) -> str:
    """Return a code as people read it out: two groups of four."""
    return f"{code[:4]} {code[4:]}"


def modules(code: str) -> NDArray[np.bool_]:
    """Return the symbol, True for black, without white around it. Raises ValueError."""
    if not well_formed(code):
        raise ValueError(f"{code!r} is no code: {_LENGTH} signs of {_SIGNS} are")
    parameters: Any = cv2.QRCodeEncoder.Params()
    parameters.version = 1
    parameters.correction_level = cv2.QRCODE_ENCODER_CORRECT_LEVEL_H
    parameters.mode = cv2.QRCODE_ENCODER_MODE_ALPHANUMERIC
    drawn = cv2.QRCodeEncoder.create(parameters).encode(_MARK + code)
    black = np.asarray(drawn) < 128
    rows, columns = np.flatnonzero(black.any(1)), np.flatnonzero(black.any(0))
    return black[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def draw(code: str, module: int) -> Grey:
    """Return the symbol with its white margin, ``module`` pixels to a module, as grey values."""
    black = np.pad(modules(code), _QUIET)
    grey: Grey = np.where(black, 0, 255).astype(np.uint8)
    return np.kron(grey, np.ones((module, module), np.uint8))


@dataclass(frozen=True)
class Found:
    """A code in a picture; ``corners`` of its symbol (x, y, as shares of width and height)."""

    code: str
    corners: tuple[tuple[float, float], ...]

    @property
    def width(self) -> float:
        """The symbol's share (0 to 1) of the picture's width."""
        xs = [x for x, _ in self.corners]
        return round(max(xs) - min(xs), 4)


def read(picture: Grey, *, thorough: bool = True) -> Found | None:
    """Return the code that a picture (grey values, height x width) shows, if any.

    ``thorough`` takes about four times as long as without, and finds smaller and noisier ones.
    """
    width = picture.shape[1]
    if width > _WIDEST:
        shrunk = (_WIDEST, max(1, round(picture.shape[0] * _WIDEST / width)))
        picture = np.asarray(cv2.resize(picture, shrunk, interpolation=cv2.INTER_AREA), np.uint8)
    found = _detect(cv2.QRCodeDetectorAruco(), picture)
    if found is not None or not thorough:
        return found
    found = _detect(cv2.QRCodeDetector(), picture)
    if found is None and width < _NARROW:
        factor = -(-_NARROW // width)
        larger = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        found = _detect(cv2.QRCodeDetector(), np.asarray(larger, np.uint8))
    return found


def _detect(detector: Any, picture: Grey) -> Found | None:
    try:
        good, texts, points, _ = detector.detectAndDecodeMulti(picture)
    except cv2.error:  # some noise makes its geometry fail
        return None
    if not good:
        return None
    height, width = picture.shape[:2]
    for text, corners in zip(texts, points, strict=True):
        code = text.removeprefix(_MARK)
        if text.startswith(_MARK) and well_formed(code):
            return Found(code, tuple((float(x) / width, float(y) / height) for x, y in corners))
    return None
