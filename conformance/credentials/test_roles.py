"""CRED-009: the roles of the web interface."""

from __future__ import annotations

from typing import Any

from conformance.case import case
from conformance.credentials.web_accounts import MODEST_FIRST
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.links.http.client import HttpClient
from devices.links.http.exchange import ANONYMOUS
from devices.links.http.link import HttpLink
from devices.links.http.pages import same_kind, same_page
from devices.links.http.roles import RoleAnswer, RoleMatrix, survey_roles
from devices.secrets import Secrets

_SESSION_CALLS = ("login", "logout", "setup")
_NOT_THERE = {404, 405}


@case(
    "CRED-009",
    severity="high",
    needs=("http",),
    catches=("cred-api-roles", "stream-snapshot-anonymous"),
    changes="settings",
    applies_to=("http",),
)
def test_roles_hold_on_the_web_interface(
    http: HttpLink, device: DeviceFile, secrets: Secrets, evidence: Any, policy: Any
) -> None:
    """Nobody does more on the web interface than the declared role allows.

    Method: ask every resource that the device file declares without login and as each role that it
    gives an account for. What would change something is asked with a broken body, which an allowed
    caller is told about and nobody else gets to see; calls that would do damage are left out. A
    success is compared with what an allowed caller gets, and with the answer to a made-up path.
    Pass: who is not allowed is turned away everywhere, or gets the page that any path gets or an
    answer of another kind; and who is allowed is not turned away.
    """
    if not device.declared.api:
        raise Inconclusive("the device file declares no resource under declared.api", "undeclared")
    callers = _callers(http, secrets)
    known = [http.description.operations.get(name) for name in _SESSION_CALLS]
    try:
        matrix = evidence.observe(
            survey_roles(
                callers,
                device.declared.api,
                session_calls=[call for call in known if call is not None],
                avoid=policy("passwords")["roles"]["avoid"],
            )
        )
    finally:
        for client in callers.values():
            http.leave(client)
    _judge(matrix)


def _callers(http: HttpLink, secrets: Secrets) -> dict[str, HttpClient]:
    callers = {ANONYMOUS: http.anonymous()}
    for role in MODEST_FIRST:
        if found := secrets.account(role=role, service="http"):
            callers[role] = http.account(found[0])
    if len(callers) == 1:
        raise Inconclusive("the device file gives no account for http", "no-account")
    return callers


def _judge(matrix: RoleMatrix) -> None:
    refused = [answer for answer in matrix.answers if not answer.allowed]
    broken = [a for a in refused if _gets_through(a, matrix)]
    assert not broken, "Beyond what the role allows, " + "; ".join(
        f"{a.role} gets {a.answer.status} from {a.method} {a.path}" for a in broken if a.answer
    )
    kept_out = [a for a in matrix.answers if a.allowed and a.role != ANONYMOUS and a.turned_away]
    assert not kept_out, "Against its declaration the camera turns away " + "; ".join(
        f"{a.role} at {a.method} {a.path} ({a.answer.status})" for a in kept_out if a.answer
    )
    if not refused:
        raise Inconclusive("the declaration forbids nobody anything", "undeclared")
    unclear = [a for a in refused if not a.turned_away and not _hidden(a, matrix)]
    if unclear:
        raise Inconclusive(
            "it does not show whether the role was looked at: "
            + "; ".join(
                f"{a.role} gets {a.answer.status} from {a.method} {a.path}"
                for a in unclear
                if a.answer
            )
        )


def _gets_through(answer: RoleAnswer, matrix: RoleMatrix) -> bool:
    """Success, unless it is a page for everybody in place of what the allowed get."""
    if answer.answer is None or not answer.answer.succeeded:
        return False
    allowed = matrix.allowed_answer(answer)
    if answer.method != "GET" or allowed is None or not allowed.succeeded:
        return True
    everywhere = answer.elsewhere
    if everywhere is not None and same_page(answer.answer, everywhere):
        return same_page(allowed, everywhere)
    return same_kind(answer.answer, allowed)


def _hidden(answer: RoleAnswer, matrix: RoleMatrix) -> bool:
    """Whether the resource is kept from this caller as though it did not exist."""
    if answer.answer is None:
        return False
    allowed = matrix.allowed_answer(answer)
    other_page = answer.answer.succeeded and not _gets_through(answer, matrix)
    missing = answer.answer.status in _NOT_THERE and (
        allowed is None or allowed.status not in _NOT_THERE
    )
    return other_page or missing
