"""What a server does against being talked down to an older version."""

from __future__ import annotations

from dataclasses import dataclass

from devices.errors import LinkError
from devices.links.tls.handshake import Answer, Prober
from devices.links.tls.scan import Found, explain
from devices.protocols.tls.client_hello import ClientHello
from devices.protocols.tls.registry import FALLBACK_SCSV, TlsVersion


@dataclass(frozen=True)
class DowngradeProtection:
    """Facts about a downgrade; None where there is no older version to be talked down to.

    ``fallback_refused``: whether a client that says that it fell back (RFC 7507) is refused, for
    the newest version below the best, by label of that version. ``sentinel``: whether every random
    of an older version says that the server could do TLS 1.3 (RFC 8446, 4.1.3); None without 1.3.
    """

    fallback: str = ""
    fallback_refused: bool | None = None
    fallback_answer: str = ""
    sentinel: bool | None = None
    unmeasured: tuple[str, ...] = ()


def downgrade_protection(prober: Prober, found: Found) -> DowngradeProtection:
    """Look at the answers that came, and fall back once."""
    sentinel = None
    if TlsVersion.TLS_1_3 in found.suites and found.older_hellos:
        sentinel = all(hello.sentinel for hello in found.older_hellos)
    versions = sorted((v for v in found.suites if v > TlsVersion.SSL_2_0), reverse=True)
    if len(versions) < 2:
        return DowngradeProtection(sentinel=sentinel)
    lower = versions[1]
    suites = tuple(suite.code for suite in found.suites[lower])
    try:
        answer = prober.ask(ClientHello(lower, (*suites, FALLBACK_SCSV)))
    except LinkError as error:
        why = f"fallback to {lower.label}: {explain(error)}"
        return DowngradeProtection(sentinel=sentinel, unmeasured=(why,))
    return DowngradeProtection(
        fallback=lower.label,
        fallback_refused=answer.hello is None,
        fallback_answer=_described(answer),
        sentinel=sentinel,
    )


def _described(answer: Answer) -> str:
    return answer.refusal or "a ServerHello"
