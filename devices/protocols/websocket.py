"""WebSocket (RFC 6455): the opening handshake and frames, sans-io.

Both sides: what a client sends is masked, what a server sends is not. A reader takes either.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field

from devices.errors import Garbled

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

MAX_MESSAGE = 8 * 1024 * 1024
"""Longest message that is put together, in bytes."""

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_MAX_CONTROL = 125


@dataclass(frozen=True)
class Message:
    """A whole message, or a control frame; ``opcode`` is TEXT, BINARY, CLOSE, PING or PONG."""

    opcode: int
    payload: bytes = field(repr=False)


def accept_of(key: str) -> str:
    """What a server answers in Sec-WebSocket-Accept to a Sec-WebSocket-Key (4.2.2)."""
    digest = hashlib.sha1(key.encode("latin-1", "replace") + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def upgrade_fields(key: str, protocol: str = "", origin: str = "") -> dict[str, str]:
    """The header fields of an opening handshake (4.1); ``key`` is 16 random bytes in Base64."""
    fields = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Version": "13",
    }
    if protocol:
        fields["Sec-WebSocket-Protocol"] = protocol
    return fields | ({"Origin": origin} if origin else {})


def to_frame(opcode: int, payload: bytes, mask: bytes = b"") -> bytes:
    """One final frame; ``mask`` is four random bytes for a client, empty for a server (5.2)."""
    flag, size = (0x80 if mask else 0), len(payload)
    if size < 126:
        head = bytes([0x80 | opcode, flag | size])
    elif size < 0x10000:
        head = bytes([0x80 | opcode, flag | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([0x80 | opcode, flag | 127]) + size.to_bytes(8, "big")
    return head + mask + (masked(payload, mask) if mask else payload)


def masked(payload: bytes, mask: bytes) -> bytes:
    """Apply, or take off, a mask of four bytes (5.3)."""
    if not payload:
        return b""
    size = len(payload)
    stream = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(size, "big")


class Reader:
    """Puts messages together out of the bytes that come in."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._opcode = 0
        self._pieces = bytearray()

    @property
    def pending(self) -> bytes:
        """The bytes of a frame that is not whole yet."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> list[Message]:
        """The messages that these bytes complete; raises Garbled for what is no WebSocket."""
        self._buffer += data
        found: list[Message] = []
        while (frame := self._frame()) is not None:
            if (message := self._joined(*frame)) is not None:
                found.append(message)
        return found

    def data(self, stream: bytes) -> bytes:
        """What the frames of a stream carry, whole messages or not, up to what is no WebSocket.

        For who listens in: it may begin in the middle of a message.
        """
        self._buffer += stream
        pieces: list[bytes] = []
        try:
            while (frame := self._frame()) is not None:
                pieces += [frame[2]] if frame[1] < CLOSE else []
        except Garbled:
            self._buffer.clear()
        return b"".join(pieces)

    def _frame(self) -> tuple[bool, int, bytes] | None:
        """Final or not, opcode and payload of the next whole frame."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        opcode, size, at = buffer[0] & 0x0F, buffer[1] & 0x7F, 2
        if buffer[0] & 0x70:
            raise Garbled("a WebSocket frame with an extension that was not agreed on")
        if opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise Garbled(f"a WebSocket frame with the unknown opcode {opcode}")
        if size > _MAX_CONTROL:
            at += 2 if size == 126 else 8
            if len(buffer) < at:
                return None
            size = int.from_bytes(buffer[2:at], "big")
        if opcode >= CLOSE and size > _MAX_CONTROL:
            raise Garbled("a WebSocket control frame that is too long")
        if size > MAX_MESSAGE:
            raise Garbled(f"a WebSocket frame of {size} bytes")
        mask = bytes(buffer[at : at + 4]) if buffer[1] & 0x80 else b""
        at += 4 if buffer[1] & 0x80 else 0
        if len(buffer) < at + size:
            return None
        payload = bytes(buffer[at : at + size])
        final = bool(buffer[0] & 0x80)
        del buffer[: at + size]
        return final, opcode, masked(payload, mask) if mask else payload

    def _joined(self, final: bool, opcode: int, payload: bytes) -> Message | None:  # noqa: FBT001
        if opcode >= CLOSE:
            return Message(opcode, payload)
        if opcode != CONTINUATION:
            self._opcode, self._pieces = opcode, bytearray()
        elif not self._opcode:
            raise Garbled("a WebSocket continuation of nothing")
        self._pieces += payload
        if len(self._pieces) > MAX_MESSAGE:
            raise Garbled(f"a WebSocket message of more than {MAX_MESSAGE} bytes")
        if not final:
            return None
        message = Message(self._opcode, bytes(self._pieces))
        self._opcode, self._pieces = 0, bytearray()
        return message
