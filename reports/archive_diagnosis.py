"""Naming what is wrong with an archive that is not what its manifest makes.

A ZIP archive has two tables of contents, the headers and the directory; whoever changes one may
leave the other. Here the directory is believed, so that what follows is for the reader: the
verdict has been reached before, byte by byte.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections import Counter
from collections.abc import Collection, Iterator
from typing import BinaryIO

from reports.manifest import SEAL, Manifest, SealedFile, path_problem

_MAX_DIRECTORY = 32 * 1024 * 1024
_LONGEST_END = 22 + 0xFFFF  # end record and the longest comment
_MOST = 20
"""Most sentences handed back: enough to see what happened."""


def printable(name: str) -> str:
    """``name`` as it may be shown on a terminal: control characters escaped, length bounded."""
    shown = name if name.isprintable() else name.encode("unicode_escape").decode("ascii")
    return shown if len(shown) <= 200 else shown[:200] + "..."


def diagnose(
    stream: BinaryIO, manifest: Manifest | None, checked: Collection[str] = ()
) -> list[str]:
    """Sentences that name what differs; empty when the directory shows nothing.

    ``stream`` is the archive, in any position. The contents of ``checked`` have been read where
    the manifest puts them; a false directory would only lead elsewhere. Never raises for what
    the archive may hold.
    """
    if problem := _directory_problem(stream):
        return [problem]
    try:
        with zipfile.ZipFile(stream) as archive:
            infos = archive.infolist()
            sentences = [*_structure(archive, infos)]
            if manifest is not None:
                sentences += _against(archive, infos, manifest, checked)
            return sentences[:_MOST]
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError) as error:
        return [f"the archive's directory cannot be read: {printable(str(error))}"]


def _directory_problem(stream: BinaryIO) -> str:
    """Why the directory is not even to be looked at: it would be held in memory whole."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _LONGEST_END))
    end = stream.read(_LONGEST_END)
    at = end.rfind(b"PK\x05\x06")
    if at < 0 or len(end) - at < 22:
        return "the archive has no end record: it is cut off, or no ZIP archive"
    if b"PK\x06\x07" in end:
        return "the archive has ZIP64 records, which a dossier never has"
    if int.from_bytes(end[at + 12 : at + 16], "little") > _MAX_DIRECTORY:
        return "the archive's directory is larger than any dossier's"
    return ""


def _structure(archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo]) -> Iterator[str]:
    if archive.comment:
        yield "the archive carries a comment"
    for name, count in Counter(info.filename for info in infos).items():
        if count > 1:
            yield f"{printable(name)}: is in the archive {count} times"
    for info in infos:
        name = printable(info.filename)
        if info.filename not in SEAL and (problem := path_problem(info.filename)):
            yield f"{name}: {problem}"
        if info.compress_type != zipfile.ZIP_STORED:
            yield f"{name}: is compressed"
        if info.extra or info.comment:
            yield f"{name}: carries extra data"


def _against(
    archive: zipfile.ZipFile,
    infos: list[zipfile.ZipInfo],
    manifest: Manifest,
    checked: Collection[str],
) -> Iterator[str]:
    expected = [*SEAL, *(file.path for file in manifest.files)]
    names = [info.filename for info in infos]
    known, present = set(expected), set(names)
    yield from (f"{printable(name)}: is missing" for name in expected if name not in present)
    yield from (f"{printable(n)}: is not in the manifest" for n in names if n not in known)
    if names != expected and sorted(names) == sorted(expected):
        first = next(name for name, due in zip(names, expected, strict=True) if name != due)
        yield f"{printable(first)}: the entries are not in the manifest's order"
    files = {file.path: file for file in manifest.files if file.path not in checked}
    for info in infos:
        file = files.get(info.filename)
        if file is not None and _changed(archive, info, file):
            yield f"{printable(file.path)}: its contents have been changed"


def _changed(archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: SealedFile) -> bool:
    if info.compress_type != zipfile.ZIP_STORED:
        return False  # said already; unpacking it could take any amount of memory
    digest, left = hashlib.sha256(), file.size + 1
    try:
        with archive.open(info) as stream:
            while left > 0 and (chunk := stream.read(min(left, 1 << 20))):
                left -= len(chunk)
                digest.update(chunk)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError, RuntimeError):
        return True
    return digest.hexdigest() != file.sha256
