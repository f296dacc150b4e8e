"""One change of a camera, and what it is in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
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

SURFACES = {
    "http": "the web interface",
    "onvif": "ONVIF",
    "rtsp": "RTSP",
    "ssh": "SSH",
    "serial": "the serial console",
}
"""What people call the links."""

_REMEDIES: Mapping[Kind, str] = {
    "user": "delete it",
    "password": "give it its own again",
    "lock": "the lock ends by itself",
    "clock": "set it right",
    "power": "switch it on",
    "factory": "set it up as declared",
    "firmware": "put the declared one back",
    "setting": "put back what was set before",
    "start": "see that it is up, or restart it",
    "console": "log out there",
}

LOCK_SECONDS = 300.0
"""How long a lock is taken to last where nothing is declared."""


def surface(via: str) -> str:
    """What people call a link; as it is named where they have no other word for it."""
    return SURFACES.get(via, f"the login {via.removeprefix('tcp.')}")


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
        """The change for people: half a sentence."""
        name, over = self.subject, f" over {surface(self.via)}" if self.via else ""
        return {
            "user": f"the user {name} was created{over}",
            "password": f"the password of {name} was changed{over}",
            "lock": f"{name} may be locked{over} until {self.until}",
            "clock": "the camera's clock was moved",
            "power": "the camera's power is off",
            "factory": "the camera was reset",
            "firmware": "other firmware was offered to the camera",
            "setting": f"{name} was set{over}",
            "start": f"the camera was restarted{over}, and may stand still in its boot loader",
            "console": f"somebody may be logged in{over}",
        }[self.kind]

    @property
    def words(self) -> str:
        """The change for people, with what puts it right."""
        return f"{self.what}; {_REMEDIES[self.kind]}"

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
