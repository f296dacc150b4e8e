"""Diffie-Hellman group exchange (RFC 4419): a client asks for a size, the server gives a prime."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

from devices.errors import Garbled
from devices.protocols.ssh.messages import mpint, take_string

MSG_GROUP, MSG_INIT, MSG_REQUEST = 31, 32, 34
MAX_BITS = 16_384
"""Largest modulus taken; OpenSSH and RFC 4419 end at 8192 bits."""


@dataclass(frozen=True)
class GroupRequest:
    """SSH_MSG_KEX_DH_GEX_REQUEST: sizes in bits that the client takes at least, likes, at most."""

    least: int
    liked: int
    most: int

    def encode(self) -> bytes:
        """The message's payload."""
        return struct.pack(">BIII", MSG_REQUEST, self.least, self.liked, self.most)


def parse_group(payload: bytes) -> tuple[int, int]:
    """Prime and generator of an SSH_MSG_KEX_DH_GEX_GROUP; raises Garbled.

    That the modulus is a prime is not looked at here.
    """
    if not payload or payload[0] != MSG_GROUP:
        raise Garbled("not a group of a Diffie-Hellman group exchange")
    prime, position = take_string(payload, 1)
    generator, _ = take_string(payload, position)
    if len(prime) > MAX_BITS // 8 + 1 or len(generator) > len(prime):
        raise Garbled(f"a Diffie-Hellman group of {len(prime)} bytes")
    p, g = int.from_bytes(prime, "big"), int.from_bytes(generator, "big")
    if prime[:1] >= b"\x80" or p < 5 or not 1 < g < p - 1:
        raise Garbled("a Diffie-Hellman group whose numbers are out of range")
    return p, g


def parse_group_bits(payload: bytes) -> int:
    """Size in bits of the modulus of a group; raises as :func:`parse_group`."""
    return parse_group(payload)[0].bit_length()


def init(prime: int, generator: int) -> bytes:
    """SSH_MSG_KEX_DH_GEX_INIT with a fresh public value."""
    secret = int.from_bytes(os.urandom(32), "big")
    return bytes([MSG_INIT]) + mpint(pow(generator, secret, prime))
