"""The client's half of a key exchange: key pairs and shared secrets."""

from __future__ import annotations

import secrets

from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from devices.errors import Garbled

_CURVES: dict[int, type[ec.EllipticCurve]] = {
    23: ec.SECP256R1,
    24: ec.SECP384R1,
    25: ec.SECP521R1,
}
_MAX_PRIME = 16384  # bits; a hostile server may not keep the bench computing
COMPUTED = (29, 23, 24, 25, 30)
"""Groups that a handshake can be carried to the end in."""


class EphemeralKey:
    """One key pair in a group of ``COMPUTED``; ``public`` is its half as TLS sends it."""

    def __init__(self, group: int) -> None:
        self.group = group
        self._private: x25519.X25519PrivateKey | x448.X448PrivateKey | ec.EllipticCurvePrivateKey
        if group == 29:
            self._private = x25519.X25519PrivateKey.generate()
        elif group == 30:
            self._private = x448.X448PrivateKey.generate()
        elif group in _CURVES:
            self._private = ec.generate_private_key(_CURVES[group]())
        else:
            raise Garbled(f"the server chose group {group:#06x}, which it was not offered")
        raw = not isinstance(self._private, ec.EllipticCurvePrivateKey)
        self.public = self._private.public_key().public_bytes(
            Encoding.Raw if raw else Encoding.X962,
            PublicFormat.Raw if raw else PublicFormat.UncompressedPoint,
        )

    def shared(self, peer: bytes) -> bytes:
        """The secret shared with the owner of a public value; raises Garbled."""
        try:
            if isinstance(self._private, x25519.X25519PrivateKey):
                return self._private.exchange(x25519.X25519PublicKey.from_public_bytes(peer))
            if isinstance(self._private, x448.X448PrivateKey):
                return self._private.exchange(x448.X448PublicKey.from_public_bytes(peer))
            public = ec.EllipticCurvePublicKey.from_encoded_point(self._private.curve, peer)
            return self._private.exchange(ec.ECDH(), public)
        except ValueError as error:
            raise Garbled(f"the server's public value is none of its group: {error}") from error


def finite_field(prime: int, generator: int, peer: bytes) -> tuple[bytes, bytes]:
    """The client's public value and the shared secret of finite-field Diffie-Hellman.

    ``peer`` is the server's public value. TLS 1.2 drops the secret's leading zeros (RFC 5246,
    8.1.2).
    """
    if prime.bit_length() > _MAX_PRIME:
        raise Garbled(f"a Diffie-Hellman prime of {prime.bit_length()} bits")
    size = (prime.bit_length() + 7) // 8
    exponent = secrets.randbits(256) | 1
    shared = pow(int.from_bytes(peer, "big"), exponent, prime).to_bytes(size, "big")
    return pow(generator, exponent, prime).to_bytes(size, "big"), shared.lstrip(b"\0")
