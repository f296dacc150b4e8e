"""Every way into a camera that takes a user's login, asked the same question."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from devices.description import DeviceFile
from devices.errors import LinkError, LoginRefused
from devices.links.guessing.tcp import TcpSurface
from devices.links.http.link import HttpLink
from devices.links.onvif.link import OnvifLink
from devices.links.onvif.observations import Outcome
from devices.links.rtsp.link import RtspLink
from devices.links.ssh.link import SshLink
from devices.links.ssh.trials import PasswordPair
from devices.observation import Observation
from devices.permit import Permit

Taken = Literal["accepted", "refused", "undecided"]
_PAUSE = 0.5  # s between two tries of a login that should be refused by now
_REFUSALS = {401, 403, 404}
_SSH_SECONDS = 15.0


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


def ssh_surface(link: SshLink) -> Surface:
    """SSH, for cameras whose users may log in there by password."""

    def takes(username: str, password: str) -> tuple[Taken, str]:
        pair = PasswordPair(username, password)
        trial = link.try_pairs([pair], each_user=1, seconds=_SSH_SECONDS)
        if trial.accepted:
            return "accepted", "the login is accepted"
        if trial.tried or not trial.shortfall:
            return "refused", "refused" if trial.tried else "no password is taken"
        return "undecided", trial.shortfall

    return Surface("SSH", takes, lambda *_: None)


def tcp_surface(name: str, device: DeviceFile, permit: Permit) -> Surface:
    """A described login on a TCP port."""

    def takes(username: str, password: str) -> tuple[Taken, str]:
        tried = TcpSurface(name, device, permit).attempt(username, password)
        if not tried.clear:
            return "undecided", tried.said
        return ("accepted" if tried.accepted else "refused"), tried.said

    return Surface(f"the login {name}", takes, lambda *_: None)


class Watch:
    """Asks every surface, and keeps the answers."""

    def __init__(self, surfaces: Sequence[Surface], grace: float) -> None:
        self.surfaces = list(surfaces)
        self._grace = grace
        self.logins: list[SurfaceLogin] = []

    def begin(self, right: tuple[str, str], wrong: tuple[str, str]) -> None:
        """Go on with the surfaces that take the right login, and refuse the wrong one.

        A right login follows each wrong one, here and later: so no count of failures grows.
        """
        for surface in self.surfaces:
            self._keep(surface, "before", "old", right)
            if self.logins[-1].taken == "accepted":
                self._keep(surface, "before", "wrong", wrong)
                self._keep(surface, "before", "old", right)
        telling = self._taken_by("before", "wrong", "refused")
        self.surfaces = [s for s in self.surfaces if s.name in telling]

    def change(self, when: str, old: tuple[str, str], new: tuple[str, str] | None) -> None:
        """Try on each what should be refused now, within the grace, and what should be taken."""
        for surface in self.surfaces:
            given = "old" if new is not None else "new"
            self._keep(surface, when, given, old, gone=True)
            if new is not None:
                self._keep(surface, when, "new", new)

    def _keep(
        self,
        surface: Surface,
        when: str,
        given: str,
        login: tuple[str, str],
        *,
        gone: bool = False,
    ) -> None:
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

    def watched(self) -> set[str]:
        """The surfaces that took the login at first."""
        return self._taken_by("before", "old", "accepted")

    def _taken_by(self, when: str, given: str, taken: Taken) -> set[str]:
        wanted = (when, given, taken)
        return {
            login.surface
            for login in self.logins
            if (login.when, login.given, login.taken) == wanted
        }

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
