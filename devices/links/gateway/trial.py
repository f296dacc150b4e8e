"""One TLS connection of a camera to the suite: shown a certificate, does it go on or not?"""

from __future__ import annotations

import asyncio
import re
import ssl
from dataclasses import dataclass
from typing import Protocol

from devices.links.gateway.observations import Outcome

PROMPT = 3.0
"""Seconds within which a connection is closed because of the certificate; later means nothing."""

_CHUNK = 16 * 1024
_ALERT = re.compile(r"ALERT_(\w+)")
_LEAST_SENT = 400  # bytes that a first flight with a certificate has, and one without has not


class Wire(Protocol):
    """The connection underneath: bytes as they are on the network."""

    async def receive(self) -> bytes:
        """Return some bytes, empty at the end. Raises TimeoutError when none come."""

    async def send(self, data: bytes) -> None:
        """Send all of it."""


@dataclass(frozen=True)
class Ending:
    """How it ended. ``sent`` is the first application data of the camera."""

    outcome: Outcome
    reason: str
    version: str = ""
    sent: bytes = b""


async def hold(wire: Wire, first: bytes, context: ssl.SSLContext) -> Ending:
    """Play the server of a connection that began with ``first`` (a whole ClientHello).

    Never raises for what the other side does.
    """
    session = _Session(wire, context)
    try:
        session.take(first)
        if ending := await session.handshake():
            return ending
        return await session.wait_for_data()
    except TimeoutError:
        return session.ended("undecided", f"it stayed silent {session.stage}")
    except (ConnectionError, asyncio.IncompleteReadError):
        return session.closed()


class _Session:
    """A TLS server over memory buffers."""

    def __init__(self, wire: Wire, context: ssl.SSLContext) -> None:
        self._wire = wire
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._sent = 0
        self._sent_at = 0.0
        self.stage = "in the handshake"

    def take(self, data: bytes) -> None:
        self._incoming.write(data)

    async def handshake(self) -> Ending | None:
        """Complete the handshake; an ending when it did not come to that."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._more():
                    return self.closed()
            except ssl.SSLError as error:
                await self._flush()
                return self._failed(error)
            else:
                await self._flush()
                self.stage = "after the handshake"
                return None

    async def wait_for_data(self) -> Ending:
        """Wait for application data, or for the end."""
        while True:
            try:
                data = self._tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._more():
                    return self.closed()
                continue
            except ssl.SSLZeroReturnError:
                return self.closed()
            except ssl.SSLError as error:
                return self._failed(error)
            if not data:
                return self.closed()
            return self.ended("accepted", "it sent application data", data + await self._rest())

    def ended(self, outcome: Outcome, reason: str, sent: bytes = b"") -> Ending:
        return Ending(outcome, reason, self._tls.version() or "", sent)

    def closed(self) -> Ending:
        if self._sent < _LEAST_SENT:
            return self.ended("undecided", "it closed before it was shown a certificate")
        waited = asyncio.get_running_loop().time() - self._sent_at
        if waited > PROMPT:  # its own time limit, or the network, as well as a refusal
            why = (
                f"it closed the connection {self.stage}, {waited:.1f} s after the last it was sent"
            )
            return self.ended("undecided", why)
        return self.ended("refused", f"it closed the connection {self.stage}")

    async def _rest(self) -> bytes:
        """What has already come of the same data: some clients send the first byte alone."""
        pieces = []
        while True:
            try:
                pieces.append(self._tls.read(_CHUNK))
            except ssl.SSLError:
                return b"".join(pieces)
            if not pieces[-1]:
                return b"".join(pieces)

    async def _more(self) -> bool:
        data = await self._wire.receive()
        self._incoming.write(data)
        return bool(data)

    async def _flush(self) -> None:
        if data := self._outgoing.read():
            self._sent += len(data)
            await self._wire.send(data)
            self._sent_at = asyncio.get_running_loop().time()

    def _failed(self, error: ssl.SSLError) -> Ending:
        reason = error.reason or str(error)
        alert = _ALERT.search(reason)
        if alert is None or self._sent < _LEAST_SENT:
            return self.ended("undecided", f"no handshake: {reason}")
        return self.ended("refused", f"alert {alert[1].lower()} {self.stage}")
