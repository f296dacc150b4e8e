"""How a web interface keeps its users on TLS: redirects, Strict-Transport-Security, cookies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from devices.errors import LinkError, NotOffered
from devices.links.http.client import HttpClient
from devices.links.http.cookies import CookieFacts, cookie_facts
from devices.links.http.exchange import Exchange
from devices.links.http.link import HttpLink
from devices.links.http.pages import impossible_neighbour
from devices.observation import Observation

STRANGER = "elsewhere.example"
"""A host that no camera is called (RFC 2606)."""

_LIMIT = 16 * 1024
_SECONDS = 8.0
_TARGETS = 6
"""Resources that are asked for on each plain HTTP port."""


@dataclass(frozen=True, kw_only=True)
class PlainPort(Observation):
    """One port spoken to in plain HTTP. ``closed``: it does not, with what happened.

    ``front`` is its front page; ``others`` are resources that the web interface has, and a path
    that cannot exist; ``stranger`` is the front page under the host name ``STRANGER``, None when
    the camera hung up on that.
    """

    port: int
    closed: str = ""
    front: Exchange | None = None
    others: tuple[Exchange, ...] = ()
    stranger: Exchange | None = None

    @property
    def answers(self) -> tuple[Exchange, ...]:
        """Every answer under the camera's own name."""
        return (*((self.front,) if self.front is not None else ()), *self.others)


@dataclass(frozen=True, kw_only=True)
class WebHygiene(Observation):
    """The plain HTTP ports, and what the web interface says over TLS.

    ``hosts``: what the camera is called: the host of its URL, and its address.
    ``secured`` are answers over TLS: the front page, and a login where there is an account.
    ``no_login`` tells why there is none. ``secret_paths``: operations of the device file whose
    password goes into the URL.
    """

    hosts: tuple[str, ...]
    ports: tuple[PlainPort, ...]
    secured: tuple[Exchange, ...]
    no_login: str = ""
    secret_paths: tuple[str, ...] = ()

    @property
    def hsts_seconds(self) -> int | None:
        """The longest max-age of Strict-Transport-Security in an answer; None without any."""
        found = [
            hsts_seconds(answer.header("Strict-Transport-Security")) for answer in self.secured
        ]
        return max((seconds for seconds in found if seconds is not None), default=None)

    @property
    def cookies(self) -> tuple[CookieFacts, ...]:
        """Every cookie that is set over TLS and not taken back at once."""
        return tuple(fact for answer in self.secured for fact in live_cookies(answer))


def survey_hygiene(
    link: HttpLink, ports: Sequence[int], login: tuple[str, str] | None = None
) -> WebHygiene:
    """Look at plain HTTP on these ports, and at the web interface over TLS.

    ``login``: user name and password for one login, never sent without TLS. Raises LinkError when
    the web interface does not answer.
    """
    secured: list[Exchange] = []
    no_login = ""
    if link.server.scheme == "https":
        client = link.anonymous()
        try:
            secured.append(client.request("GET", "/", limit=_LIMIT, seconds=_SECONDS))
        finally:
            client.close()
        no_login = _log_in(link, login, secured)
    looked = tuple(_plain(link, port) for port in ports)
    return WebHygiene(
        hosts=tuple(dict.fromkeys((link.server.host.lower(), link.server.address.lower()))),
        ports=looked,
        secured=tuple(secured),
        no_login=no_login,
        secret_paths=tuple(
            name
            for name, operation in link.description.operations.items()
            if re.search(r"\{(new_)?password\}", operation.path)
        ),
        shortfall="; ".join(port.shortfall for port in looked if port.shortfall),
    )


def hsts_seconds(value: str) -> int | None:
    """The max-age of Strict-Transport-Security (RFC 6797, 6.1); None without a valid one."""
    for directive in value.split(";"):
        name, _, text = directive.strip().partition("=")
        if name.strip().lower() == "max-age":
            digits = text.strip().strip('"')
            return int(digits) if re.fullmatch(r"[0-9]{1,18}", digits) else None
    return None


def live_cookies(answer: Exchange) -> list[CookieFacts]:
    """The cookies that an answer sets; one that it takes back holds nothing to protect."""
    taken_back = {
        value.partition("=")[0].strip()
        for value in answer.all_headers("Set-Cookie")
        if re.search(
            r"=\[0 characters\]|;\s*max-age=(0|-\d+)\s*(;|$)|expires=[^;]*\b1970\b",
            value,
            re.IGNORECASE,
        )
    }
    return [fact for fact in cookie_facts(answer) if fact.name not in taken_back]


def leads_to(answer: Exchange) -> tuple[str, str]:
    """Scheme and host, lower case, of a redirect; empty texts for what is none.

    Of a relative one, the server that sent it.
    """
    if answer.status not in {301, 302, 303, 307, 308}:
        return "", ""
    try:
        parts = urlsplit(answer.header("Location"))
        own = urlsplit(answer.server)
        return (parts.scheme or own.scheme).lower(), (parts.hostname or own.hostname or "").lower()
    except ValueError:
        return "", ""


def _log_in(link: HttpLink, login: tuple[str, str] | None, secured: list[Exchange]) -> str:
    """Log in once and keep the answers; returns why not."""
    if login is None:
        return "the device file gives no account for the web interface"
    try:
        attempt, client = link.log_in(*login)
    except LinkError as error:
        return str(error)
    link.leave(client)
    secured += [attempt.answer, *([attempt.opened] if attempt.opened is not None else [])]
    return "" if attempt.accepted else f"{attempt.answer.request} did not accept the account"


def _plain(link: HttpLink, port: int) -> PlainPort:
    client = link.clear(port)
    try:
        front = client.request("GET", "/", limit=_LIMIT, seconds=_SECONDS)
    except LinkError as error:
        client.close()
        return PlainPort(port=port, closed=f"{error.cause}: {error}")
    others: list[Exchange] = []
    problem = ""
    try:
        for target in _targets(link):
            others.append(client.request("GET", target, limit=_LIMIT, seconds=_SECONDS))  # noqa: PERF401 - those before an error count
    except LinkError as error:
        problem = f"port {port}: {error}"
    stranger = _as_stranger(client)
    client.close()
    return PlainPort(
        port=port, front=front, others=tuple(others), stranger=stranger, shortfall=problem
    )


def _as_stranger(client: HttpClient) -> Exchange | None:
    try:
        return client.request(
            "GET", "/", headers={"Host": STRANGER}, limit=_LIMIT, seconds=_SECONDS
        )
    except LinkError:
        return None


def _targets(link: HttpLink) -> list[str]:
    """Some of what the web interface has, closed or not, and a path that cannot exist."""
    targets = link.closed_targets()[:_TARGETS]
    try:
        targets.append(link.gate().target)
    except NotOffered:
        targets.append("/")
    return list(dict.fromkeys([*targets, impossible_neighbour(targets[-1])]))
