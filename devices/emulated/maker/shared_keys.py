"""TLS keys that every unit has alike, as a fault: in the released firmware, or published.

No private key stands in the repository: each is derived at run time from a public phrase.
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from devices.emulated.posture import Posture

KEY_FILE = "etc/ssl/private/server.key"
"""Where the released firmware keeps the key under the posture ``tls_key = "firmware"``."""

_PHRASES = {
    "firmware": "camproof constructed example: TLS server key of a firmware",
    "published": "camproof constructed example: published TLS server key",
}


def shared_key(posture: Posture) -> ec.EllipticCurvePrivateKey | None:
    """The P-256 key that all units share, None on a camera whose key is its own.

    Its private value is SHA-256 of a phrase.
    """
    phrase = _PHRASES.get(posture.tls_key)
    if phrase is None:
        return None
    value = int.from_bytes(hashlib.sha256(phrase.encode()).digest(), "big")
    return ec.derive_private_key(value, ec.SECP256R1())


def key_file(posture: Posture) -> bytes:
    """The key as the firmware carries it, PEM; empty where it carries none."""
    key = shared_key(posture) if posture.tls_key == "firmware" else None
    if key is None:
        return b""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
