"""CRED-012: credentials are never asked for over plain HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.links.http.observations import ClearPort, ClearSurvey


@case(
    "CRED-012",
    severity="critical",
    needs=("http", "ports"),
    catches=("cred-http-login",),
    applies_to=("http",),
    revision=3,
)
def test_no_credential_over_plain_http(
    web_clear: ClearSurvey, device: DeviceFile, policy: Any
) -> None:
    """No credential is asked for over plain HTTP.

    Method: on every declared plain HTTP port, on those where cameras usually have one, and on every
    other open TCP port that answers plain HTTP, fetch the front page, where it leads on the same
    port, its frames, scripts and the pages that it refers to, and a closed resource, and send the
    declared login call for a user who does not exist; compare with the same call to a path that
    cannot exist.
    Pass: no page asks for a password, no authentication scheme beyond those of the policy
    "passwords" is asked for, no login is worked on, and the web interface itself is declared with
    TLS.
    """
    allowed = set(policy("passwords")["plain_http"]["challenges"])
    if not web_clear.ports:
        raise Inconclusive("there was no port to look at", "insufficient")
    undecided = [p for p in web_clear.ports if p.closed and not p.closed.startswith("unreachable")]
    faults = [fault for port in web_clear.ports for fault in _faults(port, allowed)]
    link = device.links.http
    if link is not None and link.url.startswith("http://"):
        faults.append(f"The web interface {link.url} is declared without TLS.")
    assert not faults, " ".join(faults)
    open_ones = [p for p in undecided if p.closed.startswith("timeout")]
    if open_ones:
        raise Inconclusive(
            "no answer came in time from port " + ", ".join(str(p.port) for p in open_ones),
            "timeout",
        )
    scripts = [
        f"{p.password_script} on port {p.port}" for p in web_clear.ports if p.password_script
    ]
    if scripts:
        raise Inconclusive(
            "without TLS there is a script that makes a field for a password "
            f"({', '.join(scripts)}): whether it is shown there is to be judged by hand; an "
            "application that needs TLS leads there before it is loaded",
            "not-measured",
        )
    if unsure := [str(p.port) for p in web_clear.ports if p.may_take_logins]:
        raise Inconclusive(
            f"the web interface answers without TLS on port {', '.join(unsure)}, and refuses a "
            "made-up login there as it does a path that does not exist: whether a right one is "
            "taken does not show without sending it",
            "not-measured",
        )


def _faults(port: ClearPort, allowed: set[str]) -> Iterator[str]:
    server = port.root.server if port.root is not None else f"port {port.port}"
    if port.password_form:
        yield f"{server} serves a page that asks for a password without TLS."
    if refused := set(port.challenges) - allowed:
        yield f"{server} asks for {', '.join(sorted(refused))} credentials without TLS."
    if port.takes_logins and port.login is not None:
        yield (
            f"{port.login.request} works on a login without TLS (it answers {port.login.status}), "
            "expected a redirect to https or no service."
        )
