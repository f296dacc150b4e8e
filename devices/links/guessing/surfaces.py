"""The ways into a camera at which passwords can be tried, one password at a time.

A surface is looked for before it is used: where nobody is asked for a login there is none to guess.
Every try has a connection of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

WEB, BY_CHALLENGE = "the web login", "HTTP {scheme}"
ONVIF, ONVIF_DIGEST, RTSP = "ONVIF UsernameToken", "ONVIF HTTP digest", "RTSP"
SSH, CONSOLE, CHANGE = "SSH by password", "the serial console", "the change of password"
RETRY_AFTER = "Retry-After: "
CAPTCHA = "asks for a CAPTCHA"
HUNG_UP = "the end of the connection"
"""What is said by whoever ends the connection instead of an answer."""


@dataclass(frozen=True)
class Try:
    """One password tried. ``status`` of HTTP or RTSP; ``clear``: it is a login or a refusal.

    A fault that says nothing of the login, or a status of 5xx, is neither. ``said``: the answer in
    words, where there is no status, or where the status does not tell it.
    """

    accepted: bool
    status: int
    seconds: float
    clear: bool = True
    said: str = ""

    @property
    def answer(self) -> str:
        """The answer for people."""
        return " ".join(filter(None, (str(self.status or ""), self.said))) or "nothing"


class Surface(Protocol):
    """One way in. ``kind`` is the link that it belongs to: http, onvif, rtsp, ssh or serial."""

    name: str
    kind: str

    def attempt(self, username: str, password: str) -> Try:
        """Try a password. Raises LinkError when there is no answer to it."""


@runtime_checkable
class HttpSurface(Surface, Protocol):
    """A way in that is spoken over HTTP."""

    def attempt_as(
        self,
        username: str,
        password: str,
        *,
        headers: Mapping[str, str] | None = None,
        source: str = "",
    ) -> Try:
        """Try a password with header fields, or from another address of the bench's."""
