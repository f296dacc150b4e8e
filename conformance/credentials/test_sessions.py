"""CRED-010: sessions of the web interface."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive, NotApplicable
from devices.errors import NotOffered
from devices.links.http.identifiers import IdentifierFacts
from devices.links.http.sessions import SessionFacts


@case(
    "CRED-010",
    severity="high",
    needs=("http",),
    catches=("cred-session-counter", "cred-session-survives-logout", "cred-cross-site"),
    applies_to=("http",),
    revision=4,
)
def test_sessions_cannot_be_guessed_kept_or_ridden(web_sessions: SessionFacts, policy: Any) -> None:
    """Web sessions cannot be guessed, fixed, used after logout, or ridden from another site.

    Method: log in several times with one account and compare the identifiers of the sessions; look
    at the attributes of the session cookie; log in with an identifier brought along, and with the
    one that the camera gave before the login, if it does; use a session after its logout; ask for a
    logout with the cookie alone and a foreign Origin, as a page of another site would (by another
    method than a form's only where the camera lets other sites send it).
    Pass: identifiers differ in enough characters for the entropy of the policy "passwords" and do
    not count; the cookie is Secure and HttpOnly; no identifier from before the login is taken; a
    logged-out session is closed; a request from another site is refused, or the cookie is SameSite.
    """
    facts = web_sessions
    if facts.carrier in {"digest", "basic", "query"}:
        raise NotApplicable(
            f"the device file declares {facts.carrier} authentication: there are no sessions"
        )
    if (
        facts.identifiers is None
        or not facts.identifiers.length
        or facts.identifiers.unknown
        or (facts.carrier == "cookie" and not facts.cookies)
    ):
        raise Inconclusive(
            "what carries a session was not found: neither a cookie whose absence closes it, nor "
            "a token at the place that the device file declares",
            "undeclared",
        )
    faults = [*_identifiers(facts.identifiers, policy), *_cookie(facts, policy), *_life(facts)]
    assert not faults, " ".join(faults)
    if facts.live_after_logout is None:
        described = "the device file describes no operation 'logout' under links.http"
        raise NotOffered(facts.no_logout or described)
    same_site = policy("passwords")["sessions"]["same_site"]
    if facts.unsendable and not all(cookie.same_site in same_site for cookie in facts.cookies):
        raise Inconclusive(
            f"{facts.unsendable}, so it does not show whether the rest of the interface can be "
            "ridden from another site; the cookie has no SameSite. Describe a logout by GET or "
            "POST, where there is one",
            "not-measured",
        )


def _identifiers(seen: IdentifierFacts, policy: Any) -> Iterator[str]:
    least = policy("passwords")["sessions"]["min_bits"]
    if seen.distinct < seen.count:
        yield f"{seen.count} sessions had only {seen.distinct} different identifiers."
    if seen.counting:
        yield "Session identifiers are numbers that count up."
    if seen.bits < least:
        yield (
            f"Session identifiers of {seen.length} characters differ in {seen.varying} "
            f"({seen.alphabet}): at most {seen.bits} bits, expected {least} or more."
        )


def _cookie(facts: SessionFacts, policy: Any) -> Iterator[str]:
    for cookie in facts.cookies:
        if not cookie.secure:
            yield f"The session cookie {cookie.name} lacks Secure."
        if not cookie.http_only:
            yield f"The session cookie {cookie.name} lacks HttpOnly."
        same_site = cookie.same_site in policy("passwords")["sessions"]["same_site"]
        if facts.ended_from_elsewhere and not same_site:
            yield (
                f"A request with the cookie {cookie.name} and a foreign Origin is obeyed, and the "
                "cookie has no SameSite: pages of other sites can act with the user's session."
            )


def _life(facts: SessionFacts) -> Iterator[str]:
    if facts.made_up_kept:
        yield "An identifier that the client brought along became the session's."
    if facts.given_kept:
        yield (
            "The identifier that a visitor has before the login is the session's after it: whoever "
            "gave it to a victim shares the session."
        )
    if facts.live_after_logout:
        after = facts.exchanges[-1] if facts.exchanges else None
        where = f" ({after.server})" if after else ""
        yield f"A session still opens closed resources after its logout{where}."
