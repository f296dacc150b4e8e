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

from devices.firmware.swupdate import BundleError, read_bundle
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
    if path.stat().st_size > MAX_BYTES:
        raise ImageFormatError(f"{path} is larger than the {MAX_BYTES} bytes read")
    data = path.read_bytes()
    if not data.startswith(_CPIO):
        raise ImageFormatError(
            f"{path} is not a SWUpdate bundle (it begins {data[:8].hex()}); other formats are not "
            "opened"
        )
    try:
        bundle = read_bundle(data)
        with tarfile.open(fileobj=io.BytesIO(bundle.payload), mode="r:*") as archive:
            files = tuple(_files(archive))
    except (BundleError, tarfile.TarError, EOFError, OSError) as error:
        raise ImageFormatError(f"{path}: {error}") from error
    return FirmwareImage(
        path=str(path),
        sha256=hashlib.sha256(data).hexdigest(),
        version=bundle.release.version,
        model=bundle.release.model,
        files=files,
    )


def _files(archive: tarfile.TarFile) -> Iterator[ImageFile]:
    unpacked = 0
    for count, member in enumerate(archive):
        if count >= MAX_FILES:
            raise ImageFormatError(f"more than {MAX_FILES} files")
        if not member.isreg():
            continue
        unpacked += member.size
        if unpacked > MAX_UNPACKED:
            raise ImageFormatError(f"more than {MAX_UNPACKED} bytes unpacked")
        stream = archive.extractfile(member)
        if stream is None:
            continue
        digest, head = _digest(stream)
        yield ImageFile(
            path="/" + member.name.removeprefix("./").lstrip("/"),
            sha256=digest,
            program=head.startswith((b"\x7fELF", b"#!")) or bool(member.mode & stat.S_IXUSR),
        )


def _digest(stream: IO[bytes]) -> tuple[str, bytes]:
    head = stream.read(64 * 1024)
    digest = hashlib.sha256(head)
    while block := stream.read(1024 * 1024):
        digest.update(block)
    return digest.hexdigest(), head
