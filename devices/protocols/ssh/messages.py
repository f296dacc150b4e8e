"""SSH transport messages before encryption, sans-io (RFC 4253): what a server says of itself.

Everything that a policy needs (software, algorithms, host keys) is sent in the clear before the
first key is in use, so it is read here from raw bytes: a library that refuses weak algorithms
could not tell which of them a weak server offers.
"""

from __future__ import annotations

import base64
import hashlib
import os
import struct
from dataclasses import dataclass

from devices.errors import Garbled

MSG_DISCONNECT, MSG_IGNORE, MSG_UNIMPLEMENTED, MSG_DEBUG = 1, 2, 3, 4
MSG_KEXINIT, MSG_NEWKEYS = 20, 21
MAX_PACKET = 262_144
"""Largest packet accepted; RFC 4253, 6.1 asks for 35,000, OpenSSH takes 256 KiB."""
MAX_BANNER_LINES = 1024
MAX_LINE = 8192


@dataclass(frozen=True)
class Identification:
    """The identification string (RFC 4253, 4.2): ``SSH-2.0-OpenSSH_9.2p1 Debian-2``."""

    protocol: str
    software: str
    comment: str = ""

    @property
    def line(self) -> str:
        """The line as the server sent it, without CR LF."""
        return f"SSH-{self.protocol}-{self.software}" + (f" {self.comment}" if self.comment else "")


@dataclass(frozen=True)
class KexInit:
    """SSH_MSG_KEXINIT (RFC 4253, 7.1): name lists in the server's order of preference."""

    kex: tuple[str, ...]
    host_keys: tuple[str, ...]
    ciphers_in: tuple[str, ...]
    ciphers_out: tuple[str, ...]
    macs_in: tuple[str, ...]
    macs_out: tuple[str, ...]
    compression_in: tuple[str, ...]
    compression_out: tuple[str, ...]
    first_kex_packet_follows: bool = False

    @property
    def ciphers(self) -> tuple[str, ...]:
        """Ciphers of either direction, without repetition."""
        return tuple(dict.fromkeys(self.ciphers_in + self.ciphers_out))

    @property
    def spoken(self) -> bool:
        """Whether the server named any algorithm at all."""
        return bool(self.kex or self.host_keys or self.ciphers)

    @property
    def macs(self) -> tuple[str, ...]:
        """Message authentication codes of either direction, without repetition."""
        return tuple(dict.fromkeys(self.macs_in + self.macs_out))

    def encode(self) -> bytes:
        """The message's payload, with a fresh cookie."""
        lists = (
            self.kex,
            self.host_keys,
            self.ciphers_in,
            self.ciphers_out,
            self.macs_in,
            self.macs_out,
            self.compression_in,
            self.compression_out,
            (),
            (),
        )
        names = b"".join(string(",".join(names).encode()) for names in lists)
        flag = b"\1" if self.first_kex_packet_follows else b"\0"
        return bytes([MSG_KEXINIT]) + os.urandom(16) + names + flag + bytes(4)


@dataclass(frozen=True)
class HostKey:
    """A host key as the server presented it.

    ``algorithm`` is the key blob's own type (``ssh-rsa`` also for rsa-sha2-512); ``bits`` the
    size of an RSA or DSA modulus or of the curve, 0 when the type is not known here;
    ``fingerprint`` is ``SHA256:`` and unpadded base64, as OpenSSH prints it.
    """

    algorithm: str
    bits: int
    fingerprint: str
    fingerprint_md5: str
    blob: bytes


