"""Published ways around a camera's login, tried without harm and with a counter-proof.

Every request goes out twice: with the trick and without it (or against a path that cannot exist).
Only a difference says anything; a single-page application answers 200 to everything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from devices.errors import LinkError, Unreachable
from devices.links.http.client import HttpClient
from devices.links.http.exchange import Exchange
from devices.links.http.link import HttpLink
from devices.links.http.pages import impossible_neighbour, same_kind, same_page
from devices.observation import Observation

_LIMIT = 16 * 1024
_SECONDS = 8.0
_ENOUGH = 5
"""Requests that came to nothing after which a survey gives up."""
_RESOURCES = 4
"""How many closed resources of the camera each trick is tried on."""


@dataclass(frozen=True)
class Bypass:
    """One published bypass, read only.

    kind ``request``: ``target`` as published; the counter-proof is ``without`` (the same request
    without the trick) or, where the path itself is the secret, a path that cannot exist;
    ``marker`` is a regular expression for what a success shows. kind ``trick``: ``target`` is a
    template over a closed resource of the camera under test, with ``{path}`` (without the first
    slash; ``{PATH}`` in capital letters, ``{coded}`` and ``{recoded}`` with the first letter
    percent-encoded, once and twice) and ``{query}`` (``?...`` or empty).
    """

    id: str
    name: str
    kind: Literal["request", "trick"]
    target: str
    source: str
    method: Literal["GET", "HEAD"] = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    without: str = ""
    without_headers: Mapping[str, str] = field(default_factory=dict)
    marker: str = ""


@dataclass(frozen=True, kw_only=True)
class BypassResult(Observation):
    """One bypass tried on one resource. ``answer`` is with the trick, ``counter`` without it.

    ``genuine`` is the answer to a logged-in request, for tricks. None stands for a connection
    that the camera closed without an answer. ``undecided`` says why nothing can be concluded.
    """

    bypass: str
    name: str
    resource: str
    answer: Exchange | None
    counter: Exchange | None
    genuine: Exchange | None = None
    marker_found: bool = False
    undecided: str = ""

    @property
    def opened(self) -> bool:
        """Whether the trick, and it alone, got what a login protects."""
        answer, counter = self.answer, self.counter
        if self.undecided or answer is None or not answer.succeeded or not self.marker_found:
            return False
        if counter is not None and (counter.succeeded and same_page(answer, counter)):
            return False
        return self.genuine is None or same_kind(answer, self.genuine)


@dataclass(frozen=True, kw_only=True)
class BypassSurvey(Observation):
    """All bypasses tried on one camera; ``resources`` are the closed ones that tricks were for."""

    results: tuple[BypassResult, ...]
    resources: tuple[str, ...]


def survey_bypasses(
    link: HttpLink, bypasses: Sequence[Bypass], genuine: HttpClient | None
) -> BypassSurvey:
    """Try every bypass without login. ``genuine``: a logged-in client, to compare with."""
    client = link.anonymous()
    closed = _closed(link, client, genuine)
    results: list[BypassResult] = []
    undecided: list[str] = []
    for bypass in bypasses:
        if len(undecided) >= _ENOUGH:
            undecided.append("the rest was not asked")
            break
        if bypass.kind == "request":
            tried = [_published(client, bypass)]
        else:
            tried = [_trick(client, bypass, known) for known in closed]
        undecided += [f"{r.bypass} on {r.resource}: {r.undecided}" for r in tried if r.undecided]
        results += tried
    client.close()
    if not closed:
        undecided.append(
            "no declared resource is closed to anonymous requests and open to an account, so the "
            "tricks with paths, parameters and headers could not be tried"
        )
    return BypassSurvey(
        results=tuple(results),
        resources=tuple(known.target for known in closed),
        shortfall="; ".join(undecided[:5]),
    )


@dataclass(frozen=True)
class _Closed:
    target: str
    genuine: Exchange


def _closed(link: HttpLink, client: HttpClient, genuine: HttpClient | None) -> list[_Closed]:
    """Some closed resources, with what a logged-in client gets there; the widest and narrowest.

    None without a client that is let in: a trick that shows a page is told from one that shows the
    login page only by what the resource really is.
    """
    targets = link.closed_targets()
    half = _RESOURCES // 2
    chosen = list(dict.fromkeys(targets[:half] + targets[-half:]))
    found: list[_Closed] = []
    for target in chosen:
        anonymous = client.request("GET", target, limit=_LIMIT)
        if genuine is None or not _turned_away(client, anonymous):
            continue
        known = genuine.request("GET", target, limit=_LIMIT)
        if known.succeeded and not same_page(known, anonymous):
            found.append(_Closed(target, known))
    return found


def _turned_away(client: HttpClient, answer: Exchange) -> bool:
    """Whether an anonymous request was refused, or got the page that every path gets."""
    if not answer.succeeded:
        return True
    beside = client.request("GET", impossible_neighbour(answer.target), limit=_LIMIT)
    return same_page(answer, beside)


def _published(client: HttpClient, bypass: Bypass) -> BypassResult:
    # Not beside it: a handler for the whole folder would answer there as well.
    elsewhere = "/" + bypass.target.partition("?")[0].rpartition("/")[2]
    counter_target = bypass.without or impossible_neighbour(elsewhere)
    return _compared(
        client,
        bypass,
        bypass.target,
        counter_target=counter_target,
        counter_headers=bypass.without_headers,
        resource=bypass.target,
    )


def _trick(client: HttpClient, bypass: Bypass, known: _Closed) -> BypassResult:
    path, mark, query = known.target.partition("?")
    tricked = _filled(bypass.target, path, mark + query)
    nowhere = _filled(bypass.target, impossible_neighbour(path), mark + query)
    return _compared(
        client,
        bypass,
        tricked,
        counter_target=nowhere,
        counter_headers=bypass.headers,
        resource=known.target,
        genuine=known.genuine,
    )


def _filled(template: str, path: str, query: str) -> str:
    if query and "?" in template:
        query = "&" + query[1:]
    bare = path.lstrip("/")
    filled = template.replace("{path}", bare).replace("{PATH}", bare.upper())
    for name, sign in (("{coded}", "%"), ("{recoded}", "%25")):
        filled = filled.replace(name, f"{sign}{ord(bare[:1] or '.'):02x}{bare[1:]}")
    return filled.replace("{query}", query)


def _compared(
    client: HttpClient,
    bypass: Bypass,
    target: str,
    *,
    counter_target: str,
    counter_headers: Mapping[str, str],
    resource: str,
    genuine: Exchange | None = None,
) -> BypassResult:
    answer = counter = None
    undecided = ""
    try:
        counter = _ask(client, bypass.method, counter_target, counter_headers)
        answer = _ask(client, bypass.method, target, bypass.headers)
    except LinkError as error:
        undecided = str(error)
    if answer is not None and answer.status >= 500 and (counter is None or counter.status < 500):
        undecided = f"the camera failed with {answer.status}"
    return BypassResult(
        bypass=bypass.id,
        name=bypass.name,
        resource=resource,
        answer=answer,
        counter=counter,
        genuine=genuine,
        marker_found=answer is not None and _shows(bypass, answer),
        undecided=undecided,
    )


def _ask(
    client: HttpClient, method: str, target: str, headers: Mapping[str, str]
) -> Exchange | None:
    """The answer, or None when the camera hangs up on this request but still serves others."""
    try:
        return client.request(method, target, headers=headers, limit=_LIMIT, seconds=_SECONDS)
    except Unreachable:
        client.request("GET", "/", limit=_LIMIT, seconds=_SECONDS)
        return None


def _shows(bypass: Bypass, answer: Exchange) -> bool:
    if bypass.method == "HEAD":
        length = answer.header("Content-Length")
        return length.isdigit() and int(length) > 0 and answer.media_type != "text/html"
    if not bypass.marker:
        return answer.body_bytes > 0
    return re.search(bypass.marker.encode(), answer.content, re.DOTALL) is not None
