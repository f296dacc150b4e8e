"""Sessions of a web interface: what carries them, and when they end."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from devices.errors import LinkError, LoginRefused, NotOffered
from devices.links.http.client import HttpClient, filled
from devices.links.http.cookies import CookieFacts, cookie_facts
from devices.links.http.cross_site import CrossSite, by_another_site, cookie_header
from devices.links.http.exchange import Exchange
from devices.links.http.identifiers import IdentifierFacts, identifier_facts
from devices.links.http.link import HttpLink
from devices.links.http.logins import take_csrf
from devices.links.http.refusals import why_undone
from devices.observation import Observation

LOGINS = 6
"""Logins whose identifiers are compared."""


@dataclass(frozen=True, kw_only=True)
class SessionFacts(Observation):
    """How the sessions of one account behave.

    ``carrier``: ``cookie`` or ``token``; ``digest`` or ``basic`` where every request carries the
    login itself and there are no sessions. ``made_up_kept``: an identifier that a client brought
    along before it logged in became the session's, ``given_kept``: one that the camera gave it
    before (session fixation). ``live_after_logout`` is None when the device file describes no
    logout, or one that ``no_logout`` says why it seems to be none. ``ended_from_elsewhere``: a
    log-out that a page of another site could have caused (foreign Origin, no token) was carried
    out; None where that does not apply, for a token does not travel by itself, and where
    ``unsendable`` says why no such page can send it.
    """

    carrier: str
    identifiers: IdentifierFacts | None = None
    cookies: tuple[CookieFacts, ...] = ()
    made_up_kept: bool = False
    given_kept: bool = False
    live_after_logout: bool | None = None
    no_logout: str = ""
    ended_from_elsewhere: bool | None = None
    unsendable: str = ""
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
        marks = _several(link, account, clients)
        while clients:  # a camera has room for so many
            link.leave(clients.pop())
        attempt, last = link.log_in(username, password)
        clients.append(last)
        if not link.gate().opened_by(last.request("GET", link.gate().target)):
            raise NotOffered(
                "the newest of several sessions is not alive: sessions cannot be compared"
            )
        name = session_cookie(link, last)
        marks.append(Marks(last.cookies, last.token))
        exchanges = [attempt.answer]
        ridden = by_another_site(link, account) if name else CrossSite()
        kept = bool(name) and _fixation(link, name, username, password, exchanges)
        given = bool(name) and _given_before(link, name, username, password)
        alive, why = _after_logout(link, account, exchanges)
        facts = SessionFacts(
            carrier="cookie" if name else "token",
            identifiers=identifier_facts([each.carrier(name, last.cookies) for each in marks]),
            cookies=tuple(
                cookie
                for cookie in cookie_facts(last.set_by.get(name, attempt.answer))
                if cookie.name == name
            ),
            made_up_kept=kept,
            given_kept=given,
            live_after_logout=alive,
            no_logout=why,
            ended_from_elsewhere=ridden.ended,
            unsendable=ridden.unsendable,
        )
        return replace(facts, exchanges=(*exchanges, *ridden.exchanges))
    finally:
        for client in clients:
            link.leave(client)


@dataclass(frozen=True)
class Marks:
    """What carried one session, as it was just after the login."""

    cookies: Mapping[str, str]
    token: str

    def carrier(self, name: str, known: Mapping[str, str]) -> str:
        """The value of the cookie ``name``, or the token where that is empty.

        ``known`` are the cookies of the session that ``name`` is of: a camera that names the
        cookie anew each time has one here that is not among those.
        """
        if not name or name in self.cookies:
            return self.cookies.get(name, "") if name else self.token
        others = [value for key, value in self.cookies.items() if key not in known]
        return others[0] if len(others) == 1 else ""


def _several(link: HttpLink, account: str, clients: list[HttpClient]) -> list[Marks]:
    """Log in several times; where a camera has room for fewer sessions, the first ones leave."""
    marks: list[Marks] = []
    while len(marks) < LOGINS:
        try:
            client = link.account(account)
        except LoginRefused as error:
            if not clients:
                raise _no_room(link, len(marks), error) from error
            while clients:
                link.leave(clients.pop())
            continue
        clients.append(client)
        marks.append(Marks(client.cookies, client.token))
    return marks


def _no_room(link: HttpLink, had: int, error: LoginRefused) -> LoginRefused:
    if not had:
        return error
    why = "" if link.offers("logout") else ": describe the operation logout, or sessions pile up"
    return LoginRefused(f"after {had} logins no further one is taken{why}; {error}")


def session_cookie(link: HttpLink, client: HttpClient) -> str:
    """The cookie without which the gate stays closed; empty when a token carries the session.

    Of several the longest, as names of users and roles travel in cookies too. Where the cookies
    alone open the gate, a token beside them carries nothing.
    """
    gate, token = link.gate(), link.description.token
    bare: dict[str, str] = {}
    if token is not None and token.query is None and client.cookies:
        alone = {token.header: ""}
        if gate.opened_by(client.request("GET", gate.target, headers=alone)):
            bare = alone
    needed: list[str] = []
    for name in client.cookies:
        others = {key: value for key, value in client.cookies.items() if key != name}
        headers = {"Cookie": cookie_header(others), **bare}
        if not gate.opened_by(client.request("GET", gate.target, headers=headers)):
            needed.append(name)
    return max(needed, key=lambda name: len(client.cookies.get(name, "")), default="")


def _fixation(
    link: HttpLink, name: str, username: str, password: str, exchanges: list[Exchange]
) -> bool:
    """Log in with a made-up identifier; true when it then is the session's."""
    client, brought = link.anonymous(), {"Cookie": f"{name}={secrets.token_hex(16)}"}
    values = link.login_values(client, username, password)
    call = filled(link.operation("login"), client.values | values)
    exchanges.append(
        client.request(
            call.method, call.target, headers={**call.headers, **brought}, body=call.body
        )
    )
    client.sender = username
    exchanges.append(client.request("GET", link.gate().target, headers=brought))
    if link.description.csrf is not None and link.done("login", exchanges[-2]):
        take_csrf(client, link.description.csrf, exchanges[-2])  # to be able to log out
    link.leave(client)
    return link.gate().opened_by(exchanges[-1])


def _given_before(link: HttpLink, name: str, username: str, password: str) -> bool:
    """Whether the identifier that a visitor gets, with the page or the login's first step, stays.

    Whoever gets a victim to log in with an identifier of his own then shares the session.
    """
    client = link.anonymous()
    try:
        with suppress(LinkError):
            client.request("GET", "/")
        link.login_values(client, username, password)
        given = client.cookies.get(name, "")
        link.sign_in(client, username, password)
        if not given or client.cookies.get(name) != given:
            return False
        return link.gate().opened_by(client.request("GET", link.gate().target))
    finally:
        link.leave(client)


def _after_logout(
    link: HttpLink, account: str, exchanges: list[Exchange]
) -> tuple[bool | None, str]:
    """Whether a session outlives its logout, or why that could not be tried."""
    if not link.offers("logout"):
        return None, ""
    client = link.account(account)
    kept = {"Cookie": cookie_header(client.cookies)}
    answer = link.perform(client, "logout")
    exchanges += [answer, client.request("GET", link.gate().target, headers=kept)]
    alive = link.gate().opened_by(exchanges[-1])
    link.leave(client)
    if alive and not link.done("logout", answer):
        return None, (
            f"{why_undone('logout', answer)}; it is no logout, as the device file describes it "
            "under links.http.operations"
        )
    link.leave(link.account(account))  # else a camera that refuses everybody had ended it
    return alive, ""
