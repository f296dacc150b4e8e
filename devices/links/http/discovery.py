"""Operations that the pages name and the device file does not, asked by every kind of caller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from devices.errors import LinkError
from devices.links.http.acting import may_act
from devices.links.http.client import HttpClient
from devices.links.http.exchange import ANONYMOUS, Exchange
from devices.links.http.pages import gives_away, impossible_neighbour, same_kind, same_page
from devices.links.http.roles import Revive, while_alive
from devices.observation import Observation

MOST = 40
"""Operations that are asked at most."""
_LIMIT = 64 * 1024
_SECONDS = 8.0
_MORE_THAN_A_REFUSAL = 256
"""Bytes with a refusal from which on it may bring along what it refuses."""
_REFUSED = {401, 403, 404}


@dataclass(frozen=True)
class Answered:
    """What one subject got; ``elsewhere``: at a made-up path beside it."""

    subject: str
    answer: Exchange
    elsewhere: Exchange | None = None

    @property
    def served(self) -> bool:
        """Whether it got something of its own: a success that is not the page for every path."""
        if not self.answer.succeeded or not self.answer.body_bytes:
            return False
        beside = self.elsewhere
        return beside is None or not (beside.succeeded and same_page(self.answer, beside))

    def gives_away(self, genuine: Exchange) -> bool:
        """Whether a refusal brings ``genuine`` along, and not the page of any path."""
        beside = self.elsewhere
        if self.answer.succeeded or beside is None:
            return False
        return gives_away(self.answer, genuine) and not gives_away(beside, genuine)


@dataclass(frozen=True, kw_only=True)
class FoundOperation(Observation):
    """One operation that is not declared, by subject.

    ``telling``: what an answer holds that is nobody's business without login (words for people;
    never the thing itself).
    """

    path: str
    answers: tuple[Answered, ...]
    telling: tuple[str, ...] = ()

    def served(self, subject: str) -> bool:
        """Whether this subject gets what the operation gives to those who are let in."""
        own = next((a for a in self.answers if a.subject == subject), None)
        if own is None:
            return False
        allowed = next((a for a in self.answers if a.subject == "admin" and a.served), None)
        if not own.served:
            return allowed is not None and own.gives_away(allowed.answer)
        return allowed is None or same_kind(own.answer, allowed.answer)

    @property
    def untold(self) -> str:
        """How nobody is answered where that is no refusal, and nothing is given; else empty.

        A call of another verb or with arguments is answered so, whoever may make it.
        """
        own = next((a.answer for a in self.answers if a.subject == ANONYMOUS), None)
        if own is None or 300 <= own.status < 400 or own.status in _REFUSED or own.denied:
            return ""
        return "" if own.succeeded and own.body_bytes else str(own.status)


@dataclass(frozen=True, kw_only=True)
class FoundOperations(Observation):
    """``named``: how many paths pages and scripts name; ``left_out`` were not asked, with why."""

    named: int
    operations: tuple[FoundOperation, ...]
    left_out: tuple[str, ...]


def ask_found(
    callers: Mapping[str, HttpClient],
    named: Sequence[str],
    paths: Sequence[str],
    *,
    avoid: Sequence[str],
    private: Mapping[str, bytes],
    revive: Revive | None = None,
) -> FoundOperations:
    """Ask every path by GET as every caller; ``avoid`` are words in a path that is not asked.

    ``private`` says what an answer must not hold (name -> bytes), such as names of accounts.
    """
    left_out = [f"{path}: it might be obeyed" for path in paths if _avoided(path, avoid)]
    wanted = [path for path in paths if not _avoided(path, avoid)]
    left_out += [f"{path}: more than {MOST}" for path in wanted[MOST:]]
    undecided: list[str] = []
    if wanted[MOST:]:
        undecided.append(f"{len(wanted)} operations are not declared, of which {MOST} were asked")
    by_path: dict[str, list[Answered]] = {path: [] for path in wanted[:MOST]}

    def ask(subject: str, client: HttpClient) -> tuple[list[tuple[str, Answered]], list[str]]:
        got: list[tuple[str, Answered]] = []
        problems: list[str] = []
        for path in by_path:
            try:
                got.append((path, _asked(subject, client, path)))
            except LinkError as error:
                problems.append(f"{subject}: {error}")
        return got, problems

    for subject, client in callers.items() if by_path else ():
        got, problems = while_alive(subject, client, revive, ask)
        undecided += problems
        for path, answer in got:
            by_path[path].append(answer)
    found = [_found(path, tuple(answers), private) for path, answers in by_path.items()]
    return FoundOperations(
        named=len(named),
        operations=tuple(found),
        left_out=tuple(left_out),
        shortfall="; ".join(undecided[:5]),
    )


def _avoided(path: str, avoid: Sequence[str]) -> bool:
    return may_act(path) or any(word in path.lower() for word in avoid)


def _asked(subject: str, client: HttpClient, path: str) -> Answered:
    answer = client.request("GET", path, limit=_LIMIT, seconds=_SECONDS)
    elsewhere = None
    if answer.succeeded or answer.body_bytes > _MORE_THAN_A_REFUSAL:
        beside = impossible_neighbour(path)
        elsewhere = client.request("GET", beside, limit=_LIMIT, seconds=_SECONDS)
    return Answered(subject, answer, elsewhere)


def _found(
    path: str, answers: tuple[Answered, ...], private: Mapping[str, bytes]
) -> FoundOperation:
    operation = FoundOperation(path=path, answers=answers)
    return replace(operation, telling=_telling(operation, private))


def _telling(operation: FoundOperation, private: Mapping[str, bytes]) -> tuple[str, ...]:
    """What those without a login get to see."""
    nobody = [
        a
        for a in operation.answers
        if a.subject in {"anonymous", "wrong"} and (a.served or operation.served(a.subject))
    ]
    content = b"\n".join(a.answer.content for a in nobody)
    found = [name for name, text in private.items() if text and text in content]
    if any(a.answer.picture for a in nobody):
        found.append("a picture")
    return tuple(found)
