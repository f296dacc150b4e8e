"""What the camera writes on its memory card: a small FAT16 volume, encrypted or not.

The volume has one root directory and files that lie in one piece. Source: Microsoft, "FAT32 File
System Specification" 1.03 (FAT16 as well). Encrypted, every used block of 4096 bytes is AES-256
in XTS mode (IEEE 1619) by sectors of 512 bytes, behind a header block in clear.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

SECTOR, BLOCK = 512, 4096
_CLUSTERS = 4200  # fewer than 4085 would make it FAT12; a cluster is one sector
_RESERVED, _FAT_SECTORS, _ROOT_ENTRIES = 1, 17, 128
_ROOT_SECTORS = _ROOT_ENTRIES * 32 // SECTOR
_DATA = _RESERVED + 2 * _FAT_SECTORS + _ROOT_SECTORS
_MEDIA, _LAST, _ARCHIVE = 0xF8, 0xFFFF, 0x20
_HEADER = b"LVCARD\x01\x00AES-256-XTS; key in the camera; data from block 1\n"


def volume(files: Mapping[str, bytes], when: float) -> bytes:
    """Return a volume with these files: names of eight and three upper-case characters.

    Raises ValueError when they do not fit.
    """
    table, root, data = [0xFF00 | _MEDIA, _LAST], bytearray(), bytearray()
    for name, content in files.items():
        stem, _, extension = name.partition(".")
        first, count = len(table), max(1, -(-len(content) // SECTOR))
        table += [*range(first + 1, first + count), _LAST]
        root += f"{stem:8.8}{extension:3.3}".encode("ascii")
        root += struct.pack("<BBB", _ARCHIVE, 0, 0) + _times(when)
        root += struct.pack("<HI", first, len(content))
        data += content.ljust(count * SECTOR, b"\0")
    if len(table) > _CLUSTERS or len(root) > _ROOT_ENTRIES * 32:
        raise ValueError("the files do not fit on the card")
    fat = struct.pack(f"<{len(table)}H", *table).ljust(_FAT_SECTORS * SECTOR, b"\0")
    whole = _boot_sector() + fat + fat + bytes(root).ljust(_ROOT_SECTORS * SECTOR, b"\0") + data
    return whole.ljust((_DATA + _CLUSTERS) * SECTOR // BLOCK * BLOCK, b"\0")


def encrypted(plain: bytes, key: bytes) -> bytes:
    """Return a volume as it lies on the card; ``key`` has 64 bytes. Blank blocks stay blank."""
    blocks = [_HEADER.ljust(BLOCK, b"\0")]
    for at in range(0, len(plain), BLOCK):
        block = plain[at : at + BLOCK]
        if block.strip(b"\0"):
            first = at // SECTOR
            sectors = (block[n : n + SECTOR] for n in range(0, BLOCK, SECTOR))
            block = b"".join(_xts(key, first + n, sector) for n, sector in enumerate(sectors))
        blocks.append(block)
    return b"".join(blocks)


def write(path: Path, content: bytes) -> None:
    """Put a card with this content into the slot, whole or not at all; blank parts take no room."""
    draft = path.with_suffix(".part")
    with draft.open("wb") as file:
        for at in range(0, len(content), BLOCK):
            block = content[at : at + BLOCK]
            if block.strip(b"\0"):
                file.seek(at)
                file.write(block)
        file.truncate(len(content))
    draft.replace(path)


def _xts(key: bytes, number: int, sector: bytes) -> bytes:
    tweak = number.to_bytes(16, "little")
    return Cipher(algorithms.AES(key), modes.XTS(tweak)).encryptor().update(sector)


def _boot_sector() -> bytes:
    sectors = _DATA + _CLUSTERS
    head = struct.pack(
        "<3s8sHBHBHHBHHHII", b"\xeb\x3c\x90", b"LUMIVIST", SECTOR, 1, _RESERVED, 2, _ROOT_ENTRIES,
        sectors, _MEDIA, _FAT_SECTORS, 63, 255, 0, 0,
    )  # fmt: skip
    head += struct.pack("<BBBI11s8s", 0x80, 0, 0x29, 0x4C563231, b"RECORDINGS ", b"FAT16   ")
    return head.ljust(510, b"\0") + b"\x55\xaa"


def _times(when: float) -> bytes:
    """Times of creation, access and writing, and the upper half of the cluster number (0)."""
    stamp = _stamp(when)
    return stamp + stamp[2:] + b"\0\0" + stamp


def _stamp(when: float) -> bytes:
    now = time.gmtime(when)
    clock = now.tm_hour << 11 | now.tm_min << 5 | now.tm_sec // 2
    day = (now.tm_year - 1980) << 9 | now.tm_mon << 5 | now.tm_mday
    return struct.pack("<HH", clock, day)
