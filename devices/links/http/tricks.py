"""Verbs, headers and forms of a request by which a login or a role has been got around.

Each trick is tried on resources that refuse the caller when asked plainly. A success counts when
it is what a caller who is let in gets, and not what the same trick gets at a made-up path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from devices.errors import LinkError
from devices.links.http.client import HttpClient
from devices.links.http.exchange import ANONYMOUS, Exchange
from devices.links.http.link import HttpLink
from devices.links.http.pages import impossible_neighbour, same_kind, same_page
from devices.links.http.raised_logins import Administrator, raised_logins
from devices.observation import Observation

_LIMIT = 16 * 1024
_SECONDS = 8.0
_RAISED = "CWE-565, CWE-345, as in CVE-2018-12667"
_ENOUGH = 5
"""Requests that came to nothing after which the tries end."""
MOST = 20
"""Resources that are tried at most, for each caller."""


@dataclass(frozen=True)
class Trick:
    """One way to ask. ``target`` and the values of ``headers`` may hold ``{path}``.

    ``wire`` empty for a proper request; ``http10``: HTTP/1.0, ``no-host``: HTTP/1.1 without Host.
    ``sparing``: not tried where the path has a declared operation that changes something.
    """

    id: str
    name: str
    source: str
    method: str = "GET"
    target: str = "{path}"
    headers: Mapping[str, str] = field(default_factory=dict)
    wire: str = ""
    sparing: bool = False


@dataclass(frozen=True, kw_only=True)
class TrickResult(Observation):
    """One trick on one resource by one caller. None: the camera hung up, or was not asked."""

    trick: str
    name: str
    caller: str
    resource: str
    answer: Exchange | None
    counter: Exchange | None
    genuine: Exchange

    @property
    def opened(self) -> bool:
        """Whether the trick, and it alone, got what is closed to the caller."""
        answer, counter, genuine = self.answer, self.counter, self.genuine
        if answer is None or not answer.succeeded:
            return False
        if answer.method == "HEAD":
            length = answer.header("Content-Length")
            told = length.isdigit() and int(length) > 0 and answer.media_type == genuine.media_type
            return told and not (counter is not None and counter.succeeded)
        if not answer.body_bytes:
            return False
        if counter is not None and counter.succeeded and same_page(answer, counter):
            return False
        return same_kind(answer, genuine)


@dataclass(frozen=True)
class ClosedResource:
    """A resource that refuses this caller when asked plainly."""

    caller: str
    target: str


@dataclass(frozen=True, kw_only=True)
class TrickSurvey(Observation):
    """``tried``: how often; ``results`` got a success; ``closed`` is what was closed."""

    tried: int
    results: tuple[TrickResult, ...]
    closed: tuple[ClosedResource, ...]


@dataclass(frozen=True)
class _Closed:
    target: str
    genuine: Exchange


def survey_tricks(
    link: HttpLink,
    tricks: Sequence[Trick],
    *,
    callers: Mapping[str, HttpClient],
    targets: Mapping[str, Sequence[str]],
    admin: Administrator,
    changing: Sequence[str],
) -> TrickSurvey:
    """Try every trick as every caller on those of its ``targets`` that are closed to it.

    Who is logged in asks besides with a login that says more of its user than it did, in the words
    of the administrator's (``raised_logins``). ``changing``: paths with a declared
    operation that changes something. A caller who was logged
    in has to be so at the end too: some servers end a session by an odd request.
    """
    results: list[TrickResult] = []
    undecided: list[str] = []
    refused: list[ClosedResource] = []
    tried = 0
    for name, client in callers.items():
        closed = _closed(client, admin.client, targets[name], undecided)
        refused += [ClosedResource(name, each.target) for each in closed]
        for trick in (*tricks, *_raised(link, client, admin, undecided)):
            for known in closed:
                if (trick.sparing and known.target in changing) or len(undecided) >= _ENOUGH:
                    continue
                tried += 1
                try:
                    result = _tried(link, client, name, trick, known)
                except LinkError as error:
                    undecided.append(f"{trick.id} on {known.target}: {error}")
                    continue
                if result.answer is not None and result.answer.succeeded:
                    results.append(result)
        undecided += _ended(link, client, name)
    return TrickSurvey(
        tried=tried,
        results=tuple(results),
        closed=tuple(refused),
        shortfall="; ".join(undecided[:_ENOUGH]),
    )


def _raised(
    link: HttpLink, client: HttpClient, admin: Administrator, undecided: list[str]
) -> list[Trick]:
    """The caller's own login, with the administrator's words for what a user may do."""
    if client.sender == ANONYMOUS:
        return []
    try:
        found = raised_logins(client, admin, link.description.token)
    except LinkError as error:
        undecided.append(f"the administrator could not log in once more: {error}")
        return []
    return [Trick(each.id, each.name, _RAISED, headers=each.headers) for each in found]


def _ended(link: HttpLink, client: HttpClient, name: str) -> list[str]:
    if client.sender == ANONYMOUS:
        return []
    gate = link.gate()
    try:
        alive = gate.opened_by(client.request("GET", gate.target, limit=_LIMIT, seconds=_SECONDS))
    except LinkError as error:
        return [f"{name}: {error}"]
    return [] if alive else [f"the session of {name} ended while tricks were tried with it"]


def _closed(
    client: HttpClient, admin: HttpClient, targets: Sequence[str], undecided: list[str]
) -> list[_Closed]:
    found: list[_Closed] = []
    for target in targets[:MOST]:
        try:
            plain = client.request("GET", target, limit=_LIMIT, seconds=_SECONDS)
            genuine = admin.request("GET", target, limit=_LIMIT, seconds=_SECONDS)
        except LinkError as error:
            undecided.append(f"{target}: {error}")
            continue
        refused = not plain.succeeded or not same_kind(plain, genuine)
        if refused and genuine.succeeded and genuine.body_bytes and not same_page(plain, genuine):
            found.append(_Closed(target, genuine))
    return found


def _tried(
    link: HttpLink, client: HttpClient, caller: str, trick: Trick, known: _Closed
) -> TrickResult:
    answer = _ask(link, client, trick, known.target)
    counter = None
    if answer is not None and answer.succeeded:
        counter = _ask(link, client, trick, impossible_neighbour(known.target))
    return TrickResult(
        trick=trick.id,
        name=trick.name,
        caller=caller,
        resource=known.target,
        answer=answer,
        counter=counter,
        genuine=known.genuine,
    )


def _ask(link: HttpLink, client: HttpClient, trick: Trick, path: str) -> Exchange | None:
    """The answer, or None when the camera hangs up on this request but still serves others."""
    target = trick.target.replace("{path}", path)
    headers = {name: value.replace("{path}", path) for name, value in trick.headers.items()}
    try:
        if trick.wire:
            return link.raw(_wire(trick, target, client, headers), client.sender, _LIMIT, _SECONDS)
        return client.request(trick.method, target, headers=headers, limit=_LIMIT, seconds=_SECONDS)
    except LinkError as error:
        if error.cause == "timeout":
            raise
        client.request("GET", "/", limit=_LIMIT, seconds=_SECONDS)
        return None


def _wire(trick: Trick, target: str, client: HttpClient, headers: Mapping[str, str]) -> bytes:
    version = "1.0" if trick.wire == "http10" else "1.1"
    target = client.addressed(target)
    lines = [f"{trick.method} {target} HTTP/{version}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in {**client.login_fields(), **headers}.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
