"""Published ways around a camera's login, tried without harm and with a counter-proof.

Every request goes out twice: with the trick and without it (or against a path that cannot exist).
Only a difference says anything; a single-page application answers 200 to everything.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from devices.errors import Garbled, LinkError, Unreachable
from devices.links.http.client import HttpClient
from devices.links.http.exchange import Exchange
from devices.links.http.link import HttpLink
from devices.observation import Observation

_LIMIT = 16 * 1024
_SECONDS = 8.0
_ENOUGH = 5
"""Requests that came to nothing after which a survey gives up."""
_RESOURCES = 4
"""How many closed resources of the camera each trick is tried on."""
_VARYING_SHARE = 0.1
_VARYING_WORDS = 40
"""Of the words of two answers, how many may differ while they still are one page."""
_COMPARED = 64 * 1024


@dataclass(frozen=True)
class Bypass:
    """One published bypass, read only.

    kind ``request``: ``target`` as published; the counter-proof is ``without`` (the same request
    without the trick) or, where the path itself is the secret, a path that cannot exist;
    ``marker`` is a regular expression for what a success shows. kind ``trick``: ``target`` is a
    template over a closed resource of the camera under test, with ``{path}`` (without the first
    slash) and ``{query}`` (``?...`` or empty).
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


def same_page(one: Exchange, other: Exchange) -> bool:
    """Whether two answers are one page, but for a few words such as a nonce or what was asked."""
    if (one.status, one.media_type) != (other.status, other.media_type):
        return False
    if one.body_sha256 == other.body_sha256:
        return True
    texts = [_without_target(answer) for answer in (one, other)]
    if max(map(len, texts)) > _COMPARED or any(b"\0" in text[:512] for text in texts):
        return False
    words, others = (Counter(re.findall(rb"\w+|[^\w\s]", text)) for text in texts)
    differing = (words - others).total() + (others - words).total()
    return differing <= min(_VARYING_WORDS, _VARYING_SHARE * (words + others).total())


def _without_target(answer: Exchange) -> bytes:
    """The body without what many error pages repeat of the request."""
    text, path = answer.content, answer.target.partition("?")[0]
    for part in (answer.target, path, path.strip("/")):
        text = text.replace(part.encode(), b"") if part.strip("/") else text
    return text


def same_kind(one: Exchange, other: Exchange) -> bool:
    """Whether two answers may be the same resource at different times."""
    if one.media_type != other.media_type or not one.body_bytes:
        return False
    return one.picture == other.picture and _members(one) == _members(other)


def _members(answer: Exchange) -> frozenset[str] | str:
    """The names of a JSON object: an error has others than data, where both come with 200."""
    try:
        content = answer.json()
    except Garbled:
        return ""
    return frozenset(content) if isinstance(content, dict) else type(content).__name__


def impossible_neighbour(target: str) -> str:
    """A path beside ``target``, with the same extension, that no camera has."""
    path = target.partition("?")[0]
    folder, _, name = path.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    made_up = secrets.token_hex(8)
    if not name:  # a folder: its neighbour is a folder
        return f"{folder.rpartition('/')[0]}/{made_up}/"
    return f"{folder}/{made_up}" + (f".{extension}" if dot and stem else "")


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
        if client.request("GET", target, limit=_LIMIT).succeeded or genuine is None:
            continue
        known = genuine.request("GET", target, limit=_LIMIT)
        if known.succeeded:
            found.append(_Closed(target, known))
    return found


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
    return template.replace("{path}", path.lstrip("/")).replace("{query}", query)


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
