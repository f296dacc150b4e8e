"""CRED-009: the roles of the web interface."""

from __future__ import annotations

from typing import Any

from conformance.case import case
from conformance.credentials.role_judgement import judge
from conformance.credentials.web_accounts import MODEST_FIRST
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.links.http.client import HttpClient
from devices.links.http.exchange import ANONYMOUS
from devices.links.http.link import HttpLink
from devices.links.http.roles import survey_roles
from devices.secrets import Secrets

SESSION_CALLS = ("login", "logout", "setup")


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
    callers = callers_of(http, secrets)
    known = [http.description.operations.get(name) for name in SESSION_CALLS]
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
    judge(matrix)


def callers_of(http: HttpLink, secrets: Secrets) -> dict[str, HttpClient]:
    callers = {ANONYMOUS: http.anonymous()}
    for role in MODEST_FIRST:
        if found := secrets.account(role=role, service="http"):
            callers[role] = http.account(found[0])
    if len(callers) == 1:
        raise Inconclusive("the device file gives no account for http", "no-account")
    return callers
