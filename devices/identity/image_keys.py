"""Whether a firmware image carries the key that a camera shows to the network.

Looked for are the public halves, byte for byte: a certificate holds one, and so does a private key
in almost every form. PEM is decoded first. Nothing but the name of a file and its kind is kept.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

from devices.identity.image import ImageFormatError, file_contents, read_bytes
from devices.observation import Observation

_BLOCK = 8 * 1024 * 1024
_OVERLAP = 64 * 1024  # bytes of the block before: no key in PEM is longer
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----(.{16,60000}?)-----END \1-----", re.DOTALL)


@dataclass(frozen=True)
class KeyInImage:
    """A file of the image that holds a wanted key; ``kind`` as PEM names it, or ``binary``."""

    path: str
    kind: str
    key_sha256: str


@dataclass(frozen=True, kw_only=True)
class ImageKeys(Observation):
    """What a search for keys in an image came to.

    ``opened``: whether the image's files were looked into; else ``problem`` says why not, and the
    image's own bytes were searched alone. ``image`` is empty when none is declared.
    """

    image: str
    sha256: str = ""
    files: int = 0
    opened: bool = False
    found: tuple[KeyInImage, ...] = ()
    problem: str = ""


def search_image(path: Path, keys: Mapping[str, bytes]) -> ImageKeys:
    """Search an image for public keys: SHA-256 of a SubjectPublicKeyInfo -> that, as DER.

    Raises OSError when the image cannot be read, ImageFormatError when it is too large.
    """
    data = read_bytes(path)
    traces = {digest: trace for digest, der in keys.items() if (trace := _trace(der))}
    found: dict[KeyInImage, None] = {}
    files, problem = 0, ""
    try:
        for name, stream in file_contents(path, data):
            files += 1
            for kind, digest in _keys_in(stream, traces):
                found[KeyInImage(name, kind, digest)] = None
    except ImageFormatError as error:
        problem = str(error)
        for kind, digest in _keys_in_block(data, traces):
            found[KeyInImage(path.name, kind, digest)] = None
    return ImageKeys(
        image=str(path),
        sha256=hashlib.sha256(data).hexdigest(),
        files=files,
        opened=not problem,
        found=tuple(found),
        problem=problem,
    )


def _trace(der: bytes) -> bytes:
    """The bytes that every form of the key has in it: a modulus, or a point."""
    try:
        key = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm):
        return b""
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_numbers().n.to_bytes((key.key_size + 7) // 8, "big")
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return b""


def _keys_in(stream: IO[bytes], traces: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    before = b""
    while block := stream.read(_BLOCK):
        yield from _keys_in_block(before + block, traces)
        before = block[-_OVERLAP:]


def _keys_in_block(block: bytes, traces: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    for digest, trace in traces.items():
        if trace in block:
            yield "binary", digest
    for match in _PEM.finditer(block):
        kind = match[1].decode("ascii")
        der = _decoded(match[2])
        for digest, trace in traces.items():
            if trace in der or trace in _public_half(match[0], kind):
                yield kind, digest


def _decoded(body: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(body.split()))
    except binascii.Error:
        return b""  # encrypted, or no PEM after all


def _public_half(pem: bytes, kind: str) -> bytes:
    """What a private key leads to: one of a curve may stand alone (RFC 5915, 3)."""
    if "PRIVATE KEY" not in kind:
        return b""
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return b""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
