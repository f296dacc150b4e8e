"""Key pairs that an emulated camera carries as a fault: the same in every unit, and known.

No private key stands in the repository. Each is derived at run time from a public phrase, so it
is exactly as secret as a key that a maker has published: not at all.
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

HOST_KEY_PHRASE = "camproof constructed example: published SSH host key"
VENDOR_PHRASE = "camproof constructed example: service key of a vendor"


def derived_key(phrase: str) -> Ed25519PrivateKey:
    """The Ed25519 key whose 32-byte seed (RFC 8032, clause 5.1.5) is SHA-256 of ``phrase``."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(phrase.encode()).digest())


def public_line(key: Ed25519PrivateKey) -> str:
    """The public half as a line of ``authorized_keys``, without comment."""
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def openssh_text(key: Ed25519PrivateKey) -> str:
    """The private key in OpenSSH's own format, for a server or a client to load."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
