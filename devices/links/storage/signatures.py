"""Recordings by their structure, not by two bytes that chance makes often enough.

Each rule names bytes to look for and a check of what stands around them. A check sees the whole
buffer and the place of the bytes; it returns where the structure begins and a detail, or None.
Random bytes satisfy none of them in practice: each fixes 50 bits or more.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

LOOK_AHEAD = 8192
"""Bytes after its beginning that a structure may need to be recognised."""

Check = Callable[[bytes, int], tuple[int, str] | None]


@dataclass(frozen=True)
class Rule:
    """Bytes to look for, and what must stand around them."""

    kind: str
    literal: bytes
    check: Check


def find(data: bytes, rule: Rule, begin: int, end: int) -> Iterator[tuple[int, str]]:
    """Yield offset and detail of each structure whose literal lies in ``data[begin:end]``."""
    at = data.find(rule.literal, begin)
    while 0 <= at < end:
        if (found := rule.check(data, at)) is not None:
            yield found
        at = data.find(rule.literal, at + 1)


def _mp4(data: bytes, at: int) -> tuple[int, str] | None:
    """A file type box with a brand, and a known box behind it (ISO/IEC 14496-12, 4.2 and 4.3)."""
    begin = at - 4
    size = int.from_bytes(data[begin:at], "big") if begin >= 0 else 0
    brand = data[at + 4 : at + 8]
    following = data[begin + size + 4 : begin + size + 8]
    known = {b"moov", b"mdat", b"free", b"moof", b"sidx", b"uuid", b"skip", b"wide", b"styp"}
    if 16 <= size <= 512 and size % 4 == 0 and _printable(brand) and following in known:
        return begin, f"brand {brand.decode('ascii')}"
    return None


def _inner_box(inner: bytes) -> Check:
    def check(data: bytes, at: int) -> tuple[int, str] | None:
        size = int.from_bytes(data[at - 4 : at], "big") if at >= 4 else 0
        if size >= 24 and data[at + 8 : at + 12] == inner:  # behind the size of the inner box
            return at - 4, f"box {data[at : at + 4].decode('ascii')}"
        return None

    return check


def _jpeg(data: bytes, at: int) -> tuple[int, str] | None:
    """Segments from SOI to the scan, with tables and a frame of some size (ITU-T T.81, B.2)."""
    position, tables, frame = at + 2, False, ""
    for _ in range(32):
        if data[position : position + 1] != b"\xff" or position + 4 > len(data):
            return None
        marker, length = (
            data[position + 1],
            int.from_bytes(data[position + 2 : position + 4], "big"),
        )
        if length < 2 or marker < 0xC0:
            return None
        if marker == 0xDA:
            return (at, frame) if tables and frame else None
        if marker in (0xC0, 0xC1, 0xC2) and length >= 11:
            height, width = struct.unpack_from(">HH", data[position + 5 : position + 9] + bytes(4))
            frame = f"{width}x{height} pixels" if width and height else ""
        tables |= marker == 0xDB
        position += 2 + length
    return None


def _program_stream(data: bytes, at: int) -> tuple[int, str] | None:
    """A pack header with its marker bits, and a start code behind it (ISO/IEC 13818-1, 2.5.3.3)."""
    head = data[at + 3 : at + 14]
    if len(head) < 11 or head[0] != 0xBA:
        return None
    markers = head[1] & 0xC4 == 0x44 and head[3] & 4 and head[5] & 4 and head[6] & 1
    if not markers or head[9] & 3 != 3:
        return None
    after = at + 14 + (head[10] & 7)
    if (
        data[after : after + 3] != b"\0\0\1"
        or not (data[after + 3 : after + 4] or b"\0")[0] >= 0xBB
    ):
        return None
    return at, "a pack header"


def _h264(data: bytes, at: int) -> tuple[int, str] | None:
    """A sequence parameter set and a picture parameter set close behind (ITU-T H.264, 7.3.2)."""
    head = data[at + 3 : at + 7]
    if len(head) < 4 or head[0] not in (0x27, 0x47, 0x67) or head[1] not in _PROFILES:
        return None
    if head[2] & 3 or head[3] not in _LEVELS:
        return None
    near = data[at + 7 : at + 7 + 256]
    if any(b"\0\0\1" + bytes([kind]) in near for kind in (0x28, 0x48, 0x68)):
        return at, f"profile {head[1]}, level {head[3] / 10}"
    return None


_PROFILES = frozenset({66, 77, 88, 100, 110, 122, 244})
_LEVELS = frozenset({9, 10, 11, 12, 13, 20, 21, 22, 30, 31, 32, 40, 41, 42, 50, 51, 52, 60, 61, 62})


def _h265(data: bytes, at: int) -> tuple[int, str] | None:
    """A video parameter set and a sequence parameter set close behind (ITU-T H.265, 7.3.2)."""
    if data[at + 3 : at + 5] != b"\x40\x01":
        return None
    near = data[at + 5 : at + 5 + 512]
    return (at, "parameter sets") if b"\0\0\1\x42\x01" in near else None


def _riff(data: bytes, at: int) -> tuple[int, str] | None:
    avi = data[at + 8 : at + 12] == b"AVI " and data[at + 12 : at + 16] == b"LIST"
    return (at, "RIFF AVI") if avi else None


def _matroska(data: bytes, at: int) -> tuple[int, str] | None:
    near = data[at : at + 64]
    return (at, "EBML") if b"matroska" in near or b"webm" in near else None


def _flv(data: bytes, at: int) -> tuple[int, str] | None:
    head = data[at + 4 : at + 9]
    return (
        (at, "FLV 1") if head[:1] in (b"\1", b"\4", b"\5") and head[1:] == b"\0\0\0\x09" else None
    )


def _dhav(data: bytes, at: int) -> tuple[int, str] | None:
    """Dahua's frame: type, and a length that its trailer repeats where it is in sight."""
    head = data[at : at + 16]
    if len(head) < 16 or head[4] not in (0xF0, 0xF1, 0xFC, 0xFD):
        return None
    length = int.from_bytes(head[12:16], "little")
    if not 32 <= length <= 4 * 1024 * 1024:
        return None
    trailer = data[at + length - 8 : at + length]
    return (at, "DHAV frame") if len(trailer) < 8 or trailer[:4] == b"dhav" else None


def _hikvision(data: bytes, at: int) -> tuple[int, str] | None:
    return (at, "Hikvision media header") if data[at + 4 : at + 5] == b"\x01" else None


def _as_it_is(data: bytes, at: int) -> tuple[int, str] | None:
    return at, data[at : at + 18].decode("ascii", "replace")


def _printable(data: bytes) -> bool:
    return len(data) == 4 and all(0x20 <= byte < 0x7F for byte in data)


RULES: tuple[Rule, ...] = (
    Rule("mp4", b"ftyp", _mp4),
    Rule("mp4", b"moof", _inner_box(b"mfhd")),
    Rule("mp4", b"moov", _inner_box(b"mvhd")),
    Rule("jpeg", b"\xff\xd8\xff", _jpeg),
    Rule("mpeg-ps", b"\0\0\1\xba", _program_stream),
    Rule("h264", b"\0\0\1", _h264),
    Rule("h265", b"\0\0\1\x40\x01", _h265),
    Rule("avi", b"RIFF", _riff),
    Rule("matroska", b"\x1a\x45\xdf\xa3", _matroska),
    Rule("flv", b"FLV\x01", _flv),
    Rule("dhav", b"DHAV", _dhav),
    Rule("hikvision", b"IMKH", _hikvision),
    Rule("hikvision", b"HIKVISION@HANGZHOU", _as_it_is),
)
