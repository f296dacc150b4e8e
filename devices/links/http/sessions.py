"""Sessions of a web interface: how their identifiers are made, and when they end."""

from __future__ import annotations

import math
import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from devices.errors import NotOffered
from devices.links.http.client import HttpClient, filled
from devices.links.http.exchange import Exchange
from devices.links.http.link import HttpLink
from devices.observation import Observation

LOGINS = 6
"""Logins whose identifiers are compared."""

MAX_STEP = 1000
"""Largest step between two identifiers, read as numbers, that counts as counting."""

_ALPHABETS = (
    ("digits", string.digits),
    ("hexadecimal", string.digits + "abcdef"),
    ("hexadecimal", string.digits + "ABCDEF"),
    ("base64url", string.ascii_letters + string.digits + "-_="),
    ("base64", string.ascii_letters + string.digits + "+/="),
)


@dataclass(frozen=True)
class IdentifierFacts:
    """What a series of session identifiers has in common; never an identifier itself.

    ``varying`` counts the character positions that differ between any two of them; ``bits`` is
    the most that these positions can hold in the alphabet seen: an upper bound of the entropy.
    ``counting``: read as numbers, each is the one before plus the same small step.
    """

    count: int
    distinct: int
    length: int
    alphabet: str
    varying: int
    bits: float
    counting: bool


@dataclass(frozen=True, kw_only=True)
class CookieFacts(Observation):
    """One cookie that a login sets, by its attributes (RFC 6265)."""

    name: str
    secure: bool
    http_only: bool
    same_site: str


@dataclass(frozen=True, kw_only=True)
class SessionFacts(Observation):
    """How the sessions of one account behave.

    ``carrier``: ``cookie`` or ``token``; ``digest`` or ``basic`` where every request carries the
    login itself and there are no sessions. ``made_up_kept``: an identifier that a client brought
    along before it logged in became the session's (session fixation). ``live_after_logout`` is
    None when the device file describes no logout. ``ended_from_elsewhere``: a log-out that a page
    of another site could have caused (foreign Origin, no token) was carried out; None where that
    does not apply, for a token does not travel by itself.
    """

    carrier: str
    identifiers: IdentifierFacts | None = None
    cookies: tuple[CookieFacts, ...] = ()
    made_up_kept: bool = False
    live_after_logout: bool | None = None
    ended_from_elsewhere: bool | None = None
    exchanges: tuple[Exchange, ...] = ()


def survey_sessions(link: HttpLink, account: str, username: str, password: str) -> SessionFacts:
    """Log in several times with one account, and out; ends every session it began.

    Cameras with one session for each account end the older ones by the next login. So whatever
    has to do with a living session is asked in a fresh one. Raises LoginRefused, NotOffered, and
    other link errors.
    """
    if link.description.authentication != "session":
        return SessionFacts(carrier=link.description.authentication)
    clients: list[HttpClient] = []
    try:
        clients += [link.account(account) for _ in range(LOGINS)]
        attempt, last = link.log_in(username, password)
        clients.append(last)
        if not link.gate().opened_by(last.request("GET", link.gate().target)):
            raise NotOffered(
                "the newest of several sessions is not alive: sessions cannot be compared"
            )
        name = session_cookie(link, last)
        exchanges = [attempt.answer]
        facts = SessionFacts(
            carrier="cookie" if name else "token",
            identifiers=identifier_facts([_identifier(client, name) for client in clients]),
            cookies=tuple(c for c in cookie_facts(attempt.answer) if c.name == name),
            made_up_kept=bool(name) and _fixation(link, name, username, password, exchanges),
            live_after_logout=_after_logout(link, account, exchanges),
            ended_from_elsewhere=_from_elsewhere(link, account, exchanges) if name else None,
        )
        return replace(facts, exchanges=tuple(exchanges))
    finally:
        for client in clients:
            link.leave(client)


