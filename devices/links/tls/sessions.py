"""What takes a whole handshake to find out: what is encrypted, tickets, renegotiation.

The handshakes are the suite's own (``devices.protocols.tls``): the ssl module can neither begin a
renegotiation nor tell what a ticket allows.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from devices.errors import LinkError, NotOffered, TimedOut
from devices.links.tls.elimination import eliminate
from devices.links.tls.handshake import CLOSED, Prober
from devices.links.tls.key_agreement import LEGACY_HASHES
from devices.links.tls.scan import Found, explain
from devices.protocols.tls.agreement import COMPUTED
from devices.protocols.tls.client_hello import ClientHello
from devices.protocols.tls.registry import TlsVersion, scheme_name, schemes
from devices.protocols.tls.session import Session, SessionFacts, computed
from devices.protocols.tls.session12 import Session12
from devices.protocols.tls.session13 import Session13

_SILENT = 1.5  # s after which a renegotiation that nothing answers counts as not begun
_ACCEPTED = "a second handshake began"
_IGNORED = "not answered"
_R = TypeVar("_R")
_S = TypeVar("_S", bound=Session)


@dataclass(frozen=True)
class SessionFindings:
    """What complete handshakes told of one server; None: not measured, or no such version.

    ``renegotiation``: how a handshake that the client begins inside a TLS 1.2 session was met;
    ``renegotiates``: whether the server took part in it. ``early_data``: most bytes of 0-RTT data
    that a TLS 1.3 ticket allows; 0 when no ticket allows any. ``tickets``: by version label.
    ``resumes``: whether a TLS 1.2 session can be taken up again (by identifier or ticket).
    ``signatures13``: names of signature schemes in TLS 1.3, the old ones to the end.
    """

    chain: tuple[bytes, ...] = ()
    renegotiates: bool | None = None
    renegotiation: str = ""
    early_data: int | None = None
    tickets: Mapping[str, int] = field(default_factory=dict)
    resumes: bool | None = None
    signatures13: tuple[str, ...] = ()
    alpn: str = ""
    stapled: bool | None = None
    unmeasured: tuple[str, ...] = ()


class SessionProbe:
    """Carries handshakes with one server to the end."""

    def __init__(self, prober: Prober, found: Found, protocols: tuple[str, ...]) -> None:
        self._prober, self._found, self._protocols = prober, found, protocols
        self._unmeasured: list[str] = []
        self._met = ""

    def run(self) -> SessionFindings:
        """Everything of ``SessionFindings``."""
        newer = self._attempt(TlsVersion.TLS_1_3, self._newer)
        signed = self._attempt(TlsVersion.TLS_1_3, self._signatures13, "signatures of ")
        older = self._attempt(TlsVersion.TLS_1_2, self._older)
        facts = newer or older or SessionFacts()
        resumes = None
        if older is not None:
            resumes = self._attempt(TlsVersion.TLS_1_2, lambda: self._resumes(older))
            # The last: some servers take it ill.
            self._attempt(TlsVersion.TLS_1_2, self._begin_again)
        return SessionFindings(
            chain=facts.chain,
            renegotiates=None if not self._met else self._met == _ACCEPTED,
            renegotiation=self._met,
            early_data=newer.early_data if newer is not None else None,
            tickets={
                version.label: each.tickets
                for version, each in ((TlsVersion.TLS_1_2, older), (TlsVersion.TLS_1_3, newer))
                if each is not None
            },
            resumes=resumes,
            signatures13=signed or (),
            alpn=facts.alpn,
            stapled=facts.stapled if facts.chain else None,
            unmeasured=tuple(self._unmeasured),
        )

    def _attempt(self, version: TlsVersion, measure: Callable[[], _R], what: str = "") -> _R | None:
        if version not in self._found.suites:
            return None
        try:
            return measure()
        except LinkError as error:
            self._unmeasured.append(f"{what}{version.label}: {explain(error)}")
            return None

    def _newer(self) -> SessionFacts:
        """TLS 1.3: tickets come after the handshake, so the session is closed and read out."""
        session = self._connect(Session13(self._hello(TlsVersion.TLS_1_3)), _read_out)
        return session.facts

    def _older(self) -> SessionFacts:
        return self._connect(Session12(self._hello(TlsVersion.TLS_1_2))).facts

    def _begin_again(self) -> None:
        self._connect(Session12(self._hello(TlsVersion.TLS_1_2)), self._renegotiate)

    def _hello(
        self, version: TlsVersion, signatures: tuple[int, ...] = (), session: bytes = b""
    ) -> ClientHello:
        suites = computed(tuple(suite.code for suite in self._found.suites[version]))
        if not suites:
            raise NotOffered("no suite is accepted that a handshake is carried to the end with")
        return ClientHello(
            version,
            suites,
            server_name=self._prober.server_name,
            groups=COMPUTED,
            signatures=signatures,
            session=session or os.urandom(32) if version is TlsVersion.TLS_1_3 else session,
            alpn=self._protocols,
            staple=True,
        )

    def _connect(self, session: _S, after: Callable[[_Connection, _S], None] | None = None) -> _S:
        """Carry a session on until it is established, then do something with it."""
        end = self._prober.end
        with self._prober.connected() as plain:
            connection = _Connection(self._prober, plain)
            connection.send(session.start())
            while not session.established:
                if session.over or not connection.turn(session, end):
                    raise NotOffered(f"the handshake was not completed: {_how(session)}")
            if after is not None:
                after(connection, session)
        return session

    def _renegotiate(self, connection: _Connection, session: Session12) -> None:
        connection.send(session.renegotiate())
        end = min(self._prober.end, time.monotonic() + _SILENT)
        try:
            while not (session.renegotiated or session.over or session.alert):
                if not connection.turn(session, end):
                    break
        except TimedOut:
            self._met = _IGNORED
            return
        self._met = _ACCEPTED if session.renegotiated else _how(session)

    def _resumes(self, before: SessionFacts) -> bool:
        """Whether the server takes up the session again: then it names the same identifier."""
        if not before.session and not before.ticket:
            return False
        name = before.session or os.urandom(32)
        hello = replace(
            self._hello(TlsVersion.TLS_1_2, session=name),
            ticket=before.ticket,
            encrypt_then_mac=False,
        )
        answer = self._prober.ask(hello)
        return answer.hello is not None and answer.hello.session == name

    def _signatures13(self) -> tuple[str, ...]:
        """The scheme chosen of all, then each old one that is accepted when it is offered alone."""
        old = [code for code, scheme in schemes().items() if scheme.hash in LEGACY_HASHES]
        new = [code for code in schemes() if code not in old]
        found = eliminate(self._signed13, new, 1)
        found.add(eliminate(self._signed13, old))
        return tuple(scheme_name(code) for code in found.found)

    def _signed13(self, offered: Sequence[int]) -> int | None:
        session = Session13(self._hello(TlsVersion.TLS_1_3, tuple(offered)))
        try:
            return self._connect(session).facts.scheme
        except NotOffered:
            return None


class _Connection:
    """A session on a socket."""

    def __init__(self, prober: Prober, plain: socket.socket) -> None:
        self._prober, self._plain = prober, plain

    def send(self, data: bytes) -> None:
        """Send, if the server still takes it; what it says is read in any case."""
        with contextlib.suppress(OSError):
            self._plain.sendall(data)

    def turn(self, session: Session, end: float) -> bool:
        """Read once and answer; False when the server closed. Raises TimedOut, Garbled."""
        data = self._prober.receive(self._plain, end)
        if data:
            self.send(session.feed(data))
        return bool(data)


def _read_out(connection: _Connection, session: Session) -> None:
    """Close a session and read what was under way, tickets above all."""
    connection.send(session.close())
    end = time.monotonic() + _SILENT
    with contextlib.suppress(TimedOut):
        while not session.closed and connection.turn(session, end):
            continue


def _how(session: Session) -> str:
    if session.alert is not None:
        return f"alert {session.alert.description}"
    return CLOSED
