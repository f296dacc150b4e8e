"""A paper with the signature of its issuer, read from disk as an observation.

The signature is a detached CMS message (RFC 5652) beside the paper: ``<paper>.p7s``, DER or PEM,
as ``openssl cms -sign -binary -outform DER`` makes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devices.errors import DeviceFileError
from devices.firmware.cms import CmsError, describe_signers, load_trust, verify_detached
from devices.identity.errors import OriginCertificateError
from devices.identity.origin_certificate import OriginCertificate, parse_certificate
from devices.observation import Artefact, Observation

MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class SignedPaper(Observation):
    """A certificate of origin or quality and what its signature is worth.

    ``path`` is empty when the device file names no such paper: none was supplied.
    ``certificate`` is None when the document is not one; then ``malformed`` says why, and
    ``other_format`` tells that it neither is JSON nor claims to be (a PDF, a picture).
    ``signers`` are the subjects of the certificates that signed; ``signature_problem`` is empty
    when the signature fits the document and leads to the authority given, else why not.
    """

    path: str
    sha256: str
    certificate: OriginCertificate | None
    malformed: str
    signers: tuple[str, ...]
    signature_problem: str
    other_format: bool = False

    @property
    def supplied(self) -> bool:
        """Whether the device file names the paper at all."""
        return bool(self.path)


NOT_SUPPLIED = SignedPaper(
    path="", sha256="", certificate=None, malformed="", signers=(), signature_problem=""
)
"""What stands for a certificate that was not handed in."""


def read_paper(path: Path, key: str) -> bytes:
    """The bytes of a paper; ``key`` is the device file's key that names it.

    Raises DeviceFileError: a paper that is named and cannot be read is a fault of the bench.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DeviceFileError(f"{key}: {path} is larger than the {MAX_BYTES} bytes read")
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise DeviceFileError(f"{key}: {path} cannot be read: {reason}") from error


def open_signed_paper(path: Path, key: str, trust: Path | None) -> SignedPaper:
    """Read the certificate at ``path`` and check its signature against the PEM file ``trust``.

    Raises DeviceFileError when ``path`` or ``trust`` cannot be read, or ``trust`` is not PEM.
    """
    data = read_paper(path, key)
    signature_path = path.with_name(f"{path.name}.p7s")
    signature = read_paper(signature_path, key) if signature_path.exists() else b""
    certificate, malformed = _content(data)
    signers, problem = _signature(data, signature, signature_path, trust)
    other = certificate is None and not _claims_json(path, data)
    kind = "application/octet-stream" if other else "application/json"
    kept = [Artefact(path.name, kind, data)]
    if signature:
        kept.append(Artefact(signature_path.name, "application/pkcs7-signature", signature))
    return SignedPaper(
        path=str(path),
        sha256=hashlib.sha256(data).hexdigest(),
        certificate=certificate,
        malformed=malformed,
        signers=tuple(signers),
        signature_problem=problem,
        other_format=other,
        artefacts=tuple(kept),
    )


def _content(data: bytes) -> tuple[OriginCertificate | None, str]:
    try:
        return parse_certificate(data), ""
    except OriginCertificateError as error:
        return None, str(error)


def _claims_json(path: Path, data: bytes) -> bool:
    """Whether name or beginning says that the document is JSON."""
    return path.suffix.lower() == ".json" or data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}


def _signature(
    data: bytes, signature: bytes, path: Path, trust: Path | None
) -> tuple[Sequence[str], str]:
    if not signature:
        return (), f"there is no signature beside it ({path.name})"
    try:
        signers = [facts.subject for facts in describe_signers(signature)]
    except CmsError as error:
        return (), str(error)
    if trust is None:
        raise DeviceFileError(
            "documents.origin_trust is not given: nothing says whose signature counts"
        )
    try:
        anchors = load_trust(read_paper(trust, "documents.origin_trust"))
    except CmsError as error:
        raise DeviceFileError(f"documents.origin_trust: {trust}: {error}") from error
    try:
        verify_detached(signature, data, anchors)
    except CmsError as error:
        return signers, str(error)
    return signers, ""