def identifier_facts(identifiers: Sequence[str]) -> IdentifierFacts:
    """Compare identifiers of consecutive sessions."""
    length = max((len(i) for i in identifiers), default=0)
    padded = [identifier.rjust(length) for identifier in identifiers]
    varying = sum(len(set(column)) > 1 for column in zip(*padded, strict=True))
    name, size = _alphabet("".join(identifiers))
    return IdentifierFacts(
        count=len(identifiers),
        distinct=len(set(identifiers)),
        length=length,
        alphabet=name,
        varying=varying,
        bits=round(varying * math.log2(size), 1),
        counting=_counting(identifiers),
    )


def cookie_facts(answer: Exchange) -> list[CookieFacts]:
    """The attributes of every cookie that an answer sets."""
    found: list[CookieFacts] = []
    for value in answer.all_headers("Set-Cookie"):
        pair, *attributes = (part.strip() for part in value.split(";"))
        named = {
            key.strip().lower(): text for key, _, text in (a.partition("=") for a in attributes)
        }
        found.append(
            CookieFacts(
                name=pair.partition("=")[0].strip(),
                secure="secure" in named,
                http_only="httponly" in named,
                same_site=named.get("samesite", "").strip().lower(),
            )
        )
    return found


def _alphabet(text: str) -> tuple[str, int]:
    for name, characters in _ALPHABETS:
        if set(text) <= set(characters):
            return name, len(characters)
    return "other", max(2, len(set(text)))


def _counting(identifiers: Sequence[str]) -> bool:
    """Whether the identifiers are numbers that rise by small steps."""
    for base in (10, 16):
        try:
            numbers = [int(identifier, base) for identifier in identifiers]
        except ValueError:
            continue
        steps = {after - before for before, after in pairwise(numbers)}
        if steps and all(0 < abs(step) <= MAX_STEP for step in steps):
            return True
    return False


def session_cookie(link: HttpLink, client: HttpClient) -> str:
    """The cookie without which the gate stays closed; empty when a token carries the session."""
    gate = link.gate()
    for name in client.cookies:
        others = {key: value for key, value in client.cookies.items() if key != name}
        answer = client.request("GET", gate.target, headers={"Cookie": _cookie_header(others)})
        if not gate.opened_by(answer):
            return name
    return ""


def _identifier(client: HttpClient, cookie: str) -> str:
    return client.cookies.get(cookie, "") if cookie else client.token


def _fixation(
    link: HttpLink, name: str, username: str, password: str, exchanges: list[Exchange]
) -> bool:
    """Log in with a made-up identifier; true when it then is the session's."""
    client, brought = link.anonymous(), {"Cookie": f"{name}={secrets.token_hex(16)}"}
    call = filled(link.operation("login"), link.login_values(client, username, password))
    exchanges.append(
        client.request(
            call.method, call.target, headers={**call.headers, **brought}, body=call.body
        )
    )
    client.sender = username
    exchanges.append(client.request("GET", link.gate().target, headers=brought))
    link.leave(client)
    return link.gate().opened_by(exchanges[-1])


def _after_logout(link: HttpLink, account: str, exchanges: list[Exchange]) -> bool | None:
    if not link.offers("logout"):
        return None
    client = link.account(account)
    kept = {"Cookie": _cookie_header(client.cookies)}
    exchanges.append(link.perform(client, "logout"))
    exchanges.append(client.request("GET", link.gate().target, headers=kept))
    link.leave(client)
    return link.gate().opened_by(exchanges[-1])


def _from_elsewhere(link: HttpLink, account: str, exchanges: list[Exchange]) -> bool | None:
    """Log out as a page of another site would: the cookie goes along, the token does not."""
    if not link.offers("logout"):
        return None
    client = link.account(account)
    kept = {"Cookie": _cookie_header(client.cookies)}
    call, stranger = filled(link.operation("logout"), {}), link.anonymous()
    foreign = {"Origin": "https://elsewhere.example", "Referer": "https://elsewhere.example/"}
    exchanges.append(
        stranger.request(
            call.method, call.target, headers={**call.headers, **kept, **foreign}, body=call.body
        )
    )
    stranger.close()
    exchanges.append(client.request("GET", link.gate().target, headers=kept))
    link.leave(client)
    return not link.gate().opened_by(exchanges[-1])


def _cookie_header(cookies: Mapping[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())
