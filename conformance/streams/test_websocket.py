"""RTSP in WebSockets: no way around TLS or the login, and none that nobody was told of."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.links.rtsp.websocket import websocket_target
from devices.links.rtsp.websockets import WebSocketAnswer, WebSocketAnswers

_REFUSALS = (401, 403)


@case(
    "STREAM-044",
    severity="critical",
    needs=("rtsp", "ports"),
    catches=("stream-websocket-rtsp-plain", "stream-websocket-rtsp-open"),
    applies_to=("streams",),
)
def test_no_websocket_around_tls_or_login(rtsp_websockets: WebSocketAnswers) -> None:
    """No WebSocket with RTSP in it leads around TLS or the login.

    Method: on every port that is declared for HTTP or RTSP or that the port sweep found to speak
    either, and on those where servers usually have it, ask for a WebSocket of the sub-protocol
    rtsp.onvif.org (ONVIF Streaming, 5.1.1.5): at the declared address, at the one that ONVIF
    announces, at published paths and at one made up; without TLS everywhere, inside TLS where it is
    spoken; first without a login and, where HTTP asks for one, with the test's by Digest. In a
    WebSocket that opens without a login ask by RTSP for OPTIONS, DESCRIBE, SETUP and PLAY of the
    first declared stream without a login. Inside TLS, with a login by HTTP or by RTSP, it is no
    finding. A WebSocket in which nothing answers by RTSP is none of this kind; one that was agreed
    on for RTSP and in which nothing answers leaves the verdict open.
    Pass: RTSP is answered in no WebSocket without TLS, and in none inside TLS a stream is
    described, set up or played without a login.
    """
    answers = rtsp_websockets.answers
    problems = [
        f"{a.url} opens a WebSocket without TLS{_as_whom(a)}, and RTSP is answered in it, expected "
        "none."
        for a in answers
        if a.speaks_rtsp and not a.encrypted
    ]
    problems += [
        f"{a.url}: {', '.join(a.given)} in the WebSocket is granted without a login, expected "
        "status 401."
        for a in answers
        if a.given and a.encrypted
    ]
    assert not problems, " ".join(problems)
    _require_answers(rtsp_websockets)
    if doubts := [doubt for answer in answers for doubt in _doubts(answer)]:
        raise Inconclusive(" ".join(doubts), "no-login")


def _require_answers(websockets: WebSocketAnswers) -> None:
    """Raise Inconclusive when nothing was learnt: no port answers, or not one that is told of."""
    if not any(a.status or a.cause == "garbled" for a in websockets.answers):
        raise Inconclusive("no port answered, with TLS or without", "unreachable")
    told = [a for a in websockets.answers if a.source in ("declared", "announced")]
    silent = [a for a in told if not a.status and a.cause != "garbled"]
    if silent:
        raise Inconclusive(
            " ".join(f"{a.url} ({a.source}) gave no answer: {a.problem}." for a in silent),
            silent[0].cause,
        )


def _as_whom(answer: WebSocketAnswer) -> str:
    return " to who logs in" if answer.login == "digest" else " without a login of HTTP"


def _doubts(answer: WebSocketAnswer) -> Iterator[str]:
    if answer.agreed and not answer.speaks_rtsp:
        yield f"{answer.url} opens a WebSocket for RTSP, and it answers nothing: {answer.problem}."
    if not answer.speaks_rtsp or answer.login != "none":
        return
    for method, status in answer.requests:
        if method in ("DESCRIBE", "SETUP") and status not in _REFUSALS:
            yield (
                f"{answer.url} opens a WebSocket, and {method} in it is answered {status} without "
                "a login, which does not show that one is asked for."
            )
    if answer.problem:
        yield (
            f"{answer.url} opens a WebSocket, and not every request in it was answered: "
            f"{answer.problem}."
        )


@case(
    "STREAM-045",
    severity="high",
    needs=("rtsp", "ports"),
    catches=("stream-websocket-rtsp-undeclared", "stream-websocket-rtsp-plain"),
    applies_to=("streams",),
)
def test_every_websocket_with_rtsp_is_declared(
    rtsp_websockets: WebSocketAnswers, device: DeviceFile
) -> None:
    """Every WebSocket with RTSP in it is declared.

    Method: ask every port that is declared for HTTP or RTSP or found to speak either for a
    WebSocket of the sub-protocol rtsp.onvif.org, at the address that ONVIF announces, at published
    paths and at one made up, with the test's login by Digest where HTTP asks for one, and ask in it
    for OPTIONS by RTSP. A server that does so at a path that was made up does so at any: it counts
    as one address.
    Pass: RTSP is answered in no WebSocket but those that the device file declares (transport
    websocket, websocket_url).
    """
    targets = [
        websocket_target(stream.websocket_url)
        for stream in device.declared.streams
        if stream.websocket_url is not None
    ]
    declared = {(t.port, t.encrypted, t.path) for t in targets}
    ports = {(t.port, t.encrypted) for t in targets}
    speaking = [a for a in rtsp_websockets.answers if a.speaks_rtsp]
    anywhere = {_place(a) for a in speaking if a.source == "made up"}
    surprises = [
        a
        for a in speaking
        if (*_place(a), a.path) not in declared
        and not (_place(a) in anywhere and (_place(a) in ports or a.source != "made up"))
    ]
    assert not surprises, " ".join(
        f"{a.url} ({a.source}) opens a WebSocket and answers RTSP in it, and is not declared."
        for a in surprises
    )
    _require_answers(rtsp_websockets)
    guarded = [a for a in rtsp_websockets.answers if _is_guarded(a, rtsp_websockets)]
    if guarded:
        raise Inconclusive(
            " ".join(
                f"{a.url} asks for a login that the test did not get past, and a path that does "
                "not exist does not: there may be RTSP."
                for a in guarded
            ),
            "no-login",
        )


def _place(answer: WebSocketAnswer) -> tuple[int, bool]:
    return answer.port, answer.encrypted


def _is_guarded(answer: WebSocketAnswer, all_of_it: WebSocketAnswers) -> bool:
    """Whether HTTP asks for a login here, and not at a made-up path, and the test's is not taken.

    ``/`` is the web interface of most cameras, and says nothing.
    """
    same = [a for a in all_of_it.answers if a.url == answer.url]
    made_up = [
        a for a in all_of_it.answers if a.source == "made up" and _place(a) == _place(answer)
    ]
    return (
        answer.path != "/"
        and answer.status == 401
        and same[-1] is answer
        and any(a.status not in (0, 401) for a in made_up)
    )
