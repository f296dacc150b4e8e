"""SWUpdate bundles (``.swu``): made by the manufacturer, opened and verified by everyone else.

A cpio archive in the ``crc`` form whose first two members are ``sw-description`` and, when signed,
``sw-description.sig``: a detached CMS over the description. The description holds the SHA-256 of
each further member, so one signature vouches for everything ("SWUpdate: Update images from
verified source" in SWUpdate's manual).
"""

from __future__ import annotations

import gzip
import hashlib
import hmac
import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from devices.firmware.cms import CmsError, SignatureFacts, verify_detached
from devices.firmware.cms_sign import Digest, sign_detached
from devices.firmware.cpio import CpioEntry, CpioError, CpioTruncatedError, read_cpio, write_cpio
from devices.firmware.swdescription import NAME, DescriptionError, SwDescription, parse_description
from devices.firmware.tree import tree_digest

SIGNATURE = f"{NAME}.sig"
PAYLOAD = "rootfs.tar.gz"


class BundleError(ValueError):
    """A bundle that cannot be opened, or that does not verify; the message says why."""


class BundleTruncatedError(BundleError):
    """The bundle ends before it is whole."""


@dataclass(frozen=True)
class Bundle:
    """A bundle taken apart.

    ``description`` is ``sw-description`` byte for byte, ``release`` what it says; ``signature`` is
    empty when the bundle is not signed.
    """

    release: SwDescription
    description: bytes
    signature: bytes
    payload: bytes
    payload_truncated: bool = False

    @property
    def payload_genuine(self) -> bool:
        """Whether the payload is the one whose digest the description holds."""
        digest = hashlib.sha256(self.payload).hexdigest()
        return hmac.compare_digest(digest, self.release.sha256)


def make_bundle(
    rootfs: Path,
    *,
    version: str,
    model: str,
    hardware: str | Sequence[str],
    rollback_index: int,
    key: bytes,
    cert: bytes,
    digest: Digest = "sha256",
) -> bytes:
    """Make a signed bundle of the root file system in ``rootfs``.

    ``hardware`` are the revisions it fits; ``key`` and ``cert`` are PEM, ``cert`` with the chain.
    The same input gives the same payload bytes.
    """
    payload = _archive(rootfs)
    description = SwDescription(
        version=version,
        model=model,
        hardware=(hardware,) if isinstance(hardware, str) else tuple(hardware),
        payload=PAYLOAD,
        sha256=hashlib.sha256(payload).hexdigest(),
        tree_sha256=tree_digest(rootfs),
        rollback_index=rollback_index,
    ).to_json()
    signature = sign_detached(description, key, cert, digest)
    return write_cpio(
        [
            CpioEntry(NAME, description),
            CpioEntry(SIGNATURE, signature),
            CpioEntry(PAYLOAD, payload),
        ]
    )


def read_bundle(data: bytes, *, tolerate_truncation: bool = False) -> Bundle:
    """Take a bundle apart without judging its signature.

    Raises BundleError; with ``tolerate_truncation``, one that ends inside the payload is returned
    as far as it goes.
    """
    try:
        entries = read_cpio(data, tolerate_truncation=tolerate_truncation)
    except CpioTruncatedError as error:
        raise BundleTruncatedError(str(error)) from error
    except CpioError as error:
        raise BundleError(str(error)) from error
    members = {entry.name: entry for entry in entries}
    if not entries or entries[0].name != NAME or len(members) != len(entries):
        raise BundleError(f"the first member must be {NAME}, and each name occur once")
    damaged = [e.name for e in entries if not e.truncated and not e.checksum_valid]
    if damaged:
        raise BundleError(f"checksum of {damaged[0]} is wrong")
    try:
        release = parse_description(entries[0].data)
    except DescriptionError as error:
        raise BundleError(f"{NAME}: {error}") from error
    payload = members.get(release.payload)
    if payload is None:
        raise BundleError(f"{release.payload} is missing")
    signature = members.get(SIGNATURE)
    return Bundle(
        release=release,
        description=entries[0].data,
        signature=signature.data if signature else b"",
        payload=payload.data,
        payload_truncated=payload.truncated,
    )


def verify_bundle(bundle: Bundle, trust: Sequence[x509.Certificate]) -> tuple[SignatureFacts, ...]:
    """Verify signature, signer and payload; returns the signers. Raises BundleError."""
    if not bundle.signature:
        raise BundleError("the bundle is not signed")
    try:
        signers = verify_detached(bundle.signature, bundle.description, trust)
    except CmsError as error:
        raise BundleError(str(error)) from error
    if bundle.payload_truncated:
        raise BundleTruncatedError(f"{bundle.release.payload} is cut short")
    if not bundle.payload_genuine:
        raise BundleError(f"{bundle.release.payload} is not the one that was signed")
    return signers


def _archive(rootfs: Path) -> bytes:
    """A reproducible tar of ``rootfs``: sorted, owned by root, gzip without name and time."""

    def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        return member

    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(rootfs.rglob("*")):
            name = path.relative_to(rootfs).as_posix()
            archive.add(path, name, recursive=False, filter=anonymous)
    return gzip.compress(plain.getvalue(), mtime=0)
