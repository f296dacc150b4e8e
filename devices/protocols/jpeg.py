"""JPEG pictures in a stream of bytes (ITU-T T.81, annex B), sans-io."""

from __future__ import annotations

import re

MAX_HEADER = 256 * 1024
"""Bytes between the start of a picture and its scan; cameras put thumbnails and comments there."""

_START = re.compile(rb"\xff\xd8\xff")
_END = b"\xff\xd9"
_SCAN = 0xDA
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset((0x01, *range(0xD0, 0xD8)))


def scan_of(data: bytes, at: int = 0) -> int:
    """Where the coded data of the picture that starts at ``at`` begins; 0 when there is none.

    A chain of marker segments has to lead from the start over a frame header to the scan, so
    random bytes are no picture.
    """
    place, frame = at + 2, False
    if data[at:place] != b"\xff\xd8":
        return 0
    while place + 4 <= min(len(data), at + MAX_HEADER):
        if data[place] != 0xFF:
            return 0
        marker = data[place + 1]
        if marker == 0xFF:  # fill byte
            place += 1
        elif marker in _ALONE:
            place += 2
        else:
            length = int.from_bytes(data[place + 2 : place + 4], "big")
            if length < 2 or marker in (0x00, 0xD8, 0xD9):
                return 0
            frame = frame or marker in _FRAMES
            place += 2 + length
            if marker == _SCAN:
                return place if frame and place <= len(data) else 0
    return 0


def count_pictures(data: bytes) -> int:
    """How many pictures have their whole header in ``data``."""
    return sum(scan_of(data, match.start()) > 0 for match in _START.finditer(data))


def pictures(data: bytes) -> list[bytes]:
    """The whole pictures in ``data``, whatever stands between them."""
    found: list[bytes] = []
    place = 0
    while (match := _START.search(data, place)) is not None:
        scan = scan_of(data, match.start())
        end = data.find(_END, scan) if scan else -1
        if scan and end < 0:
            break  # cut off; so is all that follows
        place = end + 2 if scan else match.end()
        if scan:
            found.append(data[match.start() : place])
    return found
