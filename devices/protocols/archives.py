"""What a file holds that was compressed or packed: gzip, zip, tar; and files that hide it."""

from __future__ import annotations

import gzip
import io
import math
import re
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator

_UNPACKED = 64 * 1024 * 1024  # bytes that are unpacked of one file
_MEASURED = 64 * 1024  # bytes by which entropy is measured, and the fewest that tell
_FEWEST = 4096
_CIPHERTEXT = 7.9  # bits a byte; 4096 random bytes have 7.95, packed text with a head less


def unpacked(data: bytes, name: str = "export") -> Iterator[tuple[str, bytes]]:
    """The export as it is, and what an archive or a compressed file in it holds, one level each."""
    yield name, data
    try:
        if data.startswith(b"PK\x03\x04"):
            yield from _zip(name, data)
        elif data.startswith(b"\x1f\x8b"):
            with gzip.open(io.BytesIO(data)) as stream:
                inner = stream.read(_UNPACKED)
            yield from unpacked(inner, f"{name}:gzip")
        elif data[257:262] == b"ustar":
            yield from _tar(name, data)
    except (
        OSError,
        EOFError,
        zlib.error,
        zipfile.BadZipFile,
        tarfile.TarError,
        RuntimeError,
        NotImplementedError,
        ValueError,
    ):
        return  # encrypted or damaged: searched as it is


def inflated(data: bytes, limit: int) -> bytes:
    """The first ``limit`` bytes of what a gzip file holds; nothing of another or a broken one."""
    found = b""
    while data.startswith(b"\x1f\x8b") and len(found) < limit:
        stream = zlib.decompressobj(wbits=31)
        try:
            found += stream.decompress(data, limit - len(found))
        except zlib.error:
            break
        data = stream.unused_data  # log files are appended to as members of their own
    return found


def _zip(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    left = _UNPACKED
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in archive.infolist()[:1000]:
            with archive.open(member) as stream:
                content = stream.read(left)
            left -= len(content)
            yield f"{name}:{member.filename}", content


def _tar(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    left = _UNPACKED
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in list(archive)[:1000]:
            stream = archive.extractfile(member) if member.isreg() else None
            if stream is not None:
                content = stream.read(left)
                left -= len(content)
                yield f"{name}:{member.name}", content


def unsearchable(data: bytes, name: str = "the export") -> str:
    """Why a search of an export says little: a web page in its place, or bytes that look random.

    Empty for what can be searched. Archives that open are; those that do not, and enciphered
    files, are not: a secret in them is there and not seen.
    """
    if re.match(rb"(?i)(?:\xef\xbb\xbf)?\s*(?:<!doctype html|<html)\b", data[:512]):
        return f"{name} is a web page, a login perhaps, and no file"
    opened = [inner for _, inner in unpacked(data)][1:]
    if opened or len(data) < _FEWEST:
        return ""
    if data.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        return f"{name} is an archive that cannot be opened"
    if _entropy(data[-_MEASURED:]) > _CIPHERTEXT:
        return f"{name} looks enciphered or is packed in an unknown way: what it holds is not seen"
    return ""


def _entropy(data: bytes) -> float:
    """Bits a byte, of single bytes."""
    return -sum(n / len(data) * math.log2(n / len(data)) for n in Counter(data).values())
