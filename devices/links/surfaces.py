"""Every way into a camera that takes a user's login, asked the same question."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from devices.errors import LinkError, LoginRefused
from devices.links.http.link import HttpLink
from devices.links.onvif.link import OnvifLink
from devices.links.onvif.observations import Outcome
from devices.links.rtsp.link import RtspLink
from devices.observation import Observation

Taken = Literal["accepted", "refused", "undecided"]
_PAUSE = 0.5  # s between two tries of a login that should be refused by now
_REFUSALS = {401, 403, 404}


@dataclass(frozen=True)
class Surface:
    """One way in. ``takes`` and ``administers`` get name and password, and raise LinkError.

    ``takes`` gives the kind of the answer and its words; ``administers`` whether the user is let
    do what administrators alone may, None where that cannot be told here.
    """

    name: str
    takes: Callable[[str, str], tuple[Taken, str]]
    administers: Callable[[str, str], bool | None]


@dataclass(frozen=True)
class SurfaceLogin:
    """One login. ``when``: ``before``, ``after the change``, ``after the removal``, ...

    ``given``: ``wrong`` (made up), ``old``, ``new`` password, or ``role`` for what only an
    administrator may.
    """

    surface: str
    when: str
    given: str
    taken: Taken
    answer: str = ""


@dataclass(frozen=True, kw_only=True)
class SurfaceLogins(Observation):
    """The logins of one trial user, who was made, changed and removed ``by`` one way."""

    by: str
    logins: tuple[SurfaceLogin, ...]


def web_surface(link: HttpLink) -> Surface:
    """The web interface."""

    def takes(username: str, password: str) -> tuple[Taken, str]:
        attempt, client = link.log_in(username, password)
        link.leave(client)
        answer = attempt.opened or attempt.answer
        words = f"{answer.status}"
        if attempt.accepted:
            return "accepted", words
        throttled = attempt.answer.status in {429, 503} or attempt.answer.status >= 500
        return ("undecided" if throttled else "refused"), words

    def administers(username: str, password: str) -> bool | None:
        target = next(iter(link.targets_for(("admin",))), "")
        if not target:
            return None
        _, client = link.log_in(username, password)
        try:
            return link.gate().opened_by(client.request("GET", target))
        finally:
            link.leave(client)

    return Surface("web interface", takes, administers)


def onvif_surface(link: OnvifLink) -> Surface:
    """ONVIF."""

    def takes(username: str, password: str) -> tuple[Taken, str]:
        outcome = link.takes(username, password)
        if outcome is Outcome.DATA:
            return "accepted", outcome.value
        return ("refused" if outcome is Outcome.NOT_AUTHORISED else "undecided"), outcome.value

    def administers(username: str, password: str) -> bool | None:
        outcome = link.takes(username, password, operation="GetUsers")
        known = {Outcome.DATA: True, Outcome.NOT_AUTHORISED: False}
        return known.get(outcome)

    return Surface("ONVIF", takes, administers)


def rtsp_surface(link: RtspLink) -> Surface:
    """RTSP, by a description of the first declared stream."""

    def takes(username: str, password: str) -> tuple[Taken, str]:
        try:
            status = link.takes(username, password)
        except LoginRefused as error:
            return "refused", str(error)
        if status == 200:
            return "accepted", "200"
        return ("refused" if status in _REFUSALS else "undecided"), f"{status}"

    return Surface("RTSP", takes, lambda *_: None)


class Watch:
    """Asks every surface, and keeps the answers."""

    def __init__(self, surfaces: Sequence[Surface], grace: float) -> None:
        self.surfaces = list(surfaces)
        self._grace = grace
        self.logins: list[SurfaceLogin] = []

    def ask(self, when: str, given: str, login: tuple[str, str], *, gone: bool = False) -> None:
        """Try a login on each. ``gone``: it should be refused, within the time of grace."""
        for surface in self.surfaces:
            self.logins.append(self._asked(surface, when, given, login, gone=gone))

    def ask_rights(self, when: str, login: tuple[str, str], *, gone: bool) -> None:
        """Try on each what administrators alone may; left out where it cannot be told."""
        for surface in self.surfaces:
            end = time.monotonic() + self._grace
            while True:
                try:
                    may = surface.administers(*login)
                except LinkError as error:
                    self.logins.append(
                        SurfaceLogin(surface.name, when, "role", "undecided", str(error))
                    )
                    break
                if not (may and gone and time.monotonic() < end):
                    if may is not None:
                        taken: Taken = "accepted" if may else "refused"
                        self.logins.append(SurfaceLogin(surface.name, when, "role", taken))
                    break
                threading.Event().wait(_PAUSE)

    def keep(self, names: set[str]) -> None:
        """Go on with these surfaces alone."""
        self.surfaces = [surface for surface in self.surfaces if surface.name in names]

    def taken_by(self, when: str, given: str, taken: Taken) -> set[str]:
        """The surfaces that answered such a login so."""
        wanted = (when, given, taken)
        return {login.surface for login in self.logins if _key(login) == wanted}

    def _asked(
        self, surface: Surface, when: str, given: str, login: tuple[str, str], *, gone: bool
    ) -> SurfaceLogin:
        end = time.monotonic() + self._grace
        while True:
            try:
                taken, answer = surface.takes(*login)
            except LinkError as error:
                return SurfaceLogin(surface.name, when, given, "undecided", str(error)[:200])
            if not (gone and taken == "accepted" and time.monotonic() < end):
                return SurfaceLogin(surface.name, when, given, taken, answer)
            threading.Event().wait(_PAUSE)


def _key(login: SurfaceLogin) -> tuple[str, str, Taken]:
    return login.when, login.given, login.taken
