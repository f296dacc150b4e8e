"""The gate of a web interface: what a login has to open."""

from __future__ import annotations

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
