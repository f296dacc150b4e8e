"""Sessions of the web interface: who is logged in, by an identifier that only the browser knows."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from devices.emulated.flash import read_json, write_json
from devices.emulated.posture import Posture

IDLE_SECONDS = 600.0
"""A session unused for this long is over."""
MAX_SESSIONS = 64
"""The oldest goes when another login comes; memory is small."""


@dataclass
class Session:
    """One login. ``csrf`` must come back in a header with every change; ``role`` is at login."""

    id: str
    user: str
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    used: float = 0.0  # the clock's seconds
    role: str = ""

    def csrf_matches(self, given: str) -> bool:
        """Whether ``given`` is this session's token."""
        return hmac.compare_digest(self.csrf.encode(), given.encode("utf-8", "replace"))


class SessionStore:
    """The sessions of one power-on; a restart ends them all.

    ``path`` is where a camera keeps them that has its sessions survive a restart.
    """

    def __init__(
        self,
        posture: Posture,
        clock: Callable[[], float] = time.monotonic,
        path: Path | None = None,
    ) -> None:
        self._posture = posture
        self._clock = clock
        self._path = path if "reboot" in posture.session_survives else None
        stored = read_json(self._path, {}) if self._path else {}
        self._sessions = {name: Session(**row) for name, row in stored.items()}
        self._counter = itertools.count(1001)

    def begin(self, user: str, role: str = "") -> Session:
        """Make a session with a new identifier."""
        session = Session(self._identifier(), user, used=self._clock(), role=role)
        self._sessions[session.id] = session
        while len(self._sessions) > MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        self._keep()
        return session

    def _identifier(self) -> str:
        if self._posture.session_ids == "counter":
            return f"{next(self._counter):08d}"
        if self._posture.session_ids == "short":
            return secrets.token_hex(3)
        if self._posture.session_ids == "time-hash":
            moment = str(int(time.time() * 1000)).encode()
            return hashlib.md5(moment, usedforsecurity=False).hexdigest()
        return secrets.token_urlsafe(32)

    def _keep(self) -> None:
        if self._path is not None:
            write_json(self._path, {name: asdict(s) for name, s in self._sessions.items()})

    def find(self, identifier: str) -> Session | None:
        """The live session of this identifier; looking it up counts as use."""
        session = self._sessions.get(identifier)
        if session is None:
            return None
        idle = self._clock() - session.used > IDLE_SECONDS
        if idle and "idle" not in self._posture.session_survives:
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
