"""Who may do what on the web interface: every declared resource, asked by every kind of caller.

Resources that change something are asked with a body that no API can accept. A caller who is not
allowed must be turned away before that body is looked at; a caller who is allowed gets a complaint
about it. So nothing changes, whoever is let through.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from devices.description import ApiResource, Operation
from devices.errors import LinkError
from devices.links.http.client import HttpClient
from devices.links.http.exchange import Exchange
from devices.links.http.pages import impossible_neighbour
from devices.observation import Observation

_LIMIT = 64 * 1024
_BROKEN_JSON = b'{"camproof": '


@dataclass(frozen=True, kw_only=True)
class RoleAnswer(Observation):
    """One resource asked by one kind of caller.

    ``allowed``: the declaration lets this role. ``answer`` is None when it could not be had.
    ``elsewhere``: what the same caller got at a made-up path beside it, where one who is not
    allowed got a success; many cameras answer every path with their login page or one error.
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
        return self.answer.status in {401, 403} or 300 <= self.answer.status < 400


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
) -> RoleMatrix:
    """Ask every resource as every caller (by role; ``anonymous`` too).

    ``session_calls`` (login, logout, set-up) are not asked: they would change who the callers
    are. ``avoid`` are words in a path whose resources are not asked unless they only read,
    because a camera that does not look at the body either would obey.
    """
    answers: list[RoleAnswer] = []
    left_out: list[str] = []
    undecided: list[str] = []
    own = {f"{call.method} {call.path}" for call in session_calls}
    for resource in resources:
        if why := _too_dangerous(resource, own, avoid):
            left_out.append(f"{resource.method} {resource.path}: {why}")
            continue
        for role, client in callers.items():
            try:
                answers.append(_asked(role, client, resource))
            except LinkError as error:
                undecided.append(f"{role}: {error}")
    return RoleMatrix(
        answers=tuple(answers), left_out=tuple(left_out), shortfall="; ".join(undecided[:5])
    )


def _too_dangerous(resource: ApiResource, session_calls: set[str], avoid: Sequence[str]) -> str:
    if f"{resource.method} {resource.path}" in session_calls:
        return "it begins or ends the callers' own sessions"
    if resource.method == "GET":
        return ""
    if any(word in resource.path.lower() for word in avoid):
        return "it might be obeyed"
    if resource.method == "DELETE" and "{" not in resource.path:
        return "there is no made-up thing to delete"
    return ""


def _asked(role: str, client: HttpClient, resource: ApiResource) -> RoleAnswer:
    target = re.sub(r"\{\w+\}", f"nobody-{secrets.token_hex(4)}", resource.path)
    if resource.method in {"GET", "DELETE"}:
        answer = client.request(resource.method, target, limit=_LIMIT)
    else:
        headers = {"Content-Type": "application/json"}
        answer = client.request(
            resource.method, target, headers=headers, body=_BROKEN_JSON, limit=_LIMIT
        )
    allowed = role in resource.roles or "anonymous" in resource.roles
    elsewhere = None
    if resource.method == "GET" and answer.succeeded and not allowed:
        elsewhere = client.request("GET", impossible_neighbour(target), limit=_LIMIT)
    return RoleAnswer(
        role=role,
        method=resource.method,
        path=resource.path,
        allowed=allowed,
        answer=answer,
        elsewhere=elsewhere,
    )
