"""The one way in which a dossier is laid out as a ZIP archive (APPNOTE.TXT 6.3.9, clause 4.3).

Every byte of the archive follows from the names and contents of its entries, in order: entries
are stored (never compressed), dated 1980-01-01, plain files of mode 0644, without extra fields,
data descriptors, comments or ZIP64 records. So an archive can be checked by making it again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAX_SIZE = 0xFFFF_FFFE
"""Largest entry, and largest archive, that needs no ZIP64 record, in bytes."""
MAX_ENTRIES = 0xFFFE

_VERSION = 20  # 2.0: folders and stored entries
_UNIX = 3 << 8
_UTF8_NAMES = 0x0800  # general purpose bit 11
_STORED = 0
_TIME, _DATE = 0, 0x0021  # 1980-01-01 00:00:00, the earliest that the format can say
_MODE = 0o100644 << 16
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
CRC_FIELD = slice(14, 18)
"""Where a local header holds the CRC-32 of the contents."""


@dataclass(frozen=True)
class Entry:
    """One file of an archive: name, contents' size in bytes and CRC-32."""

    name: str
    size: int
    crc: int


def header_size(name: str) -> int:
    """Length in bytes of the local header of an entry called ``name``."""
    return _LOCAL.size + len(name.encode())


def local_header(entry: Entry) -> bytes:
    """The bytes that precede the contents of ``entry``."""
    name = entry.name.encode()
    fixed = _LOCAL.pack(
        b"PK\x03\x04",
        _VERSION,
        _UTF8_NAMES,
        _STORED,
        _TIME,
        _DATE,
        entry.crc,
        entry.size,
        entry.size,
        len(name),
        0,
    )
    return fixed + name


def named_header_size(start: bytes) -> tuple[int, int] | None:
    """Read the fixed part of a local header: (name length, contents' size); None if it is none."""
    if len(start) < _LOCAL.size or start[:4] != b"PK\x03\x04":
        return None
    fields = _LOCAL.unpack(start[: _LOCAL.size])
    return fields[9], fields[8]


def directory(entries: Sequence[Entry]) -> list[tuple[str, bytes]]:
    """The records that end an archive, each with the name of the entry that it describes.

    The last one, called "the end record", describes the directory itself.
    """
    records: list[tuple[str, bytes]] = []
    offset = 0
    for entry in entries:
        records.append((entry.name, _central_record(entry, offset)))
        offset += header_size(entry.name) + entry.size
    size = sum(len(record) for _, record in records)
    count = len(entries)
    end = _END.pack(b"PK\x05\x06", 0, 0, count, count, size, offset, 0)
    return [*records, ("the end record", end)]


def total_size(named_sizes: Iterable[tuple[str, int]]) -> int:
    """Size in bytes of the archive that holds entries of these names and sizes."""
    total = _END.size
    for name, size in named_sizes:
        total += header_size(name) + size + _CENTRAL.size + len(name.encode())
    return total


def _central_record(entry: Entry, offset: int) -> bytes:
    name = entry.name.encode()
    fixed = _CENTRAL.pack(
        b"PK\x01\x02",
        _UNIX | _VERSION,
        _VERSION,
        _UTF8_NAMES,
        _STORED,
        _TIME,
        _DATE,
        entry.crc,
        entry.size,
        entry.size,
        len(name),
        0,
        0,
        0,
        0,
        _MODE,
        offset,
    )
    return fixed + name
