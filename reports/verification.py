"""Checking a dossier, offline: its digests, its signature and every byte of its archive.

The archive is read once, from front to back, beside the archive that its manifest would make.
Nothing is extracted, and nothing of a size that the archive itself chooses is held in memory.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from conformance import assessment as record
from conformance.assessment import Assessment
from reports.archive import (
    CRC_FIELD,
    MAX_SIZE,
    Entry,
    directory,
    header_size,
    local_header,
    named_header_size,
    total_size,
)
from reports.archive_diagnosis import diagnose, printable
from reports.manifest import (
    MANIFEST,
    MAX_MANIFEST,
    SIGNATURE,
    SIGNER,
    Manifest,
    ManifestError,
    SealedFile,
    decode,
)
from reports.seal_key import SealKeyError, fingerprint, load_public, public_pem

Trust = Literal["yes", "no", "unknown"]

_CHUNK = 1024 * 1024
_SIGNATURE_SIZE = 64  # Ed25519, RFC 8032 clause 5.1.6
_MAX_SIGNER = 4096
_MAX_ASSESSMENT = 64 * 1024 * 1024


@dataclass
class Verification:
    """What checking a dossier came to.

    ``problems`` are sentences that name the file or the part of the archive at fault; ``signer``
    is the fingerprint of the key that sealed it; ``trusted`` says whether that is the key asked
    for, and is ``unknown`` when none was. ``decision``, ``device`` and ``demonstration`` are
    what the manifest states; believe them only when ``ok``.
    """

    problems: list[str] = field(default_factory=list)
    signer: str = ""
    trusted: Trust = "unknown"
    created: str = ""
    decision: str = ""
    device: str = ""
    demonstration: bool | None = None
    files: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with the dossier."""
        return not self.problems


class _BrokenError(Exception):
    """The archive is so unlike what its manifest makes that reading on would tell nothing."""


def verify(path: Path, trusted_key: Ed25519PublicKey | str | None = None) -> Verification:
    """Check the dossier at ``path``; never raises for what a file may hold.

    ``trusted_key`` is the key, or the fingerprint of the key, that must have sealed it.
    """
    found = Verification()
    try:
        with path.open("rb") as stream:
            _Check(stream, found).run()
    except OSError as error:
        found.problems.append(f"{path}: cannot be read: {error.strerror or error}")
    if trusted_key is not None and found.signer:
        expected = trusted_key if isinstance(trusted_key, str) else fingerprint(trusted_key)
        found.trusted = "yes" if expected.rstrip("=") == found.signer else "no"
        if found.trusted == "no":
            found.problems.append(
                f"{SIGNER}: the dossier was sealed by {found.signer}, not by {expected}"
            )
    return found


