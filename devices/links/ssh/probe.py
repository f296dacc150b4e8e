"""What an SSH server says before anyone logs in: software, algorithms, host keys.

Read from raw bytes, so that a server with weak algorithms alone is described like any other. For
each kind of host key one key exchange is begun and left after the server's reply, which carries
the key (its signature is not checked: nothing is trusted here, only described).
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from devices.errors import Garbled, LinkError, NotOffered, TimedOut, Unreachable
from devices.protocols import ssh
from devices.protocols.ssh import HostKey, Identification, KexInit, TransportReader

_T = TypeVar("_T")

CLIENT_LINE = b"SSH-2.0-camproof\r\n"
_MAX_BYTES = 1_000_000
_MAX_HOST_KEYS = 8

# MODP groups of RFC 2409 (group 1) and RFC 3526 (14, 16): primes from their formula
# 2^n - 2^(n-64) - 1 + 2^64 * (floor(2^(n-130) * pi) + c).
_GROUPS = {1: (1024, 129093), 14: (2048, 124476), 16: (4096, 240904)}


@dataclass(frozen=True)
class Greeting:
    """The identification and KEXINIT of a server."""

    identification: Identification
    kexinit: KexInit


def greet(address: str, port: int, seconds: float) -> Greeting:
    """Read a server's identification and KEXINIT.

    Raises Unreachable, TimedOut (nothing, or not enough, within ``seconds``) or Garbled.
    """
    with _Conversation(address, port, seconds) as conversation:
        return conversation.greeting()


def host_keys(
    address: str, port: int, offered: KexInit, seconds: float
) -> tuple[list[HostKey], str]:
    """Fetch one host key for each key type that the server offers.

    ``seconds`` is the limit for each. Returns the keys and, when one could not be had, a sentence
    that says which and why.
    """
    exchange = next((name for name in _INITIAL_VALUES if name in offered.kex), None)
    if exchange is None:
        return [], f"no key exchange in common for the host keys: {', '.join(offered.kex)}"
    keys: dict[str, HostKey] = {}
    missing = []
    for algorithm in _one_of_each_type(offered.host_keys)[:_MAX_HOST_KEYS]:
        try:
            with _Conversation(address, port, seconds) as conversation:
                key = conversation.host_key(exchange, algorithm)
            keys[key.fingerprint] = key
        except LinkError as error:
            missing.append(f"{algorithm} ({error})")
    shortfall = f"host keys not obtained: {', '.join(missing)}" if missing else ""
    return list(keys.values()), shortfall


def _one_of_each_type(algorithms: tuple[str, ...]) -> list[str]:
    """One signature algorithm for each key: RSA signs under several names, certificates apart."""
    chosen: dict[str, str] = {}
    for name in algorithms:
        if "-cert-" in name:
            continue
        chosen.setdefault("ssh-rsa" if name.startswith("rsa-sha2-") else name, name)
    return list(chosen.values())


class _Conversation:
    """One TCP connection up to the key exchange reply."""

    def __init__(self, address: str, port: int, seconds: float) -> None:
        self._where = f"{address}:{port}"
        self._end = time.monotonic() + seconds
        self._seconds = seconds
        self._received = 0
        self._reader = TransportReader()
        try:
            self._socket = socket.create_connection((address, port), timeout=seconds)
        except TimeoutError as error:
            raise TimedOut(f"{self._where}: no connection within {seconds:.0f} s") from error
        except OSError as error:
            raise Unreachable(f"{self._where}: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def greeting(self) -> Greeting:
        self._send(CLIENT_LINE)
        identification = self._until(self._reader.next_identification)
        if not identification.protocol.startswith(("2.", "1.99")):
            raise NotOffered(f"{self._where} speaks SSH {identification.protocol} only")
        return Greeting(identification, ssh.parse_kexinit(self._packet(ssh.MSG_KEXINIT)))

    def host_key(self, exchange: str, algorithm: str) -> HostKey:
        server = self.greeting().kexinit
        ours = replace(
            server, kex=(exchange,), host_keys=(algorithm,), first_kex_packet_follows=False
        )
        self._send(ssh.packet(ours.encode()))
        self._send(ssh.packet(bytes([30]) + _INITIAL_VALUES[exchange]()))
        return ssh.parse_kex_reply(self._packet(31))

    def _packet(self, wanted: int) -> bytes:
        for _ in range(16):
            payload = self._until(self._reader.next_packet)
            kind = payload[0] if payload else 0
            if kind == wanted:
                return payload
            if kind == ssh.MSG_DISCONNECT:
                raise NotOffered(f"{self._where} disconnects: {ssh.parse_disconnect(payload)}")
            if kind not in (ssh.MSG_IGNORE, ssh.MSG_DEBUG, ssh.MSG_UNIMPLEMENTED):
                raise Garbled(f"{self._where}: SSH message {kind} where {wanted} is due")
        raise Garbled(f"{self._where}: nothing but SSH_MSG_IGNORE")

    def _until(self, take: Callable[[], _T | None]) -> _T:
        while (value := take()) is None:
            left = self._end - time.monotonic()
            if left <= 0:
                raise TimedOut(f"{self._where}: no SSH answer within {self._seconds:.0f} s")
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(65_536)
            except TimeoutError:
                continue
            except OSError as error:
                raise Unreachable(f"{self._where}: {error.strerror or error}") from error
            self._received += len(data)
            if not data or self._received > _MAX_BYTES:
                what = "ends the connection" if not data else "sends without end"
                raise Garbled(f"{self._where} {what} before its SSH greeting is complete")
            self._reader.feed(data)
        return value

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise Unreachable(f"{self._where}: {error.strerror or error}") from error


def _x25519() -> bytes:
    key = X25519PrivateKey.generate().public_key()
    return ssh.string(key.public_bytes(Encoding.Raw, PublicFormat.Raw))


def _point(curve: type[ec.EllipticCurve]) -> Callable[[], bytes]:
    def initial() -> bytes:
        key = ec.generate_private_key(curve()).public_key()
        return ssh.string(key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    return initial


def _power(group: int) -> Callable[[], bytes]:
    def initial() -> bytes:
        return ssh.mpint(pow(2, int.from_bytes(os.urandom(32), "big"), modp_prime(group)))

    return initial


def modp_prime(group: int) -> int:
    """The prime of an Oakley group as SSH numbers them: 1, 14 or 16 (RFC 2409, RFC 3526)."""
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


_INITIAL_VALUES: dict[str, Callable[[], bytes]] = {
    "curve25519-sha256": _x25519,
    "curve25519-sha256@libssh.org": _x25519,
    "ecdh-sha2-nistp256": _point(ec.SECP256R1),
    "ecdh-sha2-nistp384": _point(ec.SECP384R1),
    "ecdh-sha2-nistp521": _point(ec.SECP521R1),
    "diffie-hellman-group16-sha512": _power(16),
    "diffie-hellman-group14-sha256": _power(14),
    "diffie-hellman-group14-sha1": _power(14),
    "diffie-hellman-group1-sha1": _power(1),
}
"""Key exchanges whose first message this module can make: the client's public value."""
