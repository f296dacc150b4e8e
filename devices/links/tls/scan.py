"""Which versions and cipher suites a TLS server accepts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from devices.errors import Garbled, LinkError, NotOffered, TimedOut, Unreachable
from devices.links.tls.elimination import eliminate
from devices.links.tls.handshake import Answer
from devices.protocols.cipher_suites import CipherSuite, cipher_suites
from devices.protocols.tls.flight import ServerHello
from devices.protocols.tls.key_exchange import KeyExchange
from devices.protocols.tls.registry import Extension, TlsVersion

BATCH = 72
"""Suites per ClientHello: old stacks choke on a ClientHello of more than 255 bytes of suites."""

EACH_WEAK, EACH_BROKEN = 2, 1
"""Of how many suites of a weak class the rest is left unasked, unless everything is asked for."""

Offer = Callable[[TlsVersion, Sequence[int]], Answer]

VERSIONS = tuple(sorted(set(TlsVersion) - {TlsVersion.SSL_2_0}, reverse=True))
"""The versions that a ClientHello of SSL 3.0 or later can offer, newest first."""


@dataclass
class Found:
    """What a scan found; see ``TlsServer`` for the meaning.

    ``unlisted``: versions of which more suites may be accepted than were asked for.
    ``exchanges``: the server's key exchanges up to TLS 1.2, by version.
    """

    suites: dict[TlsVersion, list[CipherSuite]] = field(default_factory=dict)
    refusals: dict[TlsVersion, str] = field(default_factory=dict)
    chains: list[tuple[bytes, ...]] = field(default_factory=list)
    hellos: list[ServerHello] = field(default_factory=list)
    exchanges: list[tuple[int, KeyExchange]] = field(default_factory=list)
    unlisted: set[TlsVersion] = field(default_factory=set)
    shortfalls: list[str] = field(default_factory=list)

    @property
    def compression(self) -> bool:
        """Whether the server ever chose a compression method."""
        return any(hello.compression for hello in self.hellos)

    @property
    def secure_renegotiation(self) -> bool | None:
        """Whether every ServerHello up to TLS 1.2 confirms RFC 5746; None without any."""
        return self._everywhere(Extension.RENEGOTIATION_INFO)

    @property
    def extended_master_secret(self) -> bool | None:
        """Whether every ServerHello up to TLS 1.2 confirms RFC 7627; None without any."""
        return self._everywhere(Extension.EXTENDED_MASTER_SECRET)

    @property
    def older_hellos(self) -> list[ServerHello]:
        """Those of TLS 1.0 to 1.2."""
        return [h for h in self.hellos if TlsVersion.TLS_1_0 <= h.version < TlsVersion.TLS_1_3]

    def _everywhere(self, extension: Extension) -> bool | None:
        if not self.older_hellos:
            return None
        return all(extension in hello.extensions for hello in self.older_hellos)


def candidates(version: TlsVersion) -> list[int]:
    """The suites that may be negotiated in a version."""
    return [
        suite.code
        for suite in cipher_suites().values()
        if suite.tls13 == (version is TlsVersion.TLS_1_3)
        and (version >= TlsVersion.TLS_1_2 or not suite.needs_tls12)
    ]


def scan(offer: Offer, *, seconds: float = 90.0, every: bool = False) -> Found:
    """Offer every version and suite; ``seconds`` bounds the whole scan.

    Of suites without forward secrecy or without authenticated encryption a few of each class are
    listed, and of versions before TLS 1.2 one or two: hundreds of connections would not tell more.
    ``every`` lists them all. Raises what the first handshake raises when no handshake at all is
    answered (Unreachable, TimedOut, Garbled, NotOffered); what fails later becomes a shortfall.
    """
    found = Found()
    end = time.monotonic() + seconds
    answered, failure = False, None
    for version in VERSIONS:
        try:
            _Version(offer, version, found, end).run(every=every)
            answered = True
        except (NotOffered, Garbled, Unreachable, TimedOut) as error:
            failure = failure or error
            if isinstance(error, NotOffered | Unreachable) and not answered:
                raise
            found.refusals[version] = str(error)
            found.shortfalls.append(f"{version.label} could not be tried to the end: {error}")
    if not answered and failure is not None:
        raise failure
    return found


class _Version:
    """One version of one server."""

    def __init__(self, offer: Offer, version: TlsVersion, found: Found, end: float) -> None:
        self._offer, self._version, self._found, self._end = offer, version, found, end
        self._other = False

    def run(self, *, every: bool) -> None:
        version, found = self._version, self._found
        limit = _ALL if version >= TlsVersion.TLS_1_2 else 1
        for suites, few in _batches(version):
            if not every and version < TlsVersion.TLS_1_2 and version in found.suites:
                found.unlisted.add(version)
                break
            choices = eliminate(self._choose, suites, _ALL if every else min(few, limit))
            if not choices.complete:
                found.unlisted.add(version)
            if version not in found.suites and self._other:
                return
        if version in found.suites:
            found.refusals.pop(version, None)

    def _choose(self, suites: Sequence[int]) -> int | None:
        if time.monotonic() > self._end:
            raise TimedOut("the time for this scan is over")
        answer = self._offer(self._version, suites)
        hello = answer.hello
        if hello is None or hello.version != self._version:
            # Refused for its version, not for its suites: others need not be tried.
            self._other = hello is not None or answer.refusal == "alert protocol_version"
            self._found.refusals.setdefault(self._version, _refusal(answer))
            return None
        if hello.suite not in suites:
            raise Garbled(f"the server chose suite {hello.suite:#06x}, which it was not offered")
        self._note(hello, answer)
        return hello.suite

    def _note(self, hello: ServerHello, answer: Answer) -> None:
        found = self._found
        found.suites.setdefault(self._version, []).append(cipher_suites()[hello.suite])
        found.hellos.append(hello)
        if answer.chain and answer.chain not in found.chains:
            found.chains.append(answer.chain)
        if answer.exchange is not None:
            found.exchanges.append((self._version, answer.exchange))


def _batches(version: TlsVersion) -> Iterator[tuple[list[int], int]]:
    """Suites to offer together, and how many of them to list: the strong ones first.

    One class is offered at a time, so that a server which prefers one class shows the others.
    """
    classes: dict[int, list[int]] = {}
    for code in candidates(version):
        number = _class(cipher_suites()[code])
        if version < TlsVersion.TLS_1_2:
            number = max(number, _WEAK)  # none is strong: two batches do
        classes.setdefault(number, []).append(code)
    for number in sorted(classes):
        of_class = classes[number]
        for start in range(0, len(of_class), BATCH):
            yield of_class[start : start + BATCH], _listed(number)


_ALL = 1000
_WEAK_12, _WEAK, _BROKEN = 2, 4, 5


def _listed(number: int) -> int:
    if number < _WEAK_12:
        return _ALL
    return EACH_BROKEN if number == _BROKEN else EACH_WEAK


def _class(suite: CipherSuite) -> int:
    if not suite.authenticated or "EXPORT" in suite.key_exchange or suite.broken:
        return _BROKEN
    elliptic = suite.tls13 or suite.key_exchange.startswith("ECDHE")
    if suite.aead and suite.forward_secret:
        return 0 if elliptic else 1
    if elliptic:
        return _WEAK_12
    return _WEAK_12 + 1 if suite.forward_secret else _WEAK


def _refusal(answer: Answer) -> str:
    if answer.hello is not None:
        return f"answered with version {answer.hello.version:#06x}"
    return answer.refusal


def explain(error: LinkError) -> str:
    """One line about a failed endpoint."""
    return f"{error.cause}: {error}"
