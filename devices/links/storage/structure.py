"""What a medium says of itself: file systems, encryption headers, names of recordings."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

import numpy as np

from devices.links.storage.observations import Trace
from devices.links.storage.signatures import Rule, find

_SECTOR = 512
_EXTENSIONS = (
    "mp4", "avi", "mkv", "mov", "flv", "3gp", "dav", "264", "265", "h264", "h265", "jpg", "jpeg",
    "mjpg",
)  # fmt: skip
_LONGEST = 64
_FORMS = [form for one in _EXTENSIONS for form in (one, one.upper())]
_ENDING = re.compile(
    rb"\.(?:"
    + "|".join(_FORMS).encode()
    + b"|\\x00(?:"
    + b"|".join(form.encode("utf-16-le") for form in _FORMS)
    + b"))"
)
"""A dot and an extension, in ASCII or in UTF-16."""

_NAME = re.compile(rb"[A-Za-z0-9_-]{8,}\Z")  # shorter ones come about by chance
_WIDE_NAME = re.compile(rb"(?:[A-Za-z0-9_-]\0){8,}\Z")
_SHORT_NAME = re.compile(rb"[A-Z0-9_~-]{1,8} *\Z")
_ARCHIVE = b"\x20"  # the attribute that follows the name in a FAT directory
_SHORT_ENDINGS = np.array(
    [
        int.from_bytes(one.upper().encode() + _ARCHIVE, "little")
        for one in _EXTENSIONS
        if len(one) == 3
    ],
    np.uint32,
)
_EXT_ENCRYPT = 0x10000  # EXT4_FEATURE_INCOMPAT_ENCRYPT


def headers(data: bytes, begin: int, end: int, base: int) -> Iterator[Trace]:
    """Yield file systems and encryption headers; ``base`` is the offset of ``data``."""
    for rule in _HEADERS:
        for at, detail in find(data, rule, begin, end):
            if (base + at) % _SECTOR == 0:
                yield Trace(rule.kind, base + at, detail)
    for at in range((-base) % 1024, end, 1024):
        if at >= begin and (said := _ext(data, at)):
            yield Trace(said[0], base + at - 1024, said[1])


def clip_names(data: bytes, begin: int, end: int, base: int) -> Iterator[tuple[int, str]]:
    """Yield offset and name of each recording that a directory or an index names."""
    for match in _ENDING.finditer(data, begin, min(len(data), end + _LONGEST)):
        at, ending = match.start(), match[0]
        if at >= end:
            return
        wide = ending[1] == 0
        before = data[max(0, at - _LONGEST * (1 + wide)) : at]
        name = (_WIDE_NAME if wide else _NAME).search(before)
        if name and not data[match.end() : match.end() + 1].isalnum():
            whole = (name[0] + ending).replace(b"\0", b"").decode("ascii")
            yield at - len(name[0]), whole
    yield from _short_names(data, begin, end, base)


def _short_names(data: bytes, begin: int, end: int, base: int) -> Iterator[tuple[int, str]]:
    """Entries of 32 bytes of a FAT directory: eight and three characters, attributes, dates."""
    first = begin + (-(base + begin)) % 32
    count = (min(end, len(data) - 31) - first + 31) // 32
    if count <= 0:
        return
    words = np.frombuffer(data, np.uint8, 32 * count, first).reshape(count, 32)[:, 8:12]
    endings = np.ascontiguousarray(words).view("<u4").ravel()
    for row in np.flatnonzero(np.isin(endings, _SHORT_ENDINGS)).tolist():
        at = first + 32 * row
        if _is_entry(data[at : at + 32]):
            yield at, f"{data[at : at + 8].rstrip().decode()}.{data[at + 8 : at + 11].decode()}"


def _is_entry(entry: bytes) -> bool:
    if len(entry) < 32 or not _SHORT_NAME.fullmatch(entry[:8]) or entry[12] & ~0x18:
        return False
    time, day, cluster, size = struct.unpack_from("<HHHI", entry, 22)
    in_time = time & 31 < 30 and time >> 5 & 63 < 60 and time >> 11 < 24
    in_day = 1 <= day >> 5 & 15 <= 12 and day & 31 >= 1
    return in_time and in_day and (size == 0 or cluster >= 2 or entry[20:22] != b"\0\0")


def _ext(data: bytes, at: int) -> tuple[str, str] | None:
    """A superblock of ext2 to ext4 (1024 bytes from the start of its file system)."""
    block = data[at : at + 104]
    if len(block) < 104 or block[56:58] != b"\x53\xef":
        return None
    inodes, blocks = struct.unpack_from("<II", block)
    (scale,) = struct.unpack_from("<I", block, 24)
    state, errors = struct.unpack_from("<HH", block, 58)
    (revision,) = struct.unpack_from("<I", block, 76)
    (features,) = struct.unpack_from("<I", block, 96)
    if not inodes or not blocks or scale > 6 or state > 7 or not 0 < errors < 4 or revision > 1:
        return None
    if features & _EXT_ENCRYPT:
        return "fscrypt", "ext4 with encrypted folders"
    return "ext", "ext2 to ext4"


def _fat(data: bytes, at: int) -> tuple[int, str] | None:
    for offset in (54, 82):
        sector = data[at - offset : at - offset + _SECTOR] if at >= offset else b""
        if len(sector) == _SECTOR and sector[510:] == b"\x55\xaa" and sector[0] in (0xEB, 0xE9):
            return at - offset, data[at : at + 5].decode("ascii", "replace").strip()
    return None


def _exfat(data: bytes, at: int) -> tuple[int, str] | None:
    return (at - 3, "exFAT") if at >= 3 and data[at - 3] == 0xEB else None


def _luks(data: bytes, at: int) -> tuple[int, str] | None:
    version = data[at + 6 : at + 8]
    known = version in (b"\0\1", b"\0\2")
    return (at, f"LUKS version {version[1]}") if known else None


def _bitlocker(data: bytes, at: int) -> tuple[int, str] | None:
    return (at - 3, "BitLocker") if at >= 3 and data[at - 3] == 0xEB else None


_HEADERS = (
    Rule("fat", b"FAT1", _fat),
    Rule("fat", b"FAT32", _fat),
    Rule("exfat", b"EXFAT   ", _exfat),
    Rule("luks", b"LUKS\xba\xbe", _luks),
    Rule("bitlocker", b"-FVE-FS-", _bitlocker),
)
