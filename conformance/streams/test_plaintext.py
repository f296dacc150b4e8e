"""STREAM-018: nothing that leads to video is given outside TLS."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.links.rtsp.plaintext import METHODS, PlainAnswer, PlainRequests


@case(
    "STREAM-018",
    severity="critical",
    needs=("rtsp", "ports"),
    catches=("stream-plain-setup", "stream-plain-rtsp"),
    applies_to=("rtsp",),
)
def test_every_request_in_plaintext_is_refused(rtsp_plain_requests: PlainRequests) -> None:
    """Every RTSP request in plaintext is refused.

    Method: STREAM-002 asks whether a port speaks RTSP without TLS at all; this asks what it then
    gives. On the ports of STREAM-002 and on every open TCP port that the port sweep found to speak
    RTSP, send OPTIONS, DESCRIBE, SETUP and PLAY for each declared stream without TLS: each of the
    four whatever became of the others, SETUP on the tracks that the stream's description names
    (inside TLS, where it is refused outside) and over each profile and lower transport, first
    without a login and again with the test's by Digest (any other would send the password in
    clear). Two refusals of that login end its use. What was set up is torn down. A port that asks
    for a password in clear (Basic) leaves the verdict open, since who gives it may get video; so
    does a port that asks for a login where the test has none.
    Pass: every answer in RTSP is a refusal (status 300 or above).
    """
    answers = rtsp_plain_requests.answers
    given = [answer for answer in answers if answer.given]
    assert not given, " ".join(_by_port(given, answers))
    if not rtsp_plain_requests.asked:
        raise Inconclusive("no port was asked", "unreachable")
    late = [a for a in answers if a.late and a.port in rtsp_plain_requests.ports]
    if late:
        raise Inconclusive(
            " ".join(
                f"{a.host} port {a.port} speaks RTSP without TLS, and {a.method} {a.url} was not "
                f"answered in time ({a.problem})."
                for a in late[:4]
            ),
            "timeout",
        )
    open_to_basic = sorted({answer.port for answer in answers if answer.asks_basic})
    if open_to_basic:
        raise Inconclusive(
            f"port {', '.join(map(str, open_to_basic))} asks for a password in clear (Basic), "
            "which the test does not send: what it gives then was not seen",
            "no-login",
        )
    if not rtsp_plain_requests.account and any(answer.status == 401 for answer in answers):
        raise Inconclusive(
            "a login is asked for without TLS, and the device file gives no account", "no-login"
        )


def _by_port(given: Iterable[PlainAnswer], answers: Iterable[PlainAnswer]) -> list[str]:
    """A sentence for each port: which of the four are given, and which are refused."""
    said: list[str] = []
    for port in sorted({answer.port for answer in given}):
        mine = [answer for answer in given if answer.port == port]
        methods = [m for m in METHODS if any(a.method == m for a in mine)]
        first = next((a for a in mine if a.method == methods[-1]), mine[0])
        login = "with the test's login" if first.login == "digest" else "without a login"
        refused = [
            f"{m} {', '.join(sorted({str(a.status) for a in answers if _same(a, port, m)}))}"
            for m in METHODS
            if m not in methods and any(_same(a, port, m) for a in answers)
        ]
        said.append(
            f"{first.host} port {port} grants {', '.join(methods)} without TLS "
            f"({first.method} {first.url} {login}, status {first.status})"
            f"{'; refused: ' + ', '.join(refused) if refused else ''}; expected all four refused."
        )
    return said


def _same(answer: PlainAnswer, port: int, method: str) -> bool:
    return (answer.port, answer.method) == (port, method) and bool(answer.status)
