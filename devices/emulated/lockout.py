"""Protection against guessing: after some failures in a row an account is closed for a while.

The count is kept per account and shared by all services, so that a guesser gains nothing by going
from the web interface to RTSP or ONVIF. The default, 5 failures and 300 s, is that of Viet Nam's
Decision 724/QD-BTTTT.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devices.emulated.flash import read_json, write_json
from devices.emulated.posture import Posture

MAX_TRACKED = 256
"""Names remembered at once; a guesser who makes names up must not fill the memory."""


@dataclass
class _Count:
    failures: int = 0
    locked_until: float | None = None  # in the clock's seconds


class Lockout:
    """Counts failed logins. ``path``: where counts outlive a reboot; None keeps them in memory.

    A service that the posture leaves unprotected neither counts nor is ever locked. ``service`` is
    ``http``, ``http-digest``, ``rtsp``, ``onvif``, ``onvif-digest`` or ``ssh``. ``origin`` is where
    a client says that it is; it matters under a fault alone.
    """

    def __init__(
        self,
        path: Path | None = None,
        posture: Posture | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        attempts: int | None = None,
        seconds: float = 300.0,
        exists: Callable[[str], bool] | None = None,
    ) -> None:
        """``exists`` tells who is a user; under a fault, failures of nobody else are counted."""
        posture = posture or Posture()
        self._path = path
        self._clock = clock
        self._attempts = attempts or posture.lockout_attempts
        self._seconds = {"endless": 1e9, "brief": 2.0}.get(posture.lockout_length, seconds)
        self._scope = posture.lockout_scope
        self._counts_for = (
            exists if exists and not posture.lockout_of_nobody else (lambda _name: True)
        )
        self._protected = {
            "http": posture.lockout_http,
            "http-digest": posture.lockout_http_digest,
            "rtsp": posture.lockout_rtsp,
            "onvif": posture.lockout_onvif,
            "onvif-digest": posture.lockout_onvif_digest,
        }
        self._counts = self._load()

    def locked(self, service: str, name: str, origin: str = "") -> bool:
        """Whether a login of ``name`` over ``service`` must be refused without looking at it."""
        if not self._protected.get(service, True):
            return False
        if self._scope == "everyone":
            return any(self._locked(key) for key in tuple(self._counts))
        return self._locked(self._key(service, name, origin))

    def failed(self, service: str, name: str, origin: str = "") -> None:
        """Count a wrong password; the last allowed one closes the account."""
        if not self._protected.get(service, True) or not self._counts_for(name):
            return
        count = self._counts.setdefault(self._key(service, name, origin), _Count())
        count.failures += 1
        if count.failures >= self._attempts and count.locked_until is None:
            count.locked_until = self._clock() + self._seconds
        self._forget_surplus()
        self._save()

    def succeeded(self, service: str, name: str, origin: str = "") -> None:
        """A right password: the count starts again."""
        if not self._protected.get(service, True):
            return
        known = len(self._counts)
        self._counts.pop(self._key(service, name, origin), None)
        if self._scope == "forgiving":  # one count of failures, which any login ends
            held = {n: c for n, c in self._counts.items() if c.locked_until is not None}
            self._counts = held
        if len(self._counts) < known:
            self._save()

    def _key(self, service: str, name: str, origin: str) -> str:
        """What failures are counted for: the account, but under a fault."""
        if self._scope == "service":
            return f"{service}|{name}"
        believes = {"forwarded": "http", "forwarded-onvif": "onvif"}.get(self._scope)
        return f"{origin}|{name}" if service == believes else name

    def _locked(self, key: str) -> bool:
        count = self._counts.get(key)
        if count is None or count.locked_until is None:
            return False
        if self._clock() < count.locked_until:
            return True
        del self._counts[key]
        self._save()
        return False

    def _forget_surplus(self) -> None:
        open_names = (n for n, count in self._counts.items() if count.locked_until is None)
        while len(self._counts) > MAX_TRACKED:
            victim = next(open_names, None) or next(iter(self._counts))
            del self._counts[victim]

    def _load(self) -> dict[str, _Count]:
        stored = read_json(self._path, {}) if self._path else {}
        now = self._clock()
        return {
            name: _Count(failures, now + left if left is not None else None)
            for name, (failures, left) in stored.items()
        }

    def _save(self) -> None:
        """Keep the seconds that are left, not a time of day.

        After a power cut the camera's clock cannot be believed; a lock then starts its remaining
        time again, so that switching the power never shortens it.
        """
        if self._path is None:
            return
        now = self._clock()
        write_json(
            self._path,
            {
                name: [c.failures, None if c.locked_until is None else c.locked_until - now]
                for name, c in self._counts.items()
            },
        )
