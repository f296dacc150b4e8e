"""SRT handshakes: enough to learn whether a caller encrypts what it is about to send, sans-io.

A caller sends an INDUCTION, gets a cookie, and sends a CONCLUSION whose extensions hold key
material when it encrypts. Source: IETF draft-sharabayko-srt-01, 3.2.1 and 4.3.1.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from devices.errors import Garbled

INDUCTION, CONCLUSION = 1, 0xFFFFFFFF
"""Handshake types."""

KEY_MATERIAL_REQUEST, STREAM_ID = 3, 5
"""Extension types of a CONCLUSION."""

_HEADER = struct.Struct("!IIII")
_FIXED = struct.Struct("!IHHIIIIII")
_CONTROL_HANDSHAKE = 0x80000000
_MAGIC = 0x4A17  # says that the listener knows version 5
_MAX_DATAGRAM = 2048


@dataclass(frozen=True)
class Handshake:
    """A handshake packet. ``cipher`` is the advertised encryption field: 0 for none, 2 to 4 AES.

    ``extensions`` are those of a CONCLUSION, by type.
    """

    type: int
    version: int
    cipher: int
    sequence: int
    socket: int
    cookie: int
    extensions: dict[int, bytes]
    extension_field: int = 0

    @property
    def encrypted(self) -> bool:
        """Whether key material comes with it (of a CONCLUSION)."""
        return len(self.extensions.get(KEY_MATERIAL_REQUEST, b"")) >= 16


def parse(data: bytes) -> Handshake:
    """Parse a datagram; raises Garbled when it is no SRT handshake."""
    if not _HEADER.size + _FIXED.size + 16 <= len(data) <= _MAX_DATAGRAM:
        raise Garbled("no SRT handshake: its length")
    if _HEADER.unpack_from(data)[0] != _CONTROL_HANDSHAKE:
        raise Garbled("no SRT handshake: its type")
    version, cipher, field, sequence, mtu, _, kind, socket, cookie = _FIXED.unpack_from(
        data, _HEADER.size
    )
    if version not in (4, 5) or not 76 <= mtu <= 65_536:
        raise Garbled(f"no SRT handshake: version {version}, MTU {mtu}")
    extensions: dict[int, bytes] = {}
    if kind == CONCLUSION and version == 5:
        extensions = _extensions(data[_HEADER.size + _FIXED.size + 16 :])
    return Handshake(kind, version, cipher, sequence, socket, cookie, extensions, field)


def induction_answer(caller: Handshake, cookie: int) -> bytes:
    """Return the listener's answer to an INDUCTION: version 5, and a cookie to come back with."""
    head = _HEADER.pack(_CONTROL_HANDSHAKE, 0, 0, caller.socket)
    body = _FIXED.pack(5, 0, _MAGIC, caller.sequence, 1500, 8192, INDUCTION, 1, cookie)
    return head + body + bytes(16)


def handshake(shake: Handshake, *, destination: int = 0) -> bytes:
    """Return a caller's packet."""
    head = _HEADER.pack(_CONTROL_HANDSHAKE, 0, 0, destination)
    body = _FIXED.pack(
        shake.version, shake.cipher, shake.extension_field, shake.sequence, 1500, 8192,
        shake.type, shake.socket, shake.cookie,
    )  # fmt: skip
    blocks = b"".join(
        struct.pack("!HH", kind, len(content) // 4) + content
        for kind, content in shake.extensions.items()
    )
    return head + body + bytes(16) + blocks


def _extensions(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while data:
        if len(data) < 4:
            raise Garbled("an SRT handshake extension that is cut off")
        kind, words = struct.unpack_from("!HH", data)
        content, data = data[4 : 4 + 4 * words], data[4 + 4 * words :]
        if len(content) < 4 * words:
            raise Garbled("an SRT handshake extension beyond the end of the packet")
        found[kind] = content
    return found
