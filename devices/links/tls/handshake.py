"""One endpoint asked by ClientHellos: each on a connection of its own, the first flight read."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from devices.errors import Garbled, TimedOut, Unreachable
from devices.protocols.cipher_suites import cipher_suites
from devices.protocols.tls.client_hello import ClientHello, ssl2_hello
from devices.protocols.tls.flight import (
    CertificateMessage,
    FlightReader,
    Message,
    OtherMessage,
    ServerHello,
    speaks_ssl2,
)
from devices.protocols.tls.key_exchange import KeyExchange, parse_key_exchange
from devices.protocols.tls.records import Alert
from devices.protocols.tls.registry import Kind, TlsVersion

_ATTEMPTS = 2
_PAUSE = 0.1  # s before a refused or broken connection is tried again
_PATIENCE = 2  # handshakes of one prober that are tried again, with more time
_LONGER = 3  # times the limit
_MANNER = 2  # closings twice over, after which this is how the server refuses: no more pauses
CLOSED = "closed without an alert"


@dataclass(frozen=True)
class Answer:
    """How a server answered one ClientHello: a ServerHello, or why there is none."""

    hello: ServerHello | None = None
    chain: tuple[bytes, ...] = ()
    exchange: KeyExchange | None = None
    refusal: str = ""


class Prober:
    """Sends ClientHellos to one endpoint; ``seconds`` is the limit of each handshake.

    ``connections`` counts those that were opened, or tried to be.
    """

    def __init__(
        self, address: str, port: int, *, server_name: str = "", seconds: float = 4.0
    ) -> None:
        self._where = (address, port)
        self._seconds = seconds
        self.server_name = server_name
        self.connections = 0
        self._closings = 0
        self._is_prompt = False
        self._patience = _PATIENCE

    def offer(self, version: TlsVersion, suites: Sequence[int]) -> Answer:
        """Offer one version and these suites, all else as it is by default; see ``ask``.

        TLS 1.3: any 32 bytes are an X25519 public key (RFC 7748, 5), whose use is never reached.
        """
        shares = {29: os.urandom(32)} if version is TlsVersion.TLS_1_3 else {}
        return self.ask(ClientHello(version, tuple(suites), shares=shares))

    def ask(self, hello: ClientHello) -> Answer:
        """Send one ClientHello and read the first flight.

        A connection that ends without a byte is tried again before it counts as a refusal: a busy
        camera drops connections. One that is late, after others were answered in time, gets more
        time, twice at most. Raises Unreachable, TimedOut, Garbled, NotOffered.
        """
        session = hello.session
        if hello.version is TlsVersion.TLS_1_3 and not session:
            session = os.urandom(32)  # for the sake of middleboxes (RFC 8446, D.4)
        wire = replace(hello, server_name=self.server_name, session=session).record()
        failure: Unreachable | None = None
        answer = Answer()
        for attempt in range(_ATTEMPTS):
            if attempt and (failure is not None or self._closings < _MANNER):
                threading.Event().wait(_PAUSE)
            try:
                answer = self._patient_exchange(wire, hello.session)
            except Unreachable as error:
                failure = error
                continue
            if answer.hello is not None or answer.refusal != CLOSED:
                return answer
        if failure is not None and not answer.refusal:
            raise failure
        self._closings += 1
        return answer

    def speaks_ssl2(self) -> bool:
        """Whether SSL 2.0 is answered in SSL 2.0. Raises Unreachable, TimedOut."""
        end, seen = self.end, b""
        with self.connected() as connection:
            if not _sent(connection, ssl2_hello()):
                return False
            while (told := speaks_ssl2(seen)) is None:
                data = self.receive(connection, end)
                if not data:
                    return False
                seen += data
        return told

    @contextmanager
    def connected(self) -> Iterator[socket.socket]:
        """A connection. Raises Unreachable, TimedOut."""
        host, port = self._where
        self.connections += 1
        try:
            connection = socket.create_connection(self._where, timeout=self._seconds)
        except TimeoutError as error:
            raise TimedOut(f"{host}:{port}: no connection within {self._seconds:g} s") from error
        except OSError as error:
            raise Unreachable(f"{host}:{port}: {error.strerror or error}") from error
        with connection:
            yield connection

    def receive(self, connection: socket.socket, end: float) -> bytes:
        """The next bytes; none when the server closed. Raises TimedOut past ``end``."""
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

    @property
    def end(self) -> float:
        """When a handshake that begins now has to be over (monotonic clock)."""
        return time.monotonic() + self._seconds

    def _patient_exchange(self, wire: bytes, session: bytes) -> Answer:
        try:
            answer = self._exchange(wire, session)
        except TimedOut:
            if not self._is_prompt or not self._patience:
                raise
            self._patience -= 1
            with self._more_time():
                answer = self._exchange(wire, session)
        self._is_prompt = self._is_prompt or answer.hello is not None
        return answer

    @contextmanager
    def _more_time(self) -> Iterator[None]:
        self._seconds *= _LONGER
        try:
            yield
        finally:
            self._seconds /= _LONGER

    def _exchange(self, wire: bytes, session: bytes) -> Answer:
        end = self.end
        with self.connected() as connection:
            if not _sent(connection, wire):
                return Answer(refusal=CLOSED)
            reader, flight = FlightReader(), _Flight(session)
            while not flight.done:
                try:
                    data = self.receive(connection, end)
                except TimedOut:
                    if not flight.answer.chain:
                        raise
                    data = b""  # what was chosen is known; the key exchange is not
                if not data:
                    return flight.at_end(idle=reader.idle)
                for message in reader.feed(data):
                    flight.take(message)
            return flight.answer


def _sent(connection: socket.socket, data: bytes) -> bool:
    try:
        connection.sendall(data)
    except OSError:
        return False
    return True


class _Flight:
    """Collects the messages of a first flight until everything of interest is there.

    A server that names the ``session`` it was offered sends nothing more of interest.
    """

    def __init__(self, session: bytes) -> None:
        self._session = session
        self.answer = Answer()
        self.done = False

    def take(self, message: Message) -> None:
        if self.done:
            return
        match message:
            case ServerHello():
                self.answer = Answer(hello=message)
                resumed = bool(self._session) and message.session == self._session
                self.done = resumed or message.version >= TlsVersion.TLS_1_3
            case Alert() if self.answer.hello is None and message.level == 2:
                self.answer = Answer(refusal=f"alert {message.description}")
                self.done = True
            case CertificateMessage():
                self.answer = replace(self.answer, chain=message.chain)
                suite = cipher_suites().get(hello.suite) if (hello := self.answer.hello) else None
                # What has a key exchange of its own sends it next.
                self.done = suite is None or not suite.forward_secret
            case OtherMessage(type=Kind.SERVER_KEY_EXCHANGE):
                self._take_exchange(message.body)
                self.done = True
            case OtherMessage(type=Kind.SERVER_HELLO_DONE):
                self.done = True
            case Alert():
                self.done = self.answer.hello is not None

    def _take_exchange(self, body: bytes) -> None:
        hello = self.answer.hello
        suite = cipher_suites().get(hello.suite) if hello is not None else None
        if hello is not None and suite is not None:
            found = parse_key_exchange(body, suite, hello.version)
            self.answer = replace(self.answer, exchange=found)

    def at_end(self, *, idle: bool) -> Answer:
        if self.answer.hello is None and not idle:
            raise Garbled("the answer to a ClientHello ends in the middle of a TLS record")
        return self.answer if self.answer.hello else Answer(refusal=CLOSED)
