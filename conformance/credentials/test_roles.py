"""CRED-009: the roles of the web interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from conformance.case import case
from conformance.credentials.role_callers import demand_every_role
from conformance.credentials.role_judgement import judge
from conformance.credentials.role_survey import surveyed, without
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.links.http.link import HttpLink
from devices.links.users import UserWay
from devices.secrets import Secrets


@case(
    "CRED-009",
    severity="high",
    needs=("http",),
    catches=("cred-api-roles", "cred-redirect-with-content", "stream-snapshot-anonymous"),
    changes="settings",
    applies_to=("http",),
    revision=4,
)
def test_roles_hold_on_the_web_interface(
    *,
    http: HttpLink,
    device: DeviceFile,
    user_ways: Sequence[UserWay],
    secrets: Secrets,
    evidence: Any,
    policy: Any,
) -> None:
    """Nobody does more on the web interface than the declared role allows.

    Method: ask every resource that the device file declares without login and as each role that it
    gives an account for (as a viewer who is made for it, where it gives none). What would change
    something is asked with a broken body, which an allowed caller is told about and nobody else
    gets to see; calls that would do damage are left out, and those by GET whose address says that
    they do something. An answer is compared with what an allowed caller gets, and with the answer
    to a made-up path.
    Pass: who is not allowed is turned away everywhere, and not with the resource behind the
    refusal, or gets the page that any path gets or an answer of another kind; and who is allowed is
    not turned away.
    """
    if not device.declared.api:
        raise Inconclusive("the device file declares no resource under declared.api", "undeclared")
    avoid = policy("passwords")["roles"]["avoid"]
    matrix = without(surveyed(http, device, secrets, avoid, user_ways), "wrong")
    judge(evidence.observe(matrix))
    demand_every_role(device, matrix)
