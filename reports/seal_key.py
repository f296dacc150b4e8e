"""The key that seals dossiers, and how a key is named."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_MAX_KEY_FILE = 64 * 1024


class SealKeyError(Exception):
    """A seal key that cannot be used; the message names the file and what to do."""


def seal_key_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the seal key is kept: ``$CAMPROOF_SEAL_KEY``, else the user's data folder."""
    if named := environment.get("CAMPROOF_SEAL_KEY"):
        return Path(named).expanduser()
    data = environment.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "camproof" / "seal-key.pem"


def load_or_make_seal_key(path: Path | None = None) -> Ed25519PrivateKey:
    """Read the seal key, or make one (mode 0600) at first use; raises SealKeyError."""
    path = seal_key_path() if path is None else path
    try:
        if not path.exists():
            _make(path)
        return _load(path)
    except OSError as error:
        raise SealKeyError(
            f"{path}: the key that seals dossiers cannot be read or made: {error.strerror}. "
            "Set CAMPROOF_SEAL_KEY to a file that you can write."
        ) from error


def public_pem(key: Ed25519PublicKey) -> bytes:
    """SubjectPublicKeyInfo of ``key`` as PEM, as OpenSSL writes it."""
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def load_public(pem: bytes) -> Ed25519PublicKey:
    """Read an Ed25519 public key from PEM; raises SealKeyError."""
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SealKeyError("it is not a public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise SealKeyError("it is not an Ed25519 public key")
    return key


def fingerprint(key: Ed25519PublicKey) -> str:
    """Name of a key: ``SHA256:`` and the base64 of the digest of its SubjectPublicKeyInfo.

    ``openssl pkey -pubin -in signer.pem -outform DER | openssl sha256 -binary | base64`` gives
    the same (with a ``=`` at the end).
    """
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode("ascii").rstrip("=")


def trusted_fingerprint(text: str) -> str:
    """The fingerprint that ``text`` gives: itself, or that of the public key in the file it names.

    Raises SealKeyError when it is neither.
    """
    if text.startswith("SHA256:"):
        return text.rstrip("=")
    path = Path(text).expanduser()
    try:
        with path.open("rb") as stream:
            return fingerprint(load_public(stream.read(_MAX_KEY_FILE)))
    except OSError as error:
        raise SealKeyError(
            f"{text}: neither a fingerprint (SHA256:...) nor a readable public key: "
            f"{error.strerror}"
        ) from error
    except SealKeyError as error:
        raise SealKeyError(f"{text}: {error}") from error


def _load(path: Path) -> Ed25519PrivateKey:
    with path.open("rb") as stream:
        mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
        pem = stream.read(_MAX_KEY_FILE)
    if mode & 0o077:
        raise SealKeyError(
            f"{path}: others can read or change this key (mode {mode:04o}), so a seal made with "
            f"it proves nothing. If it was never shared: chmod 600 {path}"
        )
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SealKeyError(
            f"{path}: not an unencrypted private key in PEM. Give an Ed25519 key, or remove the "
            "file and a new one is made."
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SealKeyError(f"{path}: the key that seals dossiers must be an Ed25519 key.")
    return key


def _make(path: Path) -> None:
    """Write a new key in one step; when two processes make one, the first one wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".seal-key-")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(pem)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(draft, path)  # unlike a rename, never replaces a key that is already there
    except FileExistsError:
        pass
    finally:
        Path(draft).unlink()
