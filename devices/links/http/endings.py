"""When a session of the web interface ends: what each event leaves of one that was alive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from devices.errors import LinkError
from devices.links.http.exchange import Exchange
from devices.links.http.link import HttpLink
from devices.observation import Observation


@dataclass(frozen=True, kw_only=True)
class SessionEnding(Observation):
    """One session before and after an event.

    ``event``: ``logout``, ``own password change``, ``password change by an administrator``,
    ``role change``, ``user removal``, ``reboot``, ``idle time``. ``began``: it opened the gate just
    before. ``alive``: it opened it after; for ``role change``, that it did what only the higher
    role may. ``control``: that a fresh login was taken afterwards (for what ends no login), so that
    the refusal is not that of a camera that refuses everybody; None where there can be none.
    ``by``: what brought the event about.
    """

    event: str
    by: str
    began: bool
    alive: bool
    after: Exchange | None
    control: bool | None = None
    seconds: float = 0.0


class WatchedSession:
    """A login whose end is watched. Raises LinkError where the camera does not answer."""

    def __init__(self, link: HttpLink, username: str, password: str, target: str = "") -> None:
        self._link = link
        self._target = target or link.gate().target
        self._attempt, self.client = link.log_in(username, password)
        self._gate = link.gate()
        self._kept = self._login_fields()
        self.username = username

    @property
    def accepted(self) -> bool:
        """Whether the login was taken."""
        return self._attempt.accepted

    @property
    def identifier(self) -> str:
        """What carries the session, for comparison alone."""
        cookies = self.client.cookies
        return "; ".join(f"{k}={v}" for k, v in cookies.items()) or self.client.token

    def alive(self) -> tuple[bool, Exchange]:
        """Whether the session opens its resource, as it was when it last did.

        A camera may give another cookie with any answer; the one that it gave last counts.
        """
        answer = self.client.request("GET", self._target, headers=self._kept)
        opened = self._gate.opened_by(answer)
        if opened:
            self._kept = self._login_fields()
        return opened, answer

    def after(
        self,
        event: str,
        change: Callable[[], object],
        *,
        by: str,
        control: Callable[[], bool] | None = None,
        seconds: float = 0.0,
    ) -> SessionEnding:
        """Have ``change`` happen between two looks at the session. Raises what ``change`` does."""
        began, _ = self.alive()
        if began:
            change()
        alive, answer = self._after_restart()
        return SessionEnding(
            event=event,
            by=by,
            began=began,
            alive=began and alive,
            after=answer,
            control=control() if control is not None and began else None,
            seconds=seconds,
        )

    def _after_restart(self) -> tuple[bool, Exchange]:
        try:
            return self.alive()
        except LinkError:  # the kept connection died with the server; the next one is new
            return self.alive()

    def _login_fields(self) -> dict[str, str]:
        """What the session sends, so that a cookie taken back by an answer is still sent."""
        return {k: v for k, v in self.client.login_fields().items() if k == "Cookie"}

    def leave(self) -> None:
        """Log out and close."""
        self._link.leave(self.client)


def logged_in(link: HttpLink, username: str, password: str) -> bool:
    """Whether a fresh login is taken; it is ended at once."""
    attempt, client = link.log_in(username, password)
    link.leave(client)
    return attempt.accepted
