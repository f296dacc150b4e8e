"""What a camera sends through an open WebSocket."""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
import secrets
import time
from collections.abc import Callable

from devices.errors import LinkError
from devices.links.web_media.wire import MediaWire
from devices.protocols import websocket
from devices.protocols.containers import recognise

_MASK = 4  # bytes, RFC 6455, 5.3
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{64,}")


def unwrapped(text: bytes) -> bytes:
    """The media in a message of text: the longest run of Base64 in it; empty when it is none.

    Some cameras send pictures so, in JSON.
    """
    runs = _BASE64.findall(text.replace(b"\\/", b"/"))
    longest = max(runs, key=len, default=b"").replace(b"-", b"+").replace(b"_", b"/")
    try:
        data = base64.b64decode(longest[: len(longest) // 4 * 4])
    except binascii.Error:
        return b""
    return data if recognise(data) else b""


class Conversation:
    """Reads up to ``limit`` bytes of messages within ``seconds``.

    ``texts`` counts messages of text without media in them.
    """

    def __init__(self, wire: MediaWire, limit: int, seconds: float) -> None:
        self._wire = wire
        self._limit = limit
        self._deadline = time.monotonic() + seconds
        self._reader = websocket.Reader()
        self.texts = 0

    def have(self, first: bytes, enough: Callable[[bytearray], bool]) -> list[bytes]:
        """The messages with media, until there are ``enough``; ``first`` is said before, if given.

        Raises Garbled for what is no WebSocket; an end or a silence is no error.
        """
        if first:
            self._say(websocket.TEXT, first)
        found, whole = list[bytes](), bytearray()
        while len(whole) < self._limit:
            messages, ended = self._next()
            for message in messages:
                if media := self._media(message):
                    found.append(media)
                    whole += media
                    if enough(whole):
                        return found
                ended = ended or message.opcode == websocket.CLOSE
            if ended:
                break
        return found

    def _media(self, message: websocket.Message) -> bytes:
        if message.opcode == websocket.BINARY:
            return message.payload
        media = unwrapped(message.payload) if message.opcode == websocket.TEXT else b""
        self.texts += message.opcode == websocket.TEXT and not media
        return media

    def _next(self) -> tuple[list[websocket.Message], bool]:
        """The next whole messages, and whether there will be no more."""
        try:
            data = self._wire.receive(self._deadline)
            messages = self._reader.feed(data)
            for message in messages:
                if message.opcode == websocket.PING:
                    with contextlib.suppress(LinkError):  # what has come counts even so
                        self._say(websocket.PONG, message.payload)
        except LinkError as error:
            if error.cause == "garbled":
                raise
            return [], True
        return messages, not data

    def _say(self, opcode: int, payload: bytes) -> None:
        self._wire.send(websocket.to_frame(opcode, payload, secrets.token_bytes(_MASK)))
