"""First messages of key exchanges: enough of each to be shown the server's host key.

The exchange is left after the server's reply, so no secret is ever agreed on and no random value
here has to be good. For the hybrids with ML-KEM and NTRU Prime that means that a public key which
nobody holds the private half of will do: the server answers it like any other.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from functools import cache, partial

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from devices.protocols.ssh.messages import mpint, string

_INIT = 30

# MODP groups of RFC 2409 (group 1) and RFC 3526 (14 to 18): primes from their formula
# 2^n - 2^(n-64) - 1 + 2^64 * (floor(2^(n-130) * pi) + c).
_GROUPS = {
    1: (1024, 129093),
    14: (2048, 124476),
    15: (3072, 1690314),
    16: (4096, 240904),
    17: (6144, 929484),
    18: (8192, 4743158),
}
_ML_KEM_MODULUS = 3329  # FIPS 203, 2.3
_SNTRUP_KEY = 1158  # bytes of a public key of sntrup761


def _raw(key: X25519PrivateKey | X448PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _x25519() -> bytes:
    return string(_raw(X25519PrivateKey.generate()))


def _x448() -> bytes:
    return string(_raw(X448PrivateKey.generate()))


def _point(curve: type[ec.EllipticCurve]) -> bytes:
    key = ec.generate_private_key(curve()).public_key()
    return string(key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def _power(group: int) -> bytes:
    return mpint(pow(2, int.from_bytes(os.urandom(32), "big"), modp_prime(group)))


def _with_ml_kem() -> bytes:
    """An encapsulation key of ML-KEM-768 (FIPS 203, 7.2: coefficients below q), then X25519."""
    vector = 0
    for position in range(3 * 256):
        vector |= secrets.randbelow(_ML_KEM_MODULUS) << (12 * position)
    key = vector.to_bytes(3 * 384, "little") + os.urandom(32)
    return string(key + _raw(X25519PrivateKey.generate()))


def _with_sntrup() -> bytes:
    return string(os.urandom(_SNTRUP_KEY) + _raw(X25519PrivateKey.generate()))


EXCHANGES: dict[str, Callable[[], bytes]] = {
    "curve25519-sha256": _x25519,
    "curve25519-sha256@libssh.org": _x25519,
    "ecdh-sha2-nistp256": partial(_point, ec.SECP256R1),
    "ecdh-sha2-nistp384": partial(_point, ec.SECP384R1),
    "ecdh-sha2-nistp521": partial(_point, ec.SECP521R1),
    "curve448-sha512": _x448,
    "mlkem768x25519-sha256": _with_ml_kem,
    "sntrup761x25519-sha512": _with_sntrup,
    "sntrup761x25519-sha512@openssh.com": _with_sntrup,
    "diffie-hellman-group14-sha256": partial(_power, 14),
    "diffie-hellman-group14-sha1": partial(_power, 14),
    "diffie-hellman-group15-sha512": partial(_power, 15),
    "diffie-hellman-group16-sha512": partial(_power, 16),
    "diffie-hellman-group1-sha1": partial(_power, 1),
    "diffie-hellman-group17-sha512": partial(_power, 17),
    "diffie-hellman-group18-sha512": partial(_power, 18),
}
"""Key exchanges whose first message can be made here, quickest first: the client's public value."""

GROUP_EXCHANGES = ("diffie-hellman-group-exchange-sha256", "diffie-hellman-group-exchange-sha1")
"""Key exchanges that begin with a request for a group (devices.protocols.ssh.groups)."""


def initial_message(exchange: str) -> bytes:
    """The client's first message of a key exchange of :data:`EXCHANGES`.

    Its number and one field are the same in RFC 4253, 8; RFC 5656, 4 and RFC 8731, 3.
    """
    return bytes([_INIT]) + EXCHANGES[exchange]()


@cache
def modp_prime(group: int) -> int:
    """The prime of an Oakley group as SSH numbers them: 1, 14 to 18 (RFC 2409, RFC 3526)."""
    bits, constant = _GROUPS[group]
    return (1 << bits) - (1 << (bits - 64)) - 1 + ((_pi_bits(bits - 130) + constant) << 64)


def _pi_bits(bits: int) -> int:
    """floor(2**bits * pi), by Machin's formula in integers."""
    guard = 64
    one = 1 << (bits + guard)

    def arctan_inverse(x: int) -> int:
        term = total = one // x
        square, divisor, sign = x * x, 3, -1
        while term:
            term //= square
            total += sign * (term // divisor)
            divisor, sign = divisor + 2, -sign
        return total

    return (4 * (4 * arctan_inverse(5) - arctan_inverse(239))) >> guard
