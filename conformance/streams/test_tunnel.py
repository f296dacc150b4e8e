"""STREAM-015: RTSP through HTTP is no way around TLS or the login."""

from __future__ import annotations

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.links.rtsp.tunnels import TunnelAnswer, TunnelAnswers

_REFUSALS = (401, 403)


@case(
    "STREAM-015",
    severity="critical",
    needs=("rtsp", "ports"),
    catches=("stream-tunnel-plain", "stream-tunnel-anonymous"),
    applies_to=("streams",),
)
def test_no_tunnel_around_tls_or_login(rtsp_tunnels: TunnelAnswers) -> None:
    """No HTTP tunnel leads around TLS or the login.

    Method: on every port that is declared for HTTP or RTSP or that the port sweep found to speak
    either, and on those where servers usually have it, ask for an RTSP tunnel to the first
    declared stream (GET with an x-sessioncookie, for application/x-rtsp-tunnelled): without TLS
    everywhere, inside TLS where it is spoken; first without a login and, where HTTP asks for one,
    with the test's by Digest. Through a tunnel that opens without a login ask for OPTIONS,
    DESCRIBE, SETUP and PLAY without a login. A tunnel inside TLS that asks for a login, by HTTP or
    by RTSP, is no finding. A login that HTTP without TLS asks for and that the test does not get
    past leaves the verdict open.
    Pass: no tunnel opens without TLS, and through none inside TLS a stream is described, set up or
    played without a login.
    """
    answers = rtsp_tunnels.answers
    problems = [
        f"{a.url} opens an RTSP tunnel without TLS{_as_whom(a)}, expected none."
        for a in answers
        if a.opened and not a.encrypted
    ]
    problems += [
        f"{a.url}: {', '.join(a.given)} through the tunnel is granted without a login, expected "
        "status 401."
        for a in answers
        if a.given and a.encrypted
    ]
    assert not problems, " ".join(problems)
    if not any(answer.status for answer in answers):
        raise Inconclusive("no port answered in HTTP, with TLS or without", "unreachable")
    doubts = [
        f"{a.url}: HTTP without TLS asks for a login that the test did not get past ({a.status})."
        for a in answers
        if not a.encrypted and a.status == 401 and _is_last(a, answers)
    ]
    doubts += [
        f"{a.url} opens an RTSP tunnel, and {method} through it is answered {status} without a "
        "login, which does not show that one is asked for."
        for a in answers
        if a.opened and a.encrypted
        for method, status in a.requests
        if method in ("DESCRIBE", "SETUP") and status not in _REFUSALS
    ]
    doubts += [
        f"{a.url} opens an RTSP tunnel, and not every request through it was answered: {a.problem}."
        for a in answers
        if a.opened and a.encrypted and a.problem
    ]
    if doubts:
        raise Inconclusive(" ".join(doubts), "no-login")


def _as_whom(answer: TunnelAnswer) -> str:
    return " to who logs in" if answer.login == "digest" else " without a login"


def _is_last(answer: TunnelAnswer, answers: tuple[TunnelAnswer, ...]) -> bool:
    """Whether no further answer of this address came, with a login."""
    same = [a for a in answers if (a.url, a.encrypted) == (answer.url, answer.encrypted)]
    return same[-1] is answer
