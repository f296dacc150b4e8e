"""Which versions and cipher suites a TLS server accepts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from devices.errors import Garbled, LinkError, NotOffered, TimedOut, Unreachable
from devices.links.tls.elimination import eliminate
from devices.links.tls.handshake import CLOSED, Answer
from devices.links.tls.suite_packets import ALL, packets
from devices.protocols.cipher_suites import CipherSuite, cipher_suites
from devices.protocols.tls.flight import ServerHello
from devices.protocols.tls.key_exchange import KeyExchange
from devices.protocols.tls.registry import Extension, TlsVersion

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


def scan(offer: Offer, *, seconds: float = 90.0, every: bool = False) -> Found:
    """Offer every version and suite; ``seconds`` bounds the whole scan.

    Of suites without forward secrecy or without authenticated encryption a few of each class are
    listed, and of versions before TLS 1.2 one alone: hundreds of connections would not tell more.
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
    if not found.suites and set(found.refusals.values()) == {CLOSED}:
        found.shortfalls.append("every connection was closed without a word of TLS")
    return found


class _Version:
    """One version of one server."""

    def __init__(self, offer: Offer, version: TlsVersion, found: Found, end: float) -> None:
        self._offer, self._version, self._found, self._end = offer, version, found, end
        self._other = self._closed = False

    def run(self, *, every: bool) -> None:
        version, found = self._version, self._found
        old = version < TlsVersion.TLS_1_2 and not every
        for packet in packets(version):
            together = [code for suites, _ in packet for code in suites]
            refused = (old or len(packet) > 1) and self._choose(together) is None
            if old and version in found.suites:
                found.unlisted.add(version)
                break
            for suites, few in () if refused else packet:
                choices = eliminate(self._choose, suites, ALL if every else few)
                if not choices.complete:
                    found.unlisted.add(version)
            if version not in found.suites and self._other:
                break
        if version in found.suites:
            found.refusals.pop(version, None)
        if self._closed:
            self._check_still_there()

    def _check_still_there(self) -> None:
        """A closed connection is a refusal only while the server takes what it took before.

        Many cameras stop answering an address that opens connection after connection.
        """
        found = self._found
        if not found.suites:
            return
        known = max(found.suites)
        answer = self._offer(known, [suite.code for suite in found.suites[known]])
        if answer.hello is None:
            found.shortfalls.append(
                f"{self._version.label} could not be tried to the end: the server closes what it "
                f"took before as well ({known.label}: {_refusal(answer)})"
            )

    def _choose(self, suites: Sequence[int]) -> int | None:
        if time.monotonic() > self._end:
            raise TimedOut("the time for this scan is over")
        answer = self._offer(self._version, suites)
        hello = answer.hello
        self._closed = self._closed or (hello is None and answer.refusal == CLOSED)
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
        found, suite = self._found, cipher_suites()[hello.suite]
        suites = found.suites.setdefault(self._version, [])
        if suite not in suites:  # else it was offered in another company
            suites.append(suite)
        found.hellos.append(hello)
        if answer.chain and answer.chain not in found.chains:
            found.chains.append(answer.chain)
        if answer.exchange is not None:
            found.exchanges.append((self._version, answer.exchange))


def _refusal(answer: Answer) -> str:
    if answer.hello is not None:
        return f"answered with version {answer.hello.version:#06x}"
    return answer.refusal


def explain(error: LinkError) -> str:
    """One line about a failed endpoint."""
    return f"{error.cause}: {error}"
