"""What is inside the firmware image that a manufacturer declares: version, model, file digests.

SWUpdate bundles are opened (``devices.firmware.swupdate``); another format is told apart from a
damaged file, because nothing follows from the former.
"""

from __future__ import annotations

import hashlib
import io
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from devices.firmware.swupdate import Bundle, BundleError, read_bundle
from devices.observation import Observation

MAX_BYTES = 512 * 1024**2
MAX_UNPACKED = 2 * 1024**3
MAX_FILES = 200_000
_CPIO = (b"070701", b"070702")


class ImageFormatError(ValueError):
    """The image is in a format that is not opened here, or it is damaged."""


@dataclass(frozen=True)
class ImageFile:
    """A regular file at an absolute path; ``program``: an ELF file, a script, or executable."""

    path: str
    sha256: str
    program: bool


@dataclass(frozen=True, kw_only=True)
class FirmwareImage(Observation):
    """A firmware image, opened. ``sha256`` is of the image itself."""

    path: str
    sha256: str
    version: str
    model: str
    files: tuple[ImageFile, ...]


def read_image(path: Path) -> FirmwareImage:
    """Open the image at ``path``. Raises ImageFormatError, or OSError when it cannot be read."""
    data = read_bytes(path)
    try:
        bundle = _bundle(path, data)
        files = tuple(_files(bundle.payload))
    except (BundleError, tarfile.TarError, EOFError, OSError) as error:
        raise ImageFormatError(f"{path}: {error}") from error
    return FirmwareImage(
        path=str(path),
        sha256=hashlib.sha256(data).hexdigest(),
        version=bundle.release.version,
        model=bundle.release.model,
        files=files,
    )


def read_bytes(path: Path) -> bytes:
    """The image as it is. Raises ImageFormatError when it is too large, or OSError."""
    if path.stat().st_size > MAX_BYTES:
        raise ImageFormatError(f"{path} is larger than the {MAX_BYTES} bytes read")
    return path.read_bytes()


def file_contents(path: Path, data: bytes) -> Iterator[tuple[str, IO[bytes]]]:
    """Absolute path and content of every regular file of an image. Raises ImageFormatError."""
    try:
        for member, stream in _members(_bundle(path, data).payload):
            yield _absolute(member.name), stream
    except (BundleError, tarfile.TarError, EOFError, OSError) as error:
        raise ImageFormatError(f"{path}: {error}") from error


def _bundle(path: Path, data: bytes) -> Bundle:
    if not data.startswith(_CPIO):
        raise ImageFormatError(
            f"{path} is not a SWUpdate bundle (it begins {data[:8].hex()}); other formats are not "
            "opened"
        )
    return read_bundle(data)


def _files(payload: bytes) -> Iterator[ImageFile]:
    for member, stream in _members(payload):
        digest, head = _digest(stream)
        yield ImageFile(
            path=_absolute(member.name),
            sha256=digest,
            program=head.startswith((b"\x7fELF", b"#!")) or bool(member.mode & stat.S_IXUSR),
        )


def _members(payload: bytes) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    unpacked = 0
    with tarfile.open(fileobj=io.BytesIO(payload), mode="r:*") as archive:
        for count, member in enumerate(archive):
            if count >= MAX_FILES:
                raise ImageFormatError(f"more than {MAX_FILES} files")
            if not member.isreg():
                continue
            unpacked += member.size
            if unpacked > MAX_UNPACKED:
                raise ImageFormatError(f"more than {MAX_UNPACKED} bytes unpacked")
            stream = archive.extractfile(member)
            if stream is not None:
                yield member, stream


def _absolute(name: str) -> str:
    return "/" + name.removeprefix("./").lstrip("/")


def _digest(stream: IO[bytes]) -> tuple[str, bytes]:
    head = stream.read(64 * 1024)
    digest = hashlib.sha256(head)
    while block := stream.read(1024 * 1024):
        digest.update(block)
    return digest.hexdigest(), head
