"""The sealed dossier: an assessment with all its evidence, and a signature over their digests.

``dossier.zip`` begins with the seal (manifest.json, manifest.sig, signer.pem), then holds every
file that the manifest names, sorted by path. Its bytes follow from the manifest, the key and the
contents alone (see ``reports.archive``), and ``verify`` refuses any other.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from conformance import assessment as record
from conformance.assessment import Assessment
from reports.archive import MAX_ENTRIES, MAX_SIZE, Entry, directory, local_header, total_size
from reports.manifest import (
    MANIFEST,
    MAX_MANIFEST,
    SEAL,
    SIGNATURE,
    SIGNER,
    Manifest,
    SealedFile,
    decode,
    path_problem,
)
from reports.seal_key import fingerprint, load_or_make_seal_key, public_pem
from reports.verification import Verification, verify

__all__ = ["DossierError", "Verification", "load_or_make_seal_key", "put_aside", "seal", "verify"]

FILE_NAME = "dossier.zip"
EARLIER = "dossier-earlier.zip"
"""A dossier that was sealed before, until another takes its place."""
FOLDERS = ("evidence",)
FILES = (record.FILE_NAME, "catalogue.json", "device.json", "report/index.html")
"""What is sealed besides the evidence, where it exists."""

_CHUNK = 1024 * 1024


class DossierError(Exception):
    """A folder that cannot be sealed; the message names the file and what is wrong with it."""


def seal(folder: Path, key: Ed25519PrivateKey) -> Path:
    """Write ``folder/dossier.zip`` in one step and return its path.

    Sealing the same files again with the same key gives the same bytes. While no other is sealed,
    an earlier dossier is ``dossier-earlier.zip``: nobody shall take it for this one. Raises
    DossierError when evidence is missing or is not what the assessment recorded, and
    AssessmentError.
    """
    assessment = record.read(folder)
    put_aside(folder)
    files = [_digest(folder, path) for path in sorted(_contents(folder))]
    _check_evidence(assessment, {file.path: file for file in files})
    manifest = _manifest(assessment, files, key, folder / EARLIER)
    encoded = manifest.encode()
    pem = public_pem(key.public_key())
    heads = {MANIFEST: encoded, SIGNATURE: key.sign(encoded), SIGNER: pem}
    sizes = [(name, len(heads[name])) for name in SEAL] + [(f.path, f.size) for f in files]
    _check_limits(sizes, len(encoded))
    descriptor, draft = tempfile.mkstemp(dir=folder, prefix=".dossier-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            _write(stream, folder, heads, files)
        Path(draft).chmod(0o644)
        Path(draft).replace(folder / FILE_NAME)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    (folder / EARLIER).unlink(missing_ok=True)
    return folder / FILE_NAME


def put_aside(folder: Path) -> None:
    """Give an earlier dossier its own name, before anything can fail."""
    if (folder / FILE_NAME).exists():
        (folder / FILE_NAME).replace(folder / EARLIER)


def _contents(folder: Path) -> Iterator[str]:
    for name in FILES:
        if (folder / name).exists():
            yield name
    for name in FOLDERS:
        for path in (folder / name).rglob("*"):
            if path.is_symlink():
                raise DossierError(
                    f"{path}: a symbolic link cannot be evidence; put the file itself there."
                )
            if not path.is_dir():
                yield _checked_path(path.relative_to(folder).as_posix())


def _checked_path(path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise DossierError(f"{path!r}: the file's name is not UTF-8.") from error
    if problem := path_problem(path):
        raise DossierError(f"{path!r}: cannot be sealed: {problem}.")
    return path


def _digest(folder: Path, path: str) -> SealedFile:
    digest, size = hashlib.sha256(), 0
    for chunk in _chunks(folder, path):
        digest.update(chunk)
        size += len(chunk)
    return SealedFile(path=path, size=size, sha256=digest.hexdigest())


def _chunks(folder: Path, path: str) -> Iterator[bytes]:
    """Read a regular file piece by piece; anything else (a pipe, a device) could never end."""
    try:
        descriptor = os.open(folder / path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise DossierError(f"{path}: not a regular file.")
            while chunk := stream.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise DossierError(f"{path}: cannot be read: {error.strerror}") from error


def _check_evidence(assessment: Assessment, files: dict[str, SealedFile]) -> None:
    problems = []
    for result in assessment.results:
        for evidence in result.evidence:
            file = files.get(evidence.path)
            if file is None:
                problems.append(f"{evidence.path}: evidence of {result.id} is not in the folder")
            elif file.sha256 != evidence.sha256:
                problems.append(f"{evidence.path}: evidence of {result.id} has been changed")
    if problems:
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise DossierError(
            f"no dossier was sealed: {'; '.join(problems[:5])}{more}. "
            "A seal over evidence that is not what was recorded would be false: run again."
        )


def _manifest(
    assessment: Assessment, files: list[SealedFile], key: Ed25519PrivateKey, earlier: Path
) -> Manifest:
    """Make the manifest; it keeps the date of an earlier one that says the same otherwise."""
    manifest = Manifest(
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        signer=fingerprint(key.public_key()),
        suite=assessment.suite,
        device=assessment.device,
        decision=assessment.decision.verdict,
        demonstration=assessment.demonstration,
        files=tuple(files),
    )
    before = _earlier_manifest(earlier)
    if before and before.model_copy(update={"created": manifest.created}) == manifest:
        return before
    return manifest


def _earlier_manifest(path: Path) -> Manifest | None:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(MANIFEST) as stream:
            return decode(stream.read(MAX_MANIFEST))
    except (OSError, KeyError, RuntimeError, EOFError, ValueError):  # ManifestError too
        return None
    except (zipfile.BadZipFile, zlib.error):
        return None


def _check_limits(sizes: list[tuple[str, int]], manifest_size: int) -> None:
    if len(sizes) > MAX_ENTRIES or manifest_size > MAX_MANIFEST:
        raise DossierError(f"{len(sizes):,} files are more than one dossier can hold.")
    if (total := total_size(sizes)) > MAX_SIZE:
        name, size = max(sizes, key=lambda named: named[1])
        raise DossierError(
            f"the evidence is {total / 1e9:.1f} GB and a dossier holds at most 4.2 GB; "
            f"the largest file is {name} ({size / 1e9:.1f} GB)."
        )


def _write(
    stream: BinaryIO, folder: Path, heads: dict[str, bytes], files: list[SealedFile]
) -> None:
    entries = []
    for name, data in heads.items():
        entries.append(Entry(name, len(data), zlib.crc32(data)))
        stream.write(local_header(entries[-1]) + data)
    entries.extend(_write_file(stream, folder, file) for file in files)
    for _, data in directory(entries):
        stream.write(data)
    stream.flush()
    os.fsync(stream.fileno())


def _write_file(stream: BinaryIO, folder: Path, file: SealedFile) -> Entry:
    start = stream.tell()
    stream.write(local_header(Entry(file.path, file.size, 0)))
    digest, crc = hashlib.sha256(), 0
    for chunk in _chunks(folder, file.path):
        digest.update(chunk)
        crc = zlib.crc32(chunk, crc)
        stream.write(chunk)
    if digest.hexdigest() != file.sha256:
        raise DossierError(f"{file.path}: changed while it was being sealed.")
    entry = Entry(file.path, file.size, crc)
    end = stream.tell()
    stream.seek(start)
    stream.write(local_header(entry))
    stream.seek(end)
    return entry
