"""The ``newc`` and ``crc`` forms of cpio archives, as in initramfs images and SWUpdate bundles.

Sans-io, bounded by the input. An entry is a 110-byte header of hexadecimal digits, the name, and
the data, each padded to four bytes (cpio(5); Linux, Documentation/driver-api/early-userspace/
buffer-format.rst). In the ``crc`` form the last header field is the sum of the data's bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAGIC_NEWC = b"070701"
MAGIC_CRC = b"070702"
TRAILER = "TRAILER!!!"
_HEADER = 110
_NAME_LIMIT = 4096
_REGULAR = 0o100644
_HEADER_PATTERN = re.compile(rb"07070[12][0-9A-Fa-f]{104}")


class CpioError(ValueError):
    """Not a cpio archive, or a damaged one; the message says where."""


class CpioTruncatedError(CpioError):
    """The archive ends before its trailer."""


@dataclass(frozen=True)
class CpioEntry:
    """One member. ``checksum`` is the stored sum of the bytes, None in the ``newc`` form.

    ``truncated`` marks the last member of an archive that ends inside it.
    """

    name: str
    data: bytes
    mode: int = _REGULAR
    checksum: int | None = None
    truncated: bool = False

    @property
    def checksum_valid(self) -> bool:
        """Whether the stored checksum, if any, fits the data."""
        return self.checksum is None or self.checksum == byte_sum(self.data)


def byte_sum(data: bytes) -> int:
    """The checksum of the ``crc`` form: the sum of all bytes, modulo 2**32."""
    return sum(data) & 0xFFFFFFFF


def write_cpio(entries: Iterable[CpioEntry]) -> bytes:
    """Write an archive in the ``crc`` form, checksums recomputed, padded to 512-byte blocks."""
    archive = bytearray()
    for number, entry in enumerate(entries, start=1):
        archive += _packed(entry.name, entry.data, entry.mode, number)
    archive += _packed(TRAILER, b"", 0, 0)
    return bytes(archive) + b"\0" * (-len(archive) % 512)


def read_cpio(data: bytes, *, tolerate_truncation: bool = False) -> list[CpioEntry]:
    """Read all members; raises CpioError, and CpioTruncatedError when the trailer is missing.

    With ``tolerate_truncation`` the members up to the end of the data are returned instead, the
    last of them marked ``truncated`` when it is cut short.
    """
    entries: list[CpioEntry] = []
    try:
        entries.extend(iter_cpio(data))  # keeps what came before an exception
    except CpioTruncatedError:
        if not (tolerate_truncation and entries):
            raise
    return entries


def iter_cpio(data: bytes) -> Iterator[CpioEntry]:
    """Yield members one by one; raises CpioError. A cut-short member is yielded, marked."""
    offset = 0
    while True:
        header = data[offset : offset + _HEADER]
        if len(header) < _HEADER:
            raise CpioTruncatedError(f"the archive ends at byte {len(data)}, before its trailer")
        if not _HEADER_PATTERN.fullmatch(header):
            raise CpioError(f"no cpio header at byte {offset}")
        mode, size, name_size, checksum = (_field(header, n) for n in (1, 6, 11, 12))
        if not 1 <= name_size <= _NAME_LIMIT:
            raise CpioError(f"a name of {name_size} bytes at byte {offset}")
        start = _aligned(offset + _HEADER + name_size)
        raw_name = data[offset + _HEADER : offset + _HEADER + name_size]
        if len(raw_name) < name_size:
            raise CpioTruncatedError(f"the archive ends at byte {len(data)}, inside a name")
        name = raw_name.rstrip(b"\0").decode("utf-8", "surrogateescape")
        if name == TRAILER:
            return
        body = data[start : start + size]
        stored = checksum if header.startswith(MAGIC_CRC) else None
        yield CpioEntry(name, body, mode, stored, truncated=len(body) < size)
        if len(body) < size:
            raise CpioTruncatedError(f"the archive ends inside {name!r}")
        offset = _aligned(start + size)


def _packed(name: str, data: bytes, mode: int, inode: int) -> bytes:
    raw = name.encode("utf-8", "surrogateescape") + b"\0"
    # Time stamps and owners stay zero: the same input gives the same bytes.
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(raw), byte_sum(data))
    header = MAGIC_CRC + b"".join(b"%08X" % field for field in fields)
    return _padded(header + raw) + _padded(data)


def _field(header: bytes, number: int) -> int:
    return int(header[6 + 8 * number : 14 + 8 * number], 16)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def _aligned(offset: int) -> int:
    return (offset + 3) & ~3
