"""Who may do what on the web interface: every declared resource, asked by every kind of caller.

Resources that change something are asked with a body that no API can accept. A caller who is not
allowed must be turned away before that body is looked at; a caller who is allowed gets a complaint
about it. So nothing changes, whoever is let through.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from devices.description import ApiResource, Operation
from devices.errors import LinkError
from devices.links.http.acting import asked_safely, is_program, may_take_nothing
from devices.links.http.client import HttpClient
from devices.links.http.exchange import Exchange
from devices.links.http.pages import gives_away, impossible_neighbour
from devices.observation import Observation

Got = TypeVar("Got")
Revive = Callable[[str, HttpClient], HttpClient | None]
"""Gives the caller back where it is still logged in, else a new one; None where it cannot be."""

_LIMIT = 64 * 1024
_ROUNDS = 2
_BROKEN_JSON = b'{"camproof": '


@dataclass(frozen=True, kw_only=True)
class RoleAnswer(Observation):
    """One resource asked by one kind of caller.

    ``allowed``: the declaration lets this role. ``answer`` is None when it could not be had.
    ``elsewhere``: what the same caller got at a made-up path beside it, where one who is not
    allowed got a success, or a refusal with the resource behind it; many cameras answer every path
    with their login page or one error.
    """

    role: str
    method: str
    path: str
    allowed: bool
    answer: Exchange | None
    elsewhere: Exchange | None = None

    @property
    def turned_away(self) -> bool:
        """Whether the caller was refused for who it is, or sent to a login."""
        if self.answer is None:
            return False
        redirected = 300 <= self.answer.status < 400
        return self.answer.status in {401, 403} or redirected or self.answer.denied


@dataclass(frozen=True, kw_only=True)
class RoleMatrix(Observation):
    """Every declared resource by every caller; ``left_out`` was not asked, with the reason."""

    answers: tuple[RoleAnswer, ...]
    left_out: tuple[str, ...]

    def allowed_answer(self, answer: RoleAnswer) -> Exchange | None:
        """What a caller whom the declaration lets got for the same request, if any did."""
        for other in self.answers:
            same = (other.method, other.path) == (answer.method, answer.path)
            if same and other.allowed and other.answer is not None and not other.turned_away:
                return other.answer
        return None


def survey_roles(
    callers: Mapping[str, HttpClient],
    resources: Sequence[ApiResource],
    *,
    session_calls: Sequence[Operation],
    avoid: Sequence[str],
    revive: Revive | None = None,
) -> RoleMatrix:
    """Ask every resource as every caller (by role; ``anonymous`` too), one caller after the other.

    ``session_calls`` (login, logout, set-up) are not asked: they would change who the callers
    are. ``avoid`` are words in a path whose resources are not asked unless they only read,
    because a camera that does not look at the body either would obey; nor is what :mod:`acting`
    takes to obey a GET, or a body that says nothing. ``revive`` keeps callers
    logged in: a role whose session ended while it asked is asked again.
    """
    left_out: list[str] = []
    undecided: list[str] = []
    own = {f"{call.method} {call.path}" for call in session_calls}
    chosen: list[ApiResource] = []
    for resource in resources:
        if why := _too_dangerous(resource, own, avoid):
            left_out.append(f"{resource.method} {resource.path}: {why}")
        else:
            chosen.append(resource)

    def ask(role: str, client: HttpClient) -> tuple[list[RoleAnswer], list[str]]:
        got: list[RoleAnswer] = []
        problems: list[str] = []
        for resource in chosen:
            try:
                got.append(_asked(role, client, resource))
            except LinkError as error:
                problems.append(f"{role}: {error}")
        return got, problems

    answers: list[RoleAnswer] = []
    for role, client in callers.items():
        got, problems = while_alive(role, client, revive, ask)
        answers += got
        undecided += problems
    matrix = RoleMatrix(answers=tuple(answers), left_out=tuple(left_out))
    seen = tuple(_seen_elsewhere(answer, matrix, callers, undecided) for answer in answers)
    return replace(matrix, answers=seen, shortfall="; ".join(undecided[:5]))


def _seen_elsewhere(
    answer: RoleAnswer,
    matrix: RoleMatrix,
    callers: Mapping[str, HttpClient],
    undecided: list[str],
) -> RoleAnswer:
    """With what a made-up path gives, where a refusal brings along what the allowed get."""
    allowed = matrix.allowed_answer(answer)
    open_to_it = answer.allowed or answer.answer is None or answer.answer.succeeded
    if open_to_it or allowed is None or answer.method != "GET":
        return answer
    if answer.answer is None or not gives_away(answer.answer, allowed):
        return answer
    beside = impossible_neighbour(answer.answer.target)
    try:
        return replace(answer, elsewhere=_requested(callers[answer.role], "GET", beside))
    except LinkError as error:
        undecided.append(f"{answer.role}: {error}")
        return answer


def while_alive(
    role: str,
    client: HttpClient,
    revive: Revive | None,
    ask: Callable[[str, HttpClient], tuple[list[Got], list[str]]],
) -> tuple[list[Got], list[str]]:
    """What a caller got while it was logged in, and what could not be had.

    Some cameras have one session for all users, a few for each, or end them at odd times. What a
    session got that was dead at the end says nothing of the role.
    """
    if revive is None:
        return ask(role, client)
    for _ in range(_ROUNDS):
        alive = revive(role, client)
        if alive is None:
            return [], [f"{role} could not log in again"]
        client = alive
        got = ask(role, client)
        if revive(role, client) is client:
            return got
    return [], [f"the session of {role} ended again and again while it asked"]


def _too_dangerous(resource: ApiResource, session_calls: set[str], avoid: Sequence[str]) -> str:
    if f"{resource.method} {resource.path}" in session_calls:
        return "it begins or ends the callers' own sessions"
    if resource.method == "GET":
        return "" if asked_safely(resource) else "it might be obeyed"
    if any(word in resource.path.lower() for word in avoid):
        return "it might be obeyed"
    if is_program(resource.path) and may_take_nothing(resource.path) and resource.body is None:
        return (
            "a program there might take what is missing for empty: say body under declared.api "
            "where it refuses what is no JSON"
        )
    if resource.method == "DELETE" and "{" not in resource.path:
        return "there is no made-up thing to delete"
    return ""


def _asked(role: str, client: HttpClient, resource: ApiResource) -> RoleAnswer:
    target = re.sub(r"\{\w+\}", f"nobody-{secrets.token_hex(4)}", resource.path)
    answer = _requested(client, resource.method, target)
    allowed = role in resource.roles or "anonymous" in resource.roles
    elsewhere = None
    if answer.succeeded and not allowed:
        elsewhere = _requested(client, resource.method, impossible_neighbour(target))
    return RoleAnswer(
        role=role,
        method=resource.method,
        path=resource.path,
        allowed=allowed,
        answer=answer,
        elsewhere=elsewhere,
    )


def _requested(client: HttpClient, method: str, target: str) -> Exchange:
    if method in {"GET", "DELETE"}:
        return client.request(method, target, limit=_LIMIT)
    headers = {"Content-Type": "application/json"}
    return client.request(method, target, headers=headers, body=_BROKEN_JSON, limit=_LIMIT)
