"""Private keys of the device file's accounts, in any format that paramiko reads."""

from __future__ import annotations

import io

import paramiko

from devices.errors import DeviceFileError
from devices.links.ssh.legacy import RsaKey

_KEY_TYPES = (paramiko.Ed25519Key, paramiko.ECDSAKey, RsaKey)


def load_key(text: str) -> paramiko.PKey:
    """Load a private key in any format paramiko knows. Raises DeviceFileError."""
    for kind in _KEY_TYPES:
        try:
            return kind.from_private_key(io.StringIO(text))
        except (paramiko.SSHException, ValueError):
            continue
    raise DeviceFileError(
        "the SSH key of the account is not an Ed25519, ECDSA or RSA private key without passphrase"
    )


def public_half(text: str) -> str:
    """``type base64`` of a private key, as it stands in ``authorized_keys``."""
    key = load_key(text)
    return f"{key.get_name()} {key.get_base64()}"
