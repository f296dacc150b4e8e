"""Why a login or a resource tells nothing, for people; and what to add to the device file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from devices.links.http.captcha import captcha_word
from devices.links.http.exchange import Exchange


def why_refused(answer: Exchange) -> str:
    """How a login that goes with each request was answered."""
    led = f" (to {answer.header('Location')[:100]})" if _leads_on(answer) else ""
    return f"{answer.request} answered {answer.status}{led}"


def _leads_on(answer: Exchange) -> bool:
    return 300 <= answer.status < 400


def why_undone(name: str, answer: Exchange) -> str:
    """How an operation was answered that does not seem to be carried out."""
    said = f"{answer.request} is answered {answer.status}"
    if not _leads_on(answer):
        return said
    return (
        f"{said}, to {answer.header('Location')[:100]}: if that is how it succeeds, say so by "
        f"links.http.operations.{name}.success = [{answer.status}]"
    )


def why_no_session(answer: Exchange, opened: Exchange | None) -> str:
    """How a login of a session was answered; ``opened`` is what the session then got, if any."""
    said = why_refused(answer)
    if not (answer.succeeded or _leads_on(answer)):
        return said
    if opened is None:
        return (
            f"{said}, with no session in it that the device file describes: say where its token "
            "is in links.http.token, or what the login asks for first in links.http.challenge"
        )
    return (
        f"{said}, and then {opened.request} answered {opened.status} as without "
        "login. If the session is in no cookie, say where it is in links.http.token; if the login "
        "takes several steps, describe the first in links.http.challenge"
    )


def captcha(seen: Iterable[Exchange]) -> str:
    """What to do where an answer speaks of a picture that a person has to read; empty elsewhere."""
    for answer in seen:
        if word := captcha_word(answer):
            return (
                f". {answer.request} speaks of a {word!r}: a login that asks a person to read a "
                "picture cannot be tried. Have it switched off for the test, or describe a login "
                "without it under links.http (authentication digest or basic, or a call for "
                "programs as operations.login)"
            )
    return ""


def why_no_gate(answers: Sequence[Exchange]) -> str:
    """Why none of these can tell a login: what anonymous requests got."""
    if not answers:
        return (
            "the device file declares no readable resource under declared.api, and no operation "
            "device_information or snapshot, that asks for a login"
        )
    tried = ", ".join(f"{answer.target} ({answer.status})" for answer in answers)
    return (
        f"{tried}: all answer without login; declare under declared.api a resource that asks for "
        "one, or say in links.http.refusal how a refusal reads that comes with 200"
    )
