"""Which versions and cipher suites a TLS server accepts, found by elimination."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from devices.errors import Garbled, LinkError, NotOffered, TimedOut, Unreachable
from devices.links.tls.handshake import Answer
from devices.protocols.cipher_suites import CipherSuite, cipher_suites
from devices.protocols.tls import Extension, ServerHello, TlsVersion

BATCH = 72
"""Suites per ClientHello: old stacks choke on a ClientHello of more than 255 bytes of suites."""

Offer = Callable[[TlsVersion, Sequence[int]], Answer]


@dataclass
class Found:
    """What a scan found; see ``TlsServer`` for the meaning."""

    suites: dict[TlsVersion, list[CipherSuite]] = field(default_factory=dict)
    refusals: dict[TlsVersion, str] = field(default_factory=dict)
    chains: list[tuple[bytes, ...]] = field(default_factory=list)
    hellos: list[ServerHello] = field(default_factory=list)
    shortfalls: list[str] = field(default_factory=list)

    @property
    def compression(self) -> bool:
        """Whether the server ever chose a compression method."""
        return any(hello.compression for hello in self.hellos)

    @property
    def secure_renegotiation(self) -> bool | None:
        """Whether every ServerHello up to TLS 1.2 confirms RFC 5746; None without any."""
        older = [h for h in self.hellos if TlsVersion.TLS_1_0 <= h.version < TlsVersion.TLS_1_3]
        if not older:
            return None
        return all(Extension.RENEGOTIATION_INFO in hello.extensions for hello in older)


def candidates(version: TlsVersion) -> list[int]:
    """The suites that may be negotiated in a version."""
    return [
        suite.code
        for suite in cipher_suites().values()
        if suite.tls13 == (version is TlsVersion.TLS_1_3)
        and (version >= TlsVersion.TLS_1_2 or not suite.needs_tls12)
    ]


def scan(offer: Offer, *, seconds: float = 90.0) -> Found:
    """Offer every version and suite; ``seconds`` bounds the whole scan.

    Raises what the first handshake raises when no handshake at all is answered (Unreachable,
    TimedOut, Garbled, NotOffered); what fails later becomes a shortfall.
    """
    found = Found()
    end = time.monotonic() + seconds
    answered, failure = False, None
    for version in sorted(TlsVersion, reverse=True):
        try:
            _scan_version(offer, version, found, end)
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


def _scan_version(offer: Offer, version: TlsVersion, found: Found, end: float) -> None:
    remaining = candidates(version)
    batches = [remaining[i : i + BATCH] for i in range(0, len(remaining), BATCH)]
    for batch in batches:
        while batch:
            if time.monotonic() > end:
                raise TimedOut("the time for this scan is over")
            answer = offer(version, batch)
            hello = answer.hello
            if hello is None or hello.version != version:
                found.refusals.setdefault(version, _refusal(answer))
                break
            if hello.suite not in batch:
                raise Garbled(
                    f"the server chose suite {hello.suite:#06x}, which it was not offered"
                )
            batch.remove(hello.suite)
            _note(found, version, hello, answer.chain)
        if version not in found.suites and _speaks_another(answer):
            return
    if version in found.suites:
        found.refusals.pop(version, None)


def _note(found: Found, version: TlsVersion, hello: ServerHello, chain: tuple[bytes, ...]) -> None:
    found.suites.setdefault(version, []).append(cipher_suites()[hello.suite])
    found.hellos.append(hello)
    if chain and chain not in found.chains:
        found.chains.append(chain)


def _refusal(answer: Answer) -> str:
    if answer.hello is not None:
        return f"answered with version {answer.hello.version:#06x}"
    return answer.refusal


def _speaks_another(answer: Answer) -> bool:
    """Whether the refusal is about the version, so that other suites need not be tried."""
    return answer.hello is not None or answer.refusal == "alert protocol_version"


def explain(error: LinkError) -> str:
    """One line about a failed endpoint."""
    return f"{error.cause}: {error}"
