"""JPEG as an observer finds it: frames in RTP (RFC 2435), markers of JPEG files, sans-io."""

from __future__ import annotations

import re
from collections.abc import Iterable

from devices.protocols.rtp import RtpPacket, in_order

_START = re.compile(rb"\xff\xd8(?=\xff[\xc0\xc4\xdb\xe0-\xef\xfe])")
_HEADER = 8  # bytes: RFC 2435, 3.1
_RESTART = range(64, 128)  # types with a restart header of four bytes, RFC 2435, 3.1.7
_TYPES = (0, 1, *_RESTART)


def jpeg_frames(packets: Iterable[RtpPacket]) -> int:
    """Count whole frames: the fragments of each begin at 0, follow on each other, end marked.

    Three bytes of each payload have to say where the last one ended, so that ciphertext and other
    codecs yield none.
    """
    frames, expected = 0, -1
    for packet in in_order(packets):
        fragment = _fragment(packet.payload)
        if fragment is None:
            expected = -1
            continue
        offset, length = fragment
        at = expected if offset else 0
        expected = offset + length if offset == at else -1
        if packet.marker:
            frames += expected > 0
            expected = -1
    return frames


def frame_blocks(packets: Iterable[RtpPacket]) -> tuple[int, int] | None:
    """Return width and height of the first frame in blocks of 8 pixels; None without a frame.

    Both are 0 for more than 255 blocks (RFC 2435, 3.1.5): the session description says them.
    """
    for packet in packets:
        fragment = _fragment(packet.payload)
        if fragment is not None and fragment[0] == 0:
            return packet.payload[6], packet.payload[7]
    return None


def _fragment(payload: bytes) -> tuple[int, int] | None:
    """Return offset and length of the fragment that a payload holds; None when it is no JPEG."""
    if len(payload) <= _HEADER or payload[4] not in _TYPES:
        return None
    offset, quality = int.from_bytes(payload[1:4], "big"), payload[5]
    if quality == 0 or bool(payload[6]) != bool(payload[7]):
        return None  # no such Q; a width or a height of 0 says that both are told elsewhere
    start = _HEADER + (4 if payload[4] in _RESTART else 0)
    if offset == 0 and quality >= 128:
        start += 4 + int.from_bytes(payload[start + 2 : start + 4], "big")
    return (offset, len(payload) - start) if start < len(payload) else None


def jpeg_files(data: bytes) -> int:
    """Count JPEG files in bytes: a start marker, and two segments whose lengths lead on."""
    return sum(1 for found in _START.finditer(data) if _leads_on(data, found.end()))


def _leads_on(data: bytes, at: int) -> bool:
    for _ in range(2):
        if data[at : at + 1] != b"\xff" or len(data) < at + 4:
            return False
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return data[at : at + 1] == b"\xff"
