"""Unpacks a bundle's payload into a firmware slot, file by file."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from devices.emulated.firmware.slots import Slots, sync_folder
from devices.firmware.swupdate import Bundle, BundleError, BundleTruncatedError

_ROOT_LIMIT = 256 * 1024 * 1024


def unpack(payload: bytes, root: Path) -> Iterator[float]:
    """Unpack a gzip'd tar into ``root``, yielding after each member the share done (0 to 1).

    What is in ``root`` and not in the archive is removed at the end. Raises
    BundleTruncatedError when the archive ends early (the members before that are in place), and
    BundleError when it is damaged or holds anything but files, folders and links inside ``root``.
    """
    wanted = set()
    source = io.BytesIO(payload)
    written = 0
    try:
        with tarfile.open(fileobj=source, mode="r|gz") as archive:
            for member in archive:
                target = root / _inside(member.name)
                written += member.size
                if written > _ROOT_LIMIT:
                    raise BundleError("the root file system is larger than the flash")
                _place(archive, member, target)
                wanted.add(target)
                yield source.tell() / len(payload)
    except (EOFError, tarfile.ReadError) as error:
        raise BundleTruncatedError(f"the archive ends early: {error}") from error
    except (tarfile.TarError, zlib.error, OSError, ValueError) as error:
        raise BundleError(f"the archive is damaged: {error}") from error
    _remove_others(root, wanted)


def factory_install(flash: Path, bundle: Bundle) -> None:
    """Write the first firmware into slot A of a flash that has none, as the factory does."""
    slots = Slots(flash)
    flash.mkdir(parents=True, exist_ok=True)
    root = slots.begin_install()
    for _ in unpack(bundle.payload, root):
        pass
    slots.finish_install(bundle.description, bundle.signature)
    slots.adopt_factory_slot()


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise BundleError(f"{name} lies outside the root file system")
    return path


def _place(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    if any(parent.is_symlink() for parent in target.parents if parent != target):
        raise BundleError(f"{member.name} lies behind a link")
    if target.is_symlink() or (target.is_dir() and not member.isdir()):
        _remove(target)
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        target.chmod(member.mode | 0o700)
    elif member.issym():
        target.unlink(missing_ok=True)
        target.symlink_to(member.linkname)
    elif member.isfile():
        content = archive.extractfile(member)
        _write(target, content.read() if content else b"", member.mode)
        os.utime(target, (member.mtime, member.mtime))
    else:
        raise BundleError(f"{member.name} is neither file, folder nor link")


def _write(target: Path, data: bytes, mode: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    target.chmod(mode)


def _remove_others(root: Path, wanted: set[Path]) -> None:
    folders = [root]
    for folder, names, files in os.walk(root):
        for name in (*names, *files):
            path = Path(folder, name)
            if path not in wanted:
                _remove(path)
        folders.append(Path(folder))
    for existing in folders:
        if existing.is_dir():
            sync_folder(existing)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
