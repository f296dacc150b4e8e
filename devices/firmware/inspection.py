"""What a bundle's signature is made of, without a camera."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from devices.errors import DeviceFileError, NotOffered
from devices.firmware.cms import CmsError, SignatureFacts, describe_signers, load_trust
from devices.firmware.swupdate import SIGNATURE, BundleError, read_bundle, verify_bundle
from devices.observation import Artefact, Observation

INSPECTED = ("swupdate",)
"""Formats whose signatures are read."""


@dataclass(frozen=True, kw_only=True)
class BundleSignature(Observation):
    """The signature of one bundle.

    ``signers`` is empty when it is not signed. ``verified`` tells whether signature, signer and
    payload hold against the declared trust anchor; None when none is declared. ``problem`` says
    what does not hold.
    """

    file: str
    sha256: str
    signers: tuple[SignatureFacts, ...]
    verified: bool | None
    problem: str = ""


def inspect_bundle(path: Path, format_name: str, trust: Path | None) -> BundleSignature:
    """Read the signature of the bundle in ``path``.

    Raises NotOffered for a format that is not read here, and DeviceFileError when a file that
    the device file names cannot be read.
    """
    if format_name not in INSPECTED:
        raise NotOffered(f"signatures of {format_name!r} bundles are not read by this suite")
    data = _read(path)
    digest = hashlib.sha256(data).hexdigest()
    try:
        bundle = read_bundle(data)
        signers = describe_signers(bundle.signature) if bundle.signature else ()
    except (BundleError, CmsError) as error:
        return BundleSignature(
            file=path.name, sha256=digest, signers=(), verified=False, problem=str(error)
        )
    verified, problem = None, ""
    if trust is not None:
        try:
            verify_bundle(bundle, load_trust(_read(trust)))
            verified = True
        except (BundleError, CmsError) as error:
            verified, problem = False, str(error)
    return BundleSignature(
        file=path.name,
        sha256=digest,
        signers=signers,
        verified=verified,
        problem=problem,
        artefacts=(Artefact(SIGNATURE, "application/pkcs7-signature", bundle.signature),),
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DeviceFileError(f"{path} cannot be read: {error.strerror or error}") from error