class _Check:
    """One pass over a dossier, and what was met on the way."""

    def __init__(self, stream: BinaryIO, found: Verification) -> None:
        self.stream = stream
        self.found = found
        self.size = os.fstat(stream.fileno()).st_size
        self.expected = 0
        self.entries: list[Entry] = []
        self.manifest: Manifest | None = None
        self.assessment: bytes | None = None

    def run(self) -> None:
        if self.size > MAX_SIZE:
            self.found.problems.append(f"{self.size:,} bytes are more than a dossier can have")
            return
        try:
            encoded = self._head(MANIFEST, MAX_MANIFEST)
            signature = self._head(SIGNATURE, _SIGNATURE_SIZE)
            pem = self._head(SIGNER, _MAX_SIGNER)
            self._check_signature(encoded, signature, pem)
            self._read_manifest(encoded)
            self._check_length()
            for file in self.manifest.files if self.manifest else ():
                self._file(file)
            self._check_directory()
        except _BrokenError as error:
            self._explain(str(error))
        self._check_assessment()

    def _explain(self, first: str) -> None:
        reasons = diagnose(self.stream, self.manifest, {entry.name for entry in self.entries})
        already = set(self.found.problems)
        self.found.problems += [reason for reason in (first, *reasons) if reason not in already]

    def _head(self, name: str, limit: int) -> bytes:
        """Read an entry of the seal, whose size only its own header says."""
        header = self.stream.read(header_size(name))
        sizes = named_header_size(header)
        if sizes is None or sizes[0] != len(name) or header[-len(name) :] != name.encode():
            raise _BrokenError(f"{name}: is not where it belongs, at the beginning of the archive")
        if sizes[1] > limit:
            raise _BrokenError(f"{name}: {sizes[1]:,} bytes are more than it can have")
        data = self.stream.read(sizes[1])
        entry = Entry(name, len(data), zlib.crc32(data))
        self.entries.append(entry)
        self._compare_header(entry, header)
        return data

    def _compare_header(self, entry: Entry, header: bytes) -> None:
        if header != local_header(entry):
            at = _first_difference(header, local_header(entry))
            self.found.problems.append(
                f"{printable(entry.name)}: its header in the archive differs at byte {at}"
            )

    def _check_signature(self, encoded: bytes, signature: bytes, pem: bytes) -> None:
        try:
            key = load_public(pem)
        except SealKeyError as error:
            self.found.problems.append(f"{SIGNER}: {error}")
            return
        self.found.signer = fingerprint(key)
        if public_pem(key) != pem:
            self.found.problems.append(f"{SIGNER}: is not in the one form that a dossier allows")
        try:
            key.verify(signature, encoded)
        except InvalidSignature:
            self.found.problems.append(
                f"{SIGNATURE}: the signature is not that of {SIGNER} over {MANIFEST}: "
                "one of the three has been changed"
            )

    def _read_manifest(self, encoded: bytes) -> None:
        try:
            self.manifest = decode(encoded)
        except ManifestError as error:
            raise _BrokenError(f"{MANIFEST}: {error}") from error
        found, device = self.found, self.manifest.device
        found.created, found.decision = self.manifest.created, self.manifest.decision
        found.device = (
            f"{device.manufacturer} {device.model}, serial {device.serial}, "
            f"firmware {device.firmware.version}"
        )
        found.demonstration = self.manifest.demonstration
        found.files = len(self.manifest.files)
        if self.manifest.signer != found.signer:
            found.problems.append(f"{MANIFEST}: names another signer than {SIGNER}")

    def _check_length(self) -> None:
        files = self.manifest.files if self.manifest else ()
        seal = [(entry.name, entry.size) for entry in self.entries]
        self.expected = total_size([*seal, *((file.path, file.size) for file in files)])
        if self.size != self.expected:
            self.found.problems.append(
                f"the archive has {self.size:,} bytes, and its manifest makes {self.expected:,}"
            )

    def _file(self, file: SealedFile) -> None:
        header = self.stream.read(header_size(file.path))
        digest, crc, left = hashlib.sha256(), 0, file.size
        keep = file.path == record.FILE_NAME and file.size <= _MAX_ASSESSMENT
        kept: list[bytes] = []
        while left and (chunk := self.stream.read(min(left, _CHUNK))):
            left -= len(chunk)
            digest.update(chunk)
            crc = zlib.crc32(chunk, crc)
            if keep:
                kept.append(chunk)
        genuine = digest.hexdigest() == file.sha256
        entry = Entry(file.path, file.size, crc)
        if not genuine:
            if _without_crc(header) != _without_crc(local_header(entry)) or left:
                raise _BrokenError(f"{printable(file.path)}: is not where the manifest puts it")
            self.found.problems.append(
                f"{printable(file.path)}: its contents have been changed "
                f"(SHA-256 {digest.hexdigest()[:16]}..., sealed as {file.sha256[:16]}...)"
            )
            entry = Entry(file.path, file.size, int.from_bytes(header[CRC_FIELD], "little"))
        self._compare_header(entry, header)
        self.entries.append(entry)
        self.assessment = b"".join(kept) if genuine and keep else self.assessment

    def _check_directory(self) -> None:
        at_fault: list[str] = []
        for name, expected in directory(self.entries):
            if self.stream.read(len(expected)) != expected:
                at_fault.append(printable(name))
        if at_fault:
            what = f"the archive's directory differs at {', '.join(at_fault[:5])}"
            if self.size == self.expected:  # every file is in its place: nothing else to explain
                self.found.problems.append(what)
            else:
                self._explain(what)
        elif left := self.size - self.stream.tell():
            self.found.problems.append(f"{left:,} bytes follow the end of the archive")

    def _check_assessment(self) -> None:
        if self.manifest is None:
            return
        if self.assessment is None:
            self.found.problems += self._no_assessment(self.manifest)
            return
        try:
            assessment = Assessment.model_validate_json(self.assessment)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the whole file"
            self.found.problems.append(f"{record.FILE_NAME}: {where}: {first['msg']}")
            return
        self.found.problems += _disagreements(assessment, self.manifest)

    def _no_assessment(self, manifest: Manifest) -> list[str]:
        """Why there is none to look into, unless that has been said: it was changed, or not met."""
        sealed = next((f for f in manifest.files if f.path == record.FILE_NAME), None)
        if sealed is None:
            return [f"{record.FILE_NAME}: is not in the dossier"]
        if sealed.size > _MAX_ASSESSMENT:
            return [f"{record.FILE_NAME}: {sealed.size:,} bytes are more than it can have"]
        return [] if self.found.problems else [f"{record.FILE_NAME}: could not be read"]


def _disagreements(assessment: Assessment, manifest: Manifest) -> list[str]:
    problems = [
        f"{MANIFEST}: says another {what} than {record.FILE_NAME}"
        for what in manifest.differences(assessment)
    ]
    if assessment.device.emulated and not assessment.demonstration:
        problems.append(f"{record.FILE_NAME}: an emulated camera, but no demonstration")
    digests = {file.path: file.sha256 for file in manifest.files}
    for result in assessment.results:
        for evidence in result.evidence:
            if digests.get(evidence.path) != evidence.sha256:
                state = "differs from" if evidence.path in digests else "is missing as"
                problems.append(
                    f"{printable(evidence.path)}: {state} the evidence that {result.id} recorded"
                )
    return problems


def _without_crc(header: bytes) -> bytes:
    return header[: CRC_FIELD.start] + header[CRC_FIELD.stop :]


def _first_difference(one: bytes, other: bytes) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
