"""STREAM-024: a stream is refused to a wrong login, and to another's session."""

from __future__ import annotations

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.links.rtsp.refusals import RefusedLogin, RefusedLogins

_NOT_YOU = (401, 403)
"""Answers to a login; other refusals show one only when the right login then succeeds."""


@case(
    "STREAM-024",
    severity="critical",
    needs=("rtsp",),
    catches=("stream-login-only-describe", "stream-session-hijack"),
    applies_to=("rtsp-streams",),
)
def test_streams_are_refused_to_wrong_logins(refused_logins: RefusedLogins) -> None:
    """A stream is refused to a wrong login, and to who has another's session.

    Method: ask for the description of every declared RTSP stream with a wrong password, an empty
    one, and the user name in another case, each on a connection of its own. Over each declared
    transport, with the right login otherwise: SETUP with a wrong password; PLAY with a wrong one,
    and PLAY without a login; and on another connection, with the session's identifier alone,
    GET_PARAMETER, and PLAY where that tells nothing. The right login is tried with each. Where the
    device file says which roles may watch a stream, ask for its description as the others. The
    account is one that may be locked (purpose "lockout"); any other is given two wrong passwords
    less than the declared lock allows (two where none is declared), and what is then not tried
    leaves the verdict open.
    Pass: each is refused, by status 401 or 403, or otherwise where the same request with the right
    login succeeds.
    """
    answers = refused_logins.answers
    given = [answer for answer in answers if 200 <= answer.status < 300]
    assert not given, " ".join(_sentence(answer) for answer in given)
    if refused_logins.unguarded:
        raise Inconclusive(
            f"{', '.join(refused_logins.unguarded)}: described without any login (see STREAM-004), "
            "so a wrong one shows nothing",
            "no-login",
        )
    if not any(answer.method == "PLAY" for answer in answers):
        raise Inconclusive(
            f"no session could be set up: {refused_logins.shortfall or 'none was tried'}",
            "no-login",
        )
    if doubts := [_doubt(answer) for answer in answers if _is_unclear(answer)]:
        raise Inconclusive(" ".join(doubts), "not-offered")


def _which(answer: RefusedLogin) -> str:
    over = f" over {answer.transport}" if answer.transport else ""
    return f"Stream {answer.name}{over}: {answer.method} {answer.url} with {answer.kind}"


def _sentence(answer: RefusedLogin) -> str:
    return f"{_which(answer)} is answered {answer.status}, expected a refusal."


def _is_unclear(answer: RefusedLogin) -> bool:
    if answer.kind != "low role" and answer.control and not 200 <= answer.control < 300:
        return True  # the right login is refused as well: locked, or no such session any more
    return answer.status not in _NOT_YOU and not (
        400 <= answer.status < 500 and 200 <= answer.control < 300
    )


def _doubt(answer: RefusedLogin) -> str:
    return (
        f"{_which(answer)} is answered {answer.status}, and with the right login afterwards "
        f"{answer.control or 'was not asked'}, which does not show that the login was refused."
    )
