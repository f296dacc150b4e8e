"""What a medium says of itself: file systems, encryption headers, names of recordings."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from devices.links.storage.observations import Trace
from devices.links.storage.signatures import Rule, find

_SECTOR = 512
_EXTENSIONS = (
    "mp4", "avi", "mkv", "mov", "flv", "3gp", "dav", "264", "265", "h264", "h265", "jpg", "jpeg",
    "mjpg",
)  # fmt: skip
_LEAST_NAME = 8  # characters before the dot: shorter ones come about by chance
_LONGEST = 64
_NAME = re.compile(rb"[A-Za-z0-9_-]{8,}\Z")
_WIDE_NAME = re.compile(rb"(?:[A-Za-z0-9_-]\0){8,}\Z")
_SHORT_NAME = re.compile(rb"[A-Z0-9_~-]{1,8} *\Z")
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


def clip_names(data: bytes, begin: int, end: int) -> Iterator[tuple[int, str]]:
    """Yield offset and name of each recording that a directory or an index names."""
    for extension in _EXTENSIONS:
        for form in (extension, extension.upper()):
            yield from _long_names(data, begin, end, form)
        if len(extension) == 3:
            yield from _short_names(data, begin, end, extension.upper())


def _long_names(data: bytes, begin: int, end: int, extension: str) -> Iterator[tuple[int, str]]:
    """Names with a dot, in ASCII (ext, index files) or in UTF-16 (exFAT)."""
    plain = f".{extension}".encode()
    for literal, pattern, width in (
        (plain, _NAME, 1),
        (plain.decode().encode("utf-16-le"), _WIDE_NAME, 2),
    ):
        at = data.find(literal, begin)
        while 0 <= at < end:
            before = data[max(0, at - _LONGEST * width) : at]
            after = data[at + len(literal) : at + len(literal) + 1]
            match = pattern.search(before)
            if match and not after.isalnum():
                name = match[0].replace(b"\0", b"").decode("ascii")
                yield at - len(match[0]), f"{name}.{extension}"
            at = data.find(literal, at + 1)


def _short_names(data: bytes, begin: int, end: int, extension: str) -> Iterator[tuple[int, str]]:
    """Entries of 32 bytes of a FAT directory: eight and three characters, attributes, dates."""
    literal = extension.encode() + b"\x20"  # the attribute "archive" follows the name
    at = data.find(literal, begin)
    while 0 <= at < end:
        entry = at - 8
        if entry >= 0 and _is_entry(data[entry : entry + 32]):
            stem = data[entry:at].rstrip().decode("ascii")
            yield entry, f"{stem}.{extension}"
        at = data.find(literal, at + 1)


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
