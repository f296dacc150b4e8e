"""Every declared resource by every kind of caller: asked once for each camera."""

from __future__ import annotations

import secrets as random
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from weakref import WeakKeyDictionary

from conformance.credentials.web_accounts import MODEST_FIRST
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.errors import LinkError
from devices.links.http.client import HttpClient
from devices.links.http.exchange import ANONYMOUS
from devices.links.http.link import HttpLink
from devices.links.http.logins import made_up_fields
from devices.links.http.roles import Revive, RoleMatrix, survey_roles
from devices.secrets import Secrets

_SESSION_CALLS = ("login", "logout", "setup")
_WRONG_LOGINS = 2
"""Requests with a made-up login, where each one is a wrong login."""
_TAKEN: WeakKeyDictionary[HttpLink, RoleMatrix] = WeakKeyDictionary()


def surveyed(
    http: HttpLink, device: DeviceFile, secrets: Secrets, avoid: Sequence[str]
) -> RoleMatrix:
    """The answers to nobody, to a made-up login (``wrong``) and to each role with an account.

    Raises Inconclusive when there is nobody to ask as, and link errors.
    """
    if http not in _TAKEN:
        known = [http.description.operations.get(name) for name in _SESSION_CALLS]
        calls = [call for call in known if call is not None]
        with ExitStack() as stack:
            callers = callers_of(http, secrets)
            for client in callers.values():
                stack.callback(http.leave, client)
            impostor = None
            if http.description.authentication != "session":
                impostor = callers.pop("wrong")  # each request would be a wrong login
            matrix = survey_roles(
                callers,
                device.declared.api,
                session_calls=calls,
                avoid=avoid,
                revive=reviver(http, secrets, stack),
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


def reviver(http: HttpLink, secrets: Secrets, stack: ExitStack) -> Revive:
    """Keeps the callers of a role logged in; what it logs in leaves with ``stack``."""

    def revive(role: str, client: HttpClient) -> HttpClient | None:
        found = secrets.account(role=role, service="http") if role in MODEST_FIRST else None
        if found is None:
            return client
        try:
            gate = http.gate()
            if gate.opened_by(client.request("GET", gate.target)):
                return client
            again = http.account(found[0])
        except LinkError:
            return None
        stack.callback(http.leave, again)
        return again

    return revive


def without(matrix: RoleMatrix, role: str) -> RoleMatrix:
    """The matrix without one kind of caller."""
    return replace(matrix, answers=tuple(a for a in matrix.answers if a.role != role))


def callers_of(http: HttpLink, secrets: Secrets) -> dict[str, HttpClient]:
    """Nobody, somebody with a made-up login, and each role that has an account, admin last."""
    callers = {ANONYMOUS: http.anonymous()}
    for role in MODEST_FIRST:
        if found := secrets.account(role=role, service="http"):
            callers[role] = http.account(found[0])
    if len(callers) == 1:
        raise Inconclusive("the device file gives no account for http", "no-account")
    impostor = _impostor(http, callers[next(reversed(callers))])
    return {ANONYMOUS: callers.pop(ANONYMOUS), "wrong": impostor, **callers}


def _impostor(http: HttpLink, known: HttpClient) -> HttpClient:
    """A caller with a session, or a login, that was made up. No real account is touched."""
    impostor = http.anonymous()
    kind, made_up = http.description.authentication, f"x{random.token_hex(5)}"
    if kind == "digest":
        impostor.use_digest(made_up, random.token_hex(8))
    elif kind == "basic":
        impostor.use_basic(made_up, random.token_hex(8))
    elif kind == "query":
        impostor.use_query(made_up, http.query_login(made_up, random.token_hex(8)))
    else:
        token = http.description.token
        impostor.use_fields("wrong", made_up_fields(known, token))
        if token is not None and token.query is not None:
            impostor.use_query("wrong", {token.query: random.token_hex(16)})
    return impostor
