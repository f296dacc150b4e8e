"""Statistics of a medium's blocks: blank, like ciphertext, or neither; and transport streams."""

from __future__ import annotations

import numpy as np

BLOCK = 4096
"""Bytes of one block."""

MAX_CHI_SQUARE = 400.0
"""Over 256 classes: 255 is expected of random bytes, with a standard deviation of 23."""

_TS_PACKETS = 8  # sync bytes in their places that make a transport stream
_TS_SIZES = (188, 192)  # with a time stamp in front of each: Blu-ray's and cameras' variant
_SYNC = 0x47


def count(data: bytes) -> tuple[int, int]:
    """Return how many bytes are in written blocks, and in those that are no ciphertext.

    A block of one repeated byte is blank. A last part of a block does not count.
    """
    whole = len(data) // BLOCK
    if not whole or data.count(data[:1]) == len(data):
        return 0, 0
    rows = np.frombuffer(data, np.uint8, whole * BLOCK).reshape(whole, BLOCK)
    rows = rows[(rows != rows[:, :1]).any(axis=1)]
    if not len(rows):
        return 0, 0
    index = rows.astype(np.int64) + 256 * np.arange(len(rows))[:, None]
    counts = np.bincount(index.ravel(), minlength=256 * len(rows)).reshape(len(rows), 256)
    expected = BLOCK / 256
    chi_square = ((counts - expected) ** 2 / expected).sum(axis=1)
    clear = int((chi_square > MAX_CHI_SQUARE).sum())
    return len(rows) * BLOCK, clear * BLOCK


def transport_stream(data: bytes) -> int | None:
    """Return where MPEG-TS packets begin that keep their distance; None when there are none."""
    sync = np.frombuffer(data, np.uint8) == _SYNC
    for size in _TS_SIZES:
        starts = len(sync) - (_TS_PACKETS - 1) * size
        if starts <= 1:
            continue
        agree = sync[:starts].copy()
        for number in range(1, _TS_PACKETS):
            agree &= sync[number * size : number * size + starts]
        for at in np.flatnonzero(agree)[:64].tolist():
            # Not a run of the same byte: packet headers differ from their sync byte.
            if all(data[at + n * size + 1] != _SYNC for n in range(_TS_PACKETS)):
                return int(at)
    return None
