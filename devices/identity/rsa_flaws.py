"""RSA moduli that come apart without their private half being published.

Only properties that can be read off the public modulus in milliseconds: what is found is certain
or, for the fingerprint of CVE-2017-15361, wrong once in some hundred million keys.
"""

from __future__ import annotations

import math

_FERMAT_ROUNDS = 100
_SMALL = 2000


def _primes(limit: int) -> list[int]:
    return [n for n in range(2, limit) if all(n % d for d in range(2, math.isqrt(n) + 1))]


_PRIMES = _primes(_SMALL)
_ROCA_PRIMES = [p for p in _PRIMES if 3 <= p <= 167]
_ROCA_GENERATOR = 65537


def rsa_flaw(exponent: int, modulus: int) -> str:
    """What is wrong with an RSA public key, in words; empty when nothing is found."""
    if modulus < 4 or modulus % 2 == 0:
        return "the modulus is even"
    if exponent < 3 or exponent % 2 == 0:
        return f"the exponent is {exponent}"
    for prime in _PRIMES:
        if modulus % prime == 0:
            return f"the modulus is divisible by {prime}"
    if _factors_are_close(modulus):
        return "the two factors lie so close together that they can be found (CVE-2022-26320)"
    if _has_roca_fingerprint(modulus):
        return "the modulus has the form of keys of the library of CVE-2017-15361 (ROCA)"
    return ""


def _factors_are_close(modulus: int) -> bool:
    """Fermat's method: modulus = a*a - b*b with ``a`` near its square root."""
    a = math.isqrt(modulus - 1) + 1
    for _ in range(_FERMAT_ROUNDS):
        square = a * a - modulus
        if math.isqrt(square) ** 2 == square:
            return True
        a += 1
    return False


def _has_roca_fingerprint(modulus: int) -> bool:
    """Whether modulo each small prime it is a power of 65537, as those keys' factors are."""
    return all(modulus % prime in _powers(prime) for prime in _ROCA_PRIMES)


def _powers(prime: int) -> frozenset[int]:
    found, value = set(), 1
    while value not in found:
        found.add(value)
        value = value * _ROCA_GENERATOR % prime
    return frozenset(found)
