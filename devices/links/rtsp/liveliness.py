"""What tells a living picture from one that may be frozen, or is recorded and played again.

A lens gives noise, and where the encoder leaves enough of it no two successive pictures are alike.
The opposite proves nothing: an encoder that has few bits makes a quiet scene as still as a frozen
one, and what it does to a frozen one differs from picture to picture as noise does.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEP = 12
"""Change of brightness (of 255) that counts: above the noise of sensors and of coding."""

_COLUMNS, _ROWS = 16, 9  # blocks that a picture of 160 x 90 is looked at in
_CHANGED = 0.03  # share of a block's pixels that change in one that counts as changing
_SAMPLED = 320  # pixels in a row that are looked at for noise, as they are
_SHORTEST = 5  # pictures of a repetition
_ALIKE = 2.5  # mean difference of brightness of a block that is the same again
_TELLING = 0.06  # share of the picture that must change, for its coming again to mean anything
_AGAIN = 0.85  # share of changing blocks that are the same again; a clock over them goes on


@dataclass(frozen=True)
class Liveliness:
    """``changing``: share (0 to 1) of the picture in which anything changes.

    Elsewhere ``noise`` is the least share of pixels that differ between one picture and the next,
    and ``correlation`` (-1 to 1) that of two differences between pictures further apart.
    ``period``: after so many pictures the same ones come again; 0 when they do not.
    """

    changing: float = 1.0
    noise: float = 0.0
    correlation: float = 0.0
    period: int = 0


class History:
    """Collects the pictures of a recording, as far as they are needed."""

    def __init__(self) -> None:
        self._sampled: list[NDArray[np.int16]] = []
        self._small: list[NDArray[np.int16]] = []

    def add(self, grey: Any, small: NDArray[np.int16]) -> None:
        """Take one: brightness as decoded, and at 160 x 90 pixels. One size for all."""
        step = max(1, -(-grey.shape[1] // _SAMPLED))
        sampled = np.asarray(grey[::step, ::step], np.int16)
        if not self._sampled or sampled.shape == self._sampled[0].shape:
            self._sampled.append(sampled)
            self._small.append(small)

    def liveliness(self) -> Liveliness:
        """Return the measures; the defaults for fewer than eight pictures."""
        if len(self._small) < 8:
            return Liveliness()
        small = np.stack(self._small)
        moved = (np.abs(small - small[0]) > STEP).any(axis=0)
        changing = _blocks(moved[None].astype(float))[0] > _CHANGED
        rest = self._rest(changing)
        return Liveliness(
            changing=round(float(changing.mean()), 4),
            noise=round(self._noise(rest), 5),
            correlation=round(self._correlation(rest), 3),
            period=_period(small, changing),
        )

    def _rest(self, changing: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The sampled pixels outside changing blocks and those around them."""
        grown = np.pad(changing, 1)
        near = np.zeros_like(changing)
        for down in range(3):
            for right in range(3):
                near |= grown[down : down + _ROWS, right : right + _COLUMNS]
        height, width = self._sampled[0].shape
        rows = np.arange(height) * _ROWS // height
        columns = np.arange(width) * _COLUMNS // width
        rest: NDArray[np.bool_] = ~near[rows][:, columns]
        return rest

    def _noise(self, rest: NDArray[np.bool_]) -> float:
        if not rest.any():
            return 0.0
        pairs = itertools.pairwise(self._sampled)
        return min(float(np.mean((a != b)[rest])) for a, b in pairs)

    def _correlation(self, rest: NDArray[np.bool_]) -> float:
        if not rest.any():
            return 0.0
        count = len(self._sampled)
        a, b, c, d = (self._sampled[at] for at in (0, count // 3, count // 2, count - 1))
        first, second = (x[rest].astype(float) for x in (b - a, d - c))
        if not first.std() or not second.std():
            return 0.0
        return float(np.corrcoef(first, second)[0, 1])


def _blocks(pictures: NDArray[Any]) -> NDArray[np.float64]:
    """Mean of each block: pictures x rows x columns, from pictures x 90 x 160."""
    count, height, width = pictures.shape
    shaped = pictures.reshape(count, _ROWS, height // _ROWS, _COLUMNS, width // _COLUMNS)
    means: NDArray[np.float64] = shaped.mean(axis=(2, 4))
    return means


def _period(small: NDArray[np.int16], changing: NDArray[np.bool_]) -> int:
    """After how many pictures the changing blocks are all the same again, for the whole time."""
    if changing.mean() < _TELLING:
        return 0
    for shift in range(_SHORTEST, len(small) // 2 + 1):
        apart = _blocks(np.abs(small[shift:] - small[:-shift]).astype(float))[:, changing]
        if np.mean(apart.max(axis=0) <= _ALIKE) >= _AGAIN:
            return shift
    return 0
