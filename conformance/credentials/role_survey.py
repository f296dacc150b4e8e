"""Every declared resource by every kind of caller: asked once for each camera."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from weakref import WeakKeyDictionary

from conformance.credentials.role_callers import Callers
from devices.description import DeviceFile
from devices.links.http.client import HttpClient
from devices.links.http.link import HttpLink
from devices.links.http.roles import RoleMatrix, survey_roles
from devices.links.users import UserWay
from devices.secrets import Secrets

_SESSION_CALLS = ("login", "logout", "setup")
_WRONG_LOGINS = 2
"""Requests with a made-up login, where each one is a wrong login."""
_TAKEN: WeakKeyDictionary[HttpLink, RoleMatrix] = WeakKeyDictionary()


def surveyed(
    http: HttpLink,
    device: DeviceFile,
    secrets: Secrets,
    avoid: Sequence[str],
    ways: Sequence[UserWay] = (),
) -> RoleMatrix:
    """The answers to nobody, to a made-up login (``wrong``) and to each role with an account.

    Raises Inconclusive when there is nobody to ask as, and link errors.
    """
    if http not in _TAKEN:
        known = [http.description.operations.get(name) for name in _SESSION_CALLS]
        calls = [call for call in known if call is not None]
        with ExitStack() as stack:
            asked_as = Callers(http, secrets, ways, stack)
            callers = dict(asked_as.clients)
            impostor = None
            if http.description.authentication != "session":
                impostor = callers.pop("wrong")  # each request would be a wrong login
            matrix = survey_roles(
                callers,
                device.declared.api,
                session_calls=calls,
                avoid=avoid,
                revive=asked_as.revive,
            )
            if impostor is not None:
                highest = callers[next(reversed(callers))]
                matrix = _with_wrong_logins(matrix, http, device, impostor, highest)
            _TAKEN[http] = matrix
    return _TAKEN[http]


def _with_wrong_logins(
    matrix: RoleMatrix, http: HttpLink, device: DeviceFile, impostor: HttpClient, known: HttpClient
) -> RoleMatrix:
    """With the answers to a made-up login on a few closed resources.

    A right login goes after each, so that no lock of the address is reached.
    """
    declared = device.declared.lockout
    most = _WRONG_LOGINS if declared is None else min(_WRONG_LOGINS, declared.attempts - 1)
    closed = http.closed_targets()
    chosen = [row for row in device.declared.api if row.method == "GET" and row.path in closed]
    answers, shortfall = matrix.answers, [matrix.shortfall]
    for resource in chosen[:most]:
        found = survey_roles({"wrong": impostor}, [resource], session_calls=(), avoid=())
        answers += found.answers
        shortfall.append(found.shortfall)
        known.request("GET", http.gate().target)
    return replace(matrix, answers=answers, shortfall="; ".join(filter(None, shortfall)))


def without(matrix: RoleMatrix, role: str) -> RoleMatrix:
    """The matrix without one kind of caller."""
    return replace(matrix, answers=tuple(a for a in matrix.answers if a.role != role))
