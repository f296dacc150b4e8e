"""Who gets a stream: a login on every path, by a digest that holds, and not by a recording."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.links.rtsp.client import endpoint_of
from devices.links.rtsp.observations import AnonymousAnswers, PathAnswer, ReplayedLogin

_REFUSALS = (401, 403, 404)
"""Answers to who has no login; 461 and others come before a camera has looked for one."""


@case(
    "STREAM-004",
    severity="critical",
    needs=("rtsp",),
    catches=("stream-anonymous", "stream-hidden-path", "stream-login-only-describe"),
    applies_to=("rtsp-streams",),
)
def test_no_stream_without_login(anonymous_answers: AnonymousAnswers) -> None:
    """No stream is given without a login.

    Method: ask for every declared RTSP stream (STREAM-012 asks for those over HTTP), and for every
    stream path published for cameras, without a login; ask for a declared stream as a user who
    cannot exist; set every declared stream up over each of its transports and play it without a
    login. A status other than 401, 403 and 404 there refuses the request, not who has no login,
    and leaves the verdict open.
    Pass: no answer describes, sets up or plays a stream, and each request to set one up is refused
    with status 401, 403 or 404.
    """
    answers = anonymous_answers.answers
    if not answers:
        raise Inconclusive("no request was answered", "unreachable")
    given = [answer for answer in answers if _is_given(answer)]
    assert not given, " ".join(
        f"{answer.method} {answer.url} is answered {answer.status} with login {answer.login!r}, "
        "expected a refusal."
        for answer in given
    )
    if unclear := [a for a in answers if a.method == "SETUP" and a.status not in _REFUSALS]:
        raise Inconclusive(
            " ".join(
                f"SETUP {answer.url} over {answer.transport} without a login is answered "
                f"{answer.status}, which does not show that a login is asked for."
                for answer in unclear
            ),
            "not-offered",
        )


def _is_given(answer: PathAnswer) -> bool:
    return answer.described or (answer.method in ("SETUP", "PLAY") and answer.status == 200)


@case(
    "STREAM-005",
    severity="medium",
    needs=("rtsp",),
    catches=("stream-basic-auth", "stream-md5-digest"),
    applies_to=("rtsp-streams",),
)
def test_login_is_by_a_strong_digest(anonymous_answers: AnonymousAnswers, policy: Any) -> None:
    """RTSP logs in by a strong digest.

    Method: read the challenges in the answers to requests for streams without a login, and as a
    user who cannot exist. A server whose refusals hold no challenge at all shows nothing of its
    login, which leaves the verdict open.
    Pass: every answer with challenges offers Digest with the algorithms that the policy "streams"
    requires, and no scheme that it refuses.
    """
    rules = policy("streams")["login"]
    challenged = [answer for answer in anonymous_answers.answers if answer.status == 401]
    if not challenged:
        raise Inconclusive("no request was answered with a challenge (see STREAM-004)", "no-login")
    problems = dict.fromkeys(p for answer in challenged for p in _weak_login(answer, rules))
    assert not problems, " ".join(problems)
    told = {endpoint_of(answer.url) for answer in challenged if answer.challenges}
    refused = dict.fromkeys(endpoint_of(answer.url) for answer in challenged)
    if silent := [server.url for server in refused if server not in told]:
        raise Inconclusive(
            f"{', '.join(silent)}: every refusal (401) is without a challenge, so how to log in "
            "is not shown",
            "no-login",
        )


def _weak_login(answer: PathAnswer, rules: dict[str, Any]) -> Iterator[str]:
    if not answer.challenges:  # a last refusal may be without, as that of a wrong password
        return
    server = endpoint_of(answer.url).url
    schemes = {challenge.scheme for challenge in answer.challenges}
    for scheme in sorted(schemes & set(rules["refused_schemes"])):
        yield f"{server} offers {scheme} authentication, which the policy refuses."
    algorithms = {c.algorithm.removesuffix("-SESS") for c in answer.challenges if c.algorithm}
    for algorithm in rules["required_algorithms"]:
        if algorithm not in algorithms:
            found = ", ".join(sorted(algorithms)) or "no Digest at all"
            yield f"{server} offers {found}, expected Digest with {algorithm}."


@case(
    "STREAM-006",
    severity="high",
    needs=("rtsp",),
    catches=("stream-nonce-reuse", "stream-basic-auth"),
    applies_to=("rtsp-streams",),
)
def test_recorded_login_is_worthless(replayed_login: ReplayedLogin) -> None:
    """A recorded RTSP login cannot be used again.

    Method: log in, and send the very same request with its credentials again on a new connection.
    Pass: the repeated request is refused.
    """
    if replayed_login.original != 200:
        raise Inconclusive(
            f"{replayed_login.url}: the original request is answered {replayed_login.original}, "
            "so its repetition shows nothing",
            "login-refused",
        )
    assert replayed_login.elsewhere != 200, (
        f"{replayed_login.url}: a recorded {replayed_login.scheme} login was accepted again on a "
        "new connection (status 200), expected a refusal."
    )
    if replayed_login.elsewhere >= 500:
        raise Inconclusive(
            f"{replayed_login.url}: the repetition is answered {replayed_login.elsewhere}, which "
            "is no refusal",
            "garbled",
        )
