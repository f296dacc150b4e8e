"""Sessions of the web interface: who is logged in, by an identifier that only the browser knows."""

from __future__ import annotations

import hmac
import itertools
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from devices.emulated.posture import Posture

IDLE_SECONDS = 600.0
"""A session unused for this long is over."""
MAX_SESSIONS = 64
"""The oldest goes when another login comes; memory is small."""


@dataclass
class Session:
    """One login. ``csrf`` must come back in a header with every change."""

    id: str
    user: str
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    used: float = 0.0  # the clock's seconds

    def csrf_matches(self, given: str) -> bool:
        """Whether ``given`` is this session's token."""
        return hmac.compare_digest(self.csrf.encode(), given.encode("utf-8", "replace"))


class SessionStore:
    """The sessions of one power-on; a restart ends them all."""

    def __init__(self, posture: Posture, clock: Callable[[], float] = time.monotonic) -> None:
        self._posture = posture
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self._counter = itertools.count(1001)

    def begin(self, user: str) -> Session:
        """Make a session with a new identifier."""
        counted = self._posture.session_ids == "counter"
        identifier = f"{next(self._counter):08d}" if counted else secrets.token_urlsafe(32)
        session = Session(identifier, user, used=self._clock())
        self._sessions[identifier] = session
        while len(self._sessions) > MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        return session

    def find(self, identifier: str) -> Session | None:
        """The live session of this identifier; looking it up counts as use."""
        session = self._sessions.get(identifier)
        if session is None:
            return None
        if self._clock() - session.used > IDLE_SECONDS:
            del self._sessions[identifier]
            return None
        session.used = self._clock()
        return session

    def log_out(self, session: Session) -> None:
        """End a session at its user's wish."""
        if not self._posture.session_survives_logout:
            self._sessions.pop(session.id, None)

    def password_changed(self, user: str) -> None:
        """End every session of a user whose password is another now."""
        if not self._posture.session_survives_password_change:
            self.user_removed(user)

    def user_removed(self, user: str) -> None:
        """End every session of a user."""
        self._sessions = {k: s for k, s in self._sessions.items() if s.user != user}