class TransportReader:
    """Takes bytes as they come; gives the identification, then unencrypted packets' payloads."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._lines = 0
        self.identification: Identification | None = None

    def feed(self, data: bytes) -> None:
        """Add received bytes."""
        self._buffer += data

    def next_identification(self) -> Identification | None:
        """The identification string once its line is whole, else None.

        Lines before it are allowed (RFC 4253, 4.2) and left out. Raises Garbled when a line is
        overlong, when there are too many of them or when the string is malformed.
        """
        while self.identification is None:
            end = self._buffer.find(b"\n")
            if end > MAX_LINE or (end < 0 and len(self._buffer) > MAX_LINE):
                raise Garbled("the SSH greeting is an endless line")
            if end < 0:
                return None
            line = bytes(self._buffer[:end]).rstrip(b"\r")
            del self._buffer[: end + 1]
            self._lines += 1
            if line.startswith(b"SSH-"):
                self.identification = parse_identification(line)
            elif self._lines > MAX_BANNER_LINES:
                raise Garbled("no SSH identification within 1024 lines")
        return self.identification

    def next_packet(self) -> bytes | None:
        """The payload of the next unencrypted packet (RFC 4253, 6), or None until it is whole."""
        if len(self._buffer) < 5:
            return None
        length, padding = struct.unpack_from(">IB", self._buffer)
        if not 2 <= length <= MAX_PACKET or padding >= length:
            raise Garbled(f"an SSH packet of impossible length {length}, padding {padding}")
        if len(self._buffer) < 4 + length:
            return None
        payload = bytes(self._buffer[5 : 4 + length - padding])
        del self._buffer[: 4 + length]
        return payload


def parse_identification(line: bytes) -> Identification:
    """Parse ``SSH-protoversion-softwareversion SP comments``; raises Garbled."""
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    parts = text.split("-", 2)
    if len(parts) != 3 or parts[0] != "SSH" or not parts[1]:
        raise Garbled(f"not an SSH identification: {text[:80]!r}")
    software, _, comment = parts[2].partition(" ")
    return Identification(parts[1], software, comment)


def parse_kexinit(payload: bytes) -> KexInit:
    """Parse an SSH_MSG_KEXINIT payload; raises Garbled."""
    if len(payload) < 17 or payload[0] != MSG_KEXINIT:
        raise Garbled("not an SSH_MSG_KEXINIT")
    position = 17
    lists: list[tuple[str, ...]] = []
    for _ in range(10):
        raw, position = take_string(payload, position)
        lists.append(tuple(name for name in raw.decode("ascii", "replace").split(",") if name))
    if position >= len(payload):
        raise Garbled("SSH_MSG_KEXINIT ends before its flag")
    kex, keys, cipher_in, cipher_out, mac_in, mac_out, compress_in, compress_out, _, _ = lists
    return KexInit(
        kex=kex,
        host_keys=keys,
        ciphers_in=cipher_in,
        ciphers_out=cipher_out,
        macs_in=mac_in,
        macs_out=mac_out,
        compression_in=compress_in,
        compression_out=compress_out,
        first_kex_packet_follows=bool(payload[position]),
    )


def parse_host_key(blob: bytes) -> HostKey:
    """Describe a host key blob (RFC 4253, 6.6); raises Garbled when it is not one."""
    algorithm, position = take_string(blob, 0)
    name = algorithm.decode("ascii", "replace")
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    md5 = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    pairs = ":".join(md5[i : i + 2] for i in range(0, 32, 2))
    return HostKey(name, _key_bits(name, blob, position), f"SHA256:{digest}", pairs, blob)


_FIXED_BITS = {
    "ssh-ed25519": 256,
    "ssh-ed448": 448,
    "ecdsa-sha2-nistp256": 256,
    "ecdsa-sha2-nistp384": 384,
    "ecdsa-sha2-nistp521": 521,
}


def _key_bits(algorithm: str, blob: bytes, position: int) -> int:
    if algorithm == "ssh-rsa":
        _, position = take_string(blob, position)
    elif algorithm != "ssh-dss":
        return _FIXED_BITS.get(algorithm, 0)
    number, _ = take_string(blob, position)
    return int.from_bytes(number, "big").bit_length()


def rsa_numbers(blob: bytes) -> tuple[int, int] | None:
    """Exponent and modulus of an RSA host key blob; None for another type. Raises Garbled."""
    algorithm, position = take_string(blob, 0)
    if algorithm != b"ssh-rsa":
        return None
    exponent, position = take_string(blob, position)
    modulus, _ = take_string(blob, position)
    return int.from_bytes(exponent, "big"), int.from_bytes(modulus, "big")


def parse_kex_reply(payload: bytes) -> HostKey:
    """The host key of a key exchange reply (message 31 or 33, its first field); raises Garbled.

    RFC 4253, 8; RFC 4419, 3; RFC 5656, 4; RFC 8731, 3 all put ``string K_S`` first.
    """
    if not payload or payload[0] not in (31, 33):
        raise Garbled("not a key exchange reply")
    blob, _ = take_string(payload, 1)
    return parse_host_key(blob)


def parse_disconnect(payload: bytes) -> str:
    """The reason text of an SSH_MSG_DISCONNECT payload; raises Garbled."""
    if len(payload) < 5 or payload[0] != MSG_DISCONNECT:
        raise Garbled("not an SSH_MSG_DISCONNECT")
    text, _ = take_string(payload, 5)
    return text.decode("utf-8", "replace")[:200]


def packet(payload: bytes) -> bytes:
    """Frame a payload as an unencrypted packet (RFC 4253, 6: multiple of 8, padding 4 or more)."""
    padding = 8 - (len(payload) + 5) % 8
    if padding < 4:
        padding += 8
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + os.urandom(padding)


def string(data: bytes) -> bytes:
    """Encode a ``string`` (RFC 4251, 5)."""
    return struct.pack(">I", len(data)) + data


def mpint(number: int) -> bytes:
    """Encode a non-negative ``mpint`` (RFC 4251, 5)."""
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big") if number else b"")


def take_string(data: bytes, position: int) -> tuple[bytes, int]:
    """Decode a ``string`` at ``position``; returns it and the position after; raises Garbled."""
    if position + 4 > len(data):
        raise Garbled("an SSH message ends inside a length field")
    (length,) = struct.unpack_from(">I", data, position)
    end = position + 4 + length
    if end > len(data):
        raise Garbled(f"an SSH field of {length} bytes does not fit its message")
    return data[position + 4 : end], end
