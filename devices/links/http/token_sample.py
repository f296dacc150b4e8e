"""A sample of session tokens: the same account logs in and out, as often as it may."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from devices.errors import LinkError, NotOffered
from devices.links.http.client import HttpClient
from devices.links.http.exchange import Exchange
from devices.links.http.link import HttpLink
from devices.links.http.sessions import Marks, session_cookie
from devices.links.http.tokens import Issued, TokenFacts, token_facts
from devices.observation import Observation

_UNTAKEN = 2
"""Logins in a row that are refused, after which the sample ends: it might close the account."""


@dataclass(frozen=True, kw_only=True)
class TokenSample(Observation):
    """The tokens of ``facts.count`` logins, of ``wanted``.

    ``carrier``: the cookie that carries the session, or ``token``. ``renewed``: a login in the
    midst of a living session got another token than that session's; None where the camera took
    no such login. ``ended_by`` says why the
    sample is smaller than wanted.
    """

    carrier: str
    wanted: int
    facts: TokenFacts
    renewed: bool | None
    ended_by: str = ""


def sample_tokens(link: HttpLink, username: str, password: str, wanted: int) -> TokenSample:
    """Log in and out ``wanted`` times on one connection, and compare what carries the sessions.

    Raises NotOffered when nothing that carries a session is found, and LinkError.
    """
    attempt, client = link.log_in(username, password)
    try:
        cookie = session_cookie(link, client)
        first = _carried(client, cookie)
        if not attempt.accepted or not first:
            raise NotOffered(
                "what carries a session was not found: neither a cookie whose absence closes it, "
                "nor a token at the place that the device file declares"
            )
        known = dict(client.cookies)
        again, _ = link.sign_in(client, username, password)
        renewed = _renewed(client, (cookie, known), first) if link.done("login", again) else None
        _out(link, client)
        sample, ended = _series(link, client, (cookie, known), (username, password), wanted)
    finally:
        link.leave(client)
    return TokenSample(
        carrier=cookie or "token",
        wanted=wanted,
        facts=token_facts(sample, _ahead(attempt.answer)),
        renewed=renewed,
        ended_by=ended,
    )


def _renewed(client: HttpClient, cookie: tuple[str, Mapping[str, str]], first: str) -> bool:
    name, known = cookie
    if client.cookies.keys() - known.keys():
        return True  # it is called otherwise each time
    return _carried(client, name) not in {"", first}


def _series(
    link: HttpLink,
    client: HttpClient,
    cookie: tuple[str, Mapping[str, str]],
    login: tuple[str, str],
    wanted: int,
) -> tuple[list[Issued], str]:
    sample: list[Issued] = []
    untaken = 0
    while len(sample) < wanted and untaken < _UNTAKEN:
        client.forget()
        before = time.time()
        try:
            answer, taken = link.sign_in(client, *login)
        except LinkError as error:
            return sample, str(error)
        token = Marks(client.cookies, client.token).carrier(*cookie)
        if not taken or not token:
            untaken += 1
            continue
        untaken = 0
        sample.append(Issued(token, before, time.time(), login[0]))
        _out(link, client)
    ended = f"{answer.request} is answered {answer.status}" if untaken else ""
    return sample, ended


def _carried(client: HttpClient, cookie: str) -> str:
    return client.cookies.get(cookie, "") if cookie else client.token


def _out(link: HttpLink, client: HttpClient) -> None:
    """End the session, where that is described: a camera keeps only so many."""
    if link.offers("logout"):
        try:
            link.perform(client, "logout")
        except LinkError:
            return


def _ahead(answer: Exchange) -> float:
    """How far the camera's clock is ahead, by the Date of its answer; 0 without one."""
    try:
        return parsedate_to_datetime(answer.header("Date")).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return 0.0
