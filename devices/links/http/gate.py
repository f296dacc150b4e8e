"""The gate of a web interface: what a login has to open, and what is told where it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from devices.links.http.exchange import Exchange
from devices.links.http.pages import same_page
from devices.observation import Observation


@dataclass(frozen=True, kw_only=True)
class Gate(Observation):
    """A declared resource that is closed to anonymous requests; what a login has to open.

    ``anonymous`` is the refusal. Where a camera answers 2xx to everything, it is the page that any
    path gets, most often the login page. ``stranger`` is what a made-up session gets, where that
    is a success of its own: "your session has expired".
    """

    target: str
    anonymous: Exchange
    stranger: Exchange | None = None

    def opened_by(self, answer: Exchange) -> bool:
        """Whether this answer came to somebody whom the camera knows.

        403 is no such answer, even where an anonymous request gets 401: RFC 9110, 15.5.4, would
        have it so, but many cameras answer wrong credentials and closed accounts by it.
        """
        known = [self.anonymous, *([self.stranger] if self.stranger is not None else [])]
        everywhere = any(page.succeeded and same_page(answer, page) for page in known)
        return answer.succeeded and not everywhere


@dataclass(frozen=True, kw_only=True)
class LoginAttempt(Observation):
    """One login: ``accepted`` when it opened the gate.

    ``answer`` is the camera's answer to the credentials themselves, ``opened`` the gate's.
    """

    username: str
    accepted: bool
    answer: Exchange
    opened: Exchange | None = None


def why_refused(attempt: LoginAttempt, *, session: bool) -> str:
    """Why an account of the device file was not let in; names what its device file may lack."""
    said = f"{attempt.answer.request} answered {attempt.answer.status}"
    if not (session and attempt.answer.succeeded):
        return said
    if attempt.opened is None:
        return (
            f"{said}, with no session in it that the device file describes: say where its token "
            "is in links.http.token, or what the login asks for first in links.http.challenge"
        )
    return (
        f"{said}, and then {attempt.opened.request} answered {attempt.opened.status} as without "
        "login. If the session is in no cookie, say where it is in links.http.token; if the login "
        "takes several steps, describe the first in links.http.challenge"
    )


def why_no_gate(answers: Sequence[Exchange]) -> str:
    """Why none of these answers to anonymous requests makes a gate."""
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
