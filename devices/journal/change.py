"""One change of a camera, and what it is in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

Kind = Literal[
    "user",
    "password",
    "lock",
    "clock",
    "power",
    "factory",
    "firmware",
    "setting",
    "start",
    "console",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

LOCK_SECONDS = 300.0
"""How long a lock is taken to last where nothing is declared."""


@dataclass(frozen=True)
class Change:
    """One change. ``subject`` is the user's name, or what was set, or empty.

    ``via`` is the link it was made over. ``at`` and ``until`` (when a lock should end; else empty)
    are UTC, ISO 8601. ``secrets`` are references into the file SECRETS, the newest password last.
    """

    id: str
    kind: Kind
    via: str
    subject: str
    at: str
    until: str = ""
    secrets: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """The change for people."""
        return self.words.partition(": ")[0]

    @property
    def words(self) -> str:
        """The change for people, with what puts it right."""
        name, over = self.subject, f" over {self.via}" if self.via else ""
        return {
            "user": f"the user {name} was created{over}: delete it",
            "password": f"the password of {name} was changed{over}: give it its own again",
            "lock": f"{name} may be locked{over} until {self.until}: the lock ends by itself",
            "clock": "the camera's clock was moved: set it right",
            "power": "the camera's power is off: switch it on",
            "factory": "the camera was reset: set it up as declared",
            "firmware": "other firmware was offered to the camera: put the declared one back",
            "setting": f"{name} was set{over}: put back what was set before",
            "start": f"the camera was restarted{over}, and may stand still in its boot loader: "
            "see that it is up, or restart it",
            "console": f"somebody may be logged in{over}: log out there",
        }[self.kind]

    def age(self, now: datetime | None = None) -> float:
        """Seconds since it was entered; infinite when that cannot be told."""
        try:
            return ((now or datetime.now(UTC)) - datetime.fromisoformat(self.at)).total_seconds()
        except (ValueError, TypeError):
            return math.inf

    def seconds_left(self, now: datetime | None = None) -> float:
        """Seconds until a lock should have ended; 0 when that is past, or it is no lock."""
        if not self.until:
            return 0.0
        left = datetime.fromisoformat(self.until) - (now or datetime.now(UTC))
        return max(0.0, left.total_seconds())
