"""What a file holds that was compressed or packed: gzip, zip, tar."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator

_UNPACKED = 64 * 1024 * 1024  # bytes that are unpacked of one file


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
