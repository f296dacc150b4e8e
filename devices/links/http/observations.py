"""What a camera's web server gave to somebody who has no account."""

from __future__ import annotations

import re
from dataclasses import dataclass

from devices.links.http.exchange import Exchange
from devices.links.http.pages import same_page
from devices.observation import Observation


@dataclass(frozen=True)
class KnownPath:
    """A published path; ``marker`` is a regular expression for what its page shows."""

    path: str
    source: str
    marker: str = ""


@dataclass(frozen=True, kw_only=True)
class PageLook(Observation):
    """A path without login, and a path beside it that cannot exist.

    None stands for a request that the camera hung up on.
    """

    path: str
    source: str
    answer: Exchange | None
    neighbour: Exchange | None
    marker_found: bool = False

    @property
    def there(self) -> bool:
        """Whether something of its own answers on this path, without login."""
        if self.answer is None or not self.answer.succeeded or not self.marker_found:
            return False
        beside = self.neighbour
        return beside is None or not (beside.succeeded and same_page(self.answer, beside))


@dataclass(frozen=True, kw_only=True)
class PageSurvey(Observation):
    """Published paths looked at without login."""

    looks: tuple[PageLook, ...]


@dataclass(frozen=True, kw_only=True)
class SnapshotSurvey(Observation):
    """Requests for pictures. ``anonymous``: without login; ``clear``: over plain HTTP.

    ``genuine`` is the declared snapshot fetched with an account; None when none is declared.
    ``clear`` holds requests without login, and with one where that was asked for. ``announced``
    are those of them without login to declared MJPEG streams and to ONVIF's snapshot addresses,
    one of which is ``genuine`` where no snapshot is declared.
    """

    genuine: Exchange | None
    anonymous: tuple[Exchange, ...]
    clear: tuple[Exchange, ...]
    announced: tuple[Exchange, ...] = ()

    @property
    def behind_login(self) -> tuple[Exchange, ...]:
        """Requests over plain HTTP that a login is asked for, and that no login has got past."""
        past = {answer.request for answer in self.clear if answer.status != 401}
        asked = {e.request: e for e in self.clear if e.status == 401 and e.request not in past}
        return tuple(asked.values())


@dataclass(frozen=True, kw_only=True)
class ClearPort(Observation):
    """One port spoken to in plain HTTP. ``closed``: it does not, with what happened.

    ``login`` is the answer to a login of a user who does not exist, ``neighbour`` to the same
    request to a path that cannot exist, ``gate`` to an anonymous request for a closed resource.
    ``landing``: the page on the same port that ``root`` leads to, ``parts`` its frames, scripts and
    the pages that it refers to. ``same_gate``: a closed resource is refused here as over TLS.
    """

    port: int
    closed: str = ""
    root: Exchange | None = None
    gate: Exchange | None = None
    login: Exchange | None = None
    neighbour: Exchange | None = None
    landing: Exchange | None = None
    parts: tuple[Exchange, ...] = ()
    same_gate: bool = False

    @property
    def takes_logins(self) -> bool:
        """Whether the login call is worked on here, rather than turned away as any other."""
        if self.login is None or self.neighbour is None:
            return False
        turned_away = 300 <= self.login.status < 400 or self.login.status in {404, 405, 426}
        as_any = self.login.status == self.neighbour.status and same_page(
            self.login, self.neighbour
        )
        return not turned_away and not as_any

    @property
    def challenges(self) -> tuple[str, ...]:
        """Authentication schemes asked for here, lower case."""
        answers = [answer for answer in (self.root, self.gate) if answer is not None]
        values = [value for a in answers for value in a.all_headers("WWW-Authenticate")]
        return tuple(sorted({value.split(" ", 1)[0].lower() for value in values if value}))

    @property
    def password_form(self) -> bool:
        """Whether a page here asks for a password."""
        pages = (p for p in (self.root, self.landing, *self.parts) if p is not None)
        form = re.compile(rb"<input[^>]+type\s*=\s*[\"']?password", re.IGNORECASE)
        return any(form.search(p.content) for p in pages if p.succeeded and not _script(p))

    @property
    def password_script(self) -> str:
        """A script here that makes a field for a password, as single-page applications do."""
        field = re.compile(
            rb"type[\"']?\s*[:=,]\s*[\"']password[\"']|<input[^>]+password", re.IGNORECASE
        )
        found = (p for p in self.parts if p.succeeded and _script(p) and field.search(p.content))
        return next((p.target for p in found), "")

    @property
    def may_take_logins(self) -> bool:
        """Whether the interface is here, and its refusals do not tell whether it takes logins."""
        if self.login is None or self.takes_logins or not self.same_gate:
            return False
        return not 300 <= self.login.status < 400 and self.login.status not in {404, 405, 426}


def _script(answer: Exchange) -> bool:
    return "script" in answer.media_type or answer.target.partition("?")[0].endswith(".js")


@dataclass(frozen=True, kw_only=True)
class ClearSurvey(Observation):
    """Plain HTTP on every port where it might be.

    ``server`` is the front page of the web interface: the camera was there when it was asked.
    """

    server: Exchange
    ports: tuple[ClearPort, ...]
