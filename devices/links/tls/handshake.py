"""One probing handshake: a ClientHello sent on a connection of its own, the first flight read."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from devices.errors import Garbled, TimedOut, Unreachable
from devices.protocols.tls import (
    Alert,
    CertificateMessage,
    FlightReader,
    Message,
    OtherMessage,
    ServerHello,
    TlsVersion,
    client_hello,
)

_ATTEMPTS = 2
_PAUSE = 0.1  # s before a refused or broken connection is tried again
_AFTER_CERTIFICATE = frozenset({12, 14})  # ServerKeyExchange, ServerHelloDone


@dataclass(frozen=True)
class Answer:
    """How a server answered one ClientHello: a ServerHello, or why there is none."""

    hello: ServerHello | None = None
    chain: tuple[bytes, ...] = ()
    refusal: str = ""


class Prober:
    """Sends ClientHellos to one endpoint; ``seconds`` is the limit of each handshake."""

    def __init__(
        self, address: str, port: int, *, server_name: str = "", seconds: float = 4.0
    ) -> None:
        self._where = (address, port)
        self._server_name = server_name
        self._seconds = seconds

    def offer(self, version: TlsVersion, suites: Sequence[int]) -> Answer:
        """Offer one version and these suites.

        A connection that ends without a byte is tried again before it counts as a refusal: a busy
        camera drops connections. Raises Unreachable, TimedOut, Garbled, NotOffered.
        """
        hello = client_hello(version, suites, self._server_name)
        failure: Unreachable | None = None
        answer = Answer()
        for attempt in range(_ATTEMPTS):
            if attempt:
                threading.Event().wait(_PAUSE)
            try:
                answer = self._exchange(hello)
            except Unreachable as error:
                failure = error
                continue
            if answer.hello is not None or answer.refusal != _CLOSED:
                return answer
        if failure is not None and not answer.refusal:
            raise failure
        return answer

    def _exchange(self, hello: bytes) -> Answer:
        end = time.monotonic() + self._seconds
        host, port = self._where
        try:
            connection = socket.create_connection(self._where, timeout=self._seconds)
        except TimeoutError as error:
            raise TimedOut(f"{host}:{port}: no connection within {self._seconds:g} s") from error
        except OSError as error:
            raise Unreachable(f"{host}:{port}: {error.strerror or error}") from error
        with connection:
            try:
                connection.sendall(hello)
            except OSError:
                return Answer(refusal=_CLOSED)
            return self._read(connection, end)

    def _read(self, connection: socket.socket, end: float) -> Answer:
        reader, flight = FlightReader(), _Flight()
        while not flight.done:
            data = self._receive(connection, end)
            if not data:
                return flight.at_end(idle=reader.idle)
            for message in reader.feed(data):
                flight.take(message)
        return flight.answer

    def _receive(self, connection: socket.socket, end: float) -> bytes:
        try:
            connection.settimeout(max(0.001, end - time.monotonic()))
            return connection.recv(16 * 1024)
        except TimeoutError as error:
            host, port = self._where
            raise TimedOut(
                f"{host}:{port}: no complete answer to a ClientHello within {self._seconds:g} s"
            ) from error
        except OSError:  # reset: the server's way to refuse without an alert
            return b""


_CLOSED = "closed without an alert"


class _Flight:
    """Collects the messages of a first flight until everything of interest is there."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.done = False

    def take(self, message: Message) -> None:
        match message:
            case ServerHello():
                self.answer = Answer(hello=message)
                self.done = message.version >= TlsVersion.TLS_1_3
            case Alert() if self.answer.hello is None and message.level == 2:
                self.answer = Answer(refusal=f"alert {message.description}")
                self.done = True
            case CertificateMessage():
                self.answer = Answer(hello=self.answer.hello, chain=message.chain)
                self.done = True
            case OtherMessage(type=kind) if kind in _AFTER_CERTIFICATE:
                self.done = True  # an anonymous suite has no certificate
            case Alert():
                self.done = self.answer.hello is not None

    def at_end(self, *, idle: bool) -> Answer:
        if self.answer.hello is None and not idle:
            raise Garbled("the answer to a ClientHello ends in the middle of a TLS record")
        return self.answer if self.answer.hello else Answer(refusal=_CLOSED)
