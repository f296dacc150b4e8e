"""What a camera sends through an open WebSocket."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from devices.errors import LinkError
from devices.links.web_media.wire import MediaWire
from devices.protocols import websocket

_MASK = 4  # bytes, RFC 6455, 5.3


class Conversation:
    """Reads up to ``limit`` bytes of messages within ``seconds``."""

    def __init__(self, wire: MediaWire, limit: int, seconds: float) -> None:
        self._wire = wire
        self._limit = limit
        self._deadline = time.monotonic() + seconds
        self._reader = websocket.Reader()

    def have(self, first: bytes, enough: Callable[[bytearray], bool]) -> list[bytes]:
        """The binary messages, until there are ``enough``; ``first`` is said before, if not empty.

        Raises Garbled for what is no WebSocket; an end or a silence is no error.
        """
        if first:
            self._say(websocket.TEXT, first)
        found, whole = list[bytes](), bytearray()
        while len(whole) < self._limit:
            messages, ended = self._next()
            for message in messages:
                if message.opcode == websocket.BINARY:
                    found.append(message.payload)
                    whole += message.payload
                    if enough(whole):
                        return found
                ended = ended or message.opcode == websocket.CLOSE
            if ended:
                break
        return found

    def _next(self) -> tuple[list[websocket.Message], bool]:
        """The next whole messages, and whether there will be no more."""
        try:
            data = self._wire.receive(self._deadline)
            messages = self._reader.feed(data)
            for message in messages:
                if message.opcode == websocket.PING:
                    self._say(websocket.PONG, message.payload)
        except LinkError as error:
            if error.cause == "garbled":
                raise
            return [], True
        return messages, not data

    def _say(self, opcode: int, payload: bytes) -> None:
        self._wire.send(websocket.to_frame(opcode, payload, secrets.token_bytes(_MASK)))
