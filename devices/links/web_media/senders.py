"""Who asks for media: nobody, somebody made up, a session that is over, an account."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from devices.errors import Garbled, LinkError
from devices.links.http.client import HttpClient
from devices.links.http.exchange import ANONYMOUS
from devices.links.http.link import HttpLink
from devices.links.web_media.observations import ENDED, FOREIGN, MADE_UP, UNKNOWN
from devices.protocols.digest import DigestClient, basic, parse_challenges
from devices.secrets import Secrets
from devices.trial_password import strong_password


@dataclass
class Sender:
    """What somebody sends along. ``fields``: what carries a session, for the web interface's host.

    ``login`` answers challenges; ``preemptive`` is sent inside TLS where none is made.
    """

    name: str = ANONYMOUS
    fields: dict[str, str] = field(default_factory=dict)
    login: DigestClient | None = None
    preemptive: str = ""
    origin: str = ""
    tried: bool = False

    @property
    def answered(self) -> bool:
        """Whether a challenge has been answered."""
        return self.login is not None and self.login.challenge is not None

    def take_up(self, values: list[str], *, may_be_read: bool) -> bool:
        """Whether a 401 with these challenges is worth another request; never a third one."""
        if self.login is None:
            return False
        try:
            challenges = parse_challenges(values)
        except Garbled:
            return False
        first, self.tried = not self.tried, True
        if not first and not self.login.asked_again(challenges):
            return False
        return self.login.challenged(challenges, allow_basic=may_be_read)


def unknown_user() -> Sender:
    """Somebody whom the camera cannot know."""
    name, password = f"nobody-{secrets.token_hex(4)}", strong_password()
    return Sender(UNKNOWN, login=DigestClient(name, password), preemptive=basic(name, password))


class Account:
    """The account of the test on this camera's web server: its sender, and its worn-out twins."""

    def __init__(self, web: HttpLink | None, secrets_: Secrets, name: str, username: str) -> None:
        self._web = web
        self._secrets = secrets_
        self._name = name
        self._username = username
        self._client: HttpClient | None = None
        self._sender: Sender | None = None

    @property
    def has_session(self) -> bool:
        """Whether the web interface works with sessions."""
        return self._web is not None and self._web.description.authentication == "session"

    def sender(self) -> Sender:
        """Somebody logged in with the account, once for all. Raises LinkError."""
        if self._sender is None:
            self._sender = self._log_in()
        return self._sender

    def renew(self) -> Sender:
        """The same after another login: cameras end a session when its user logs in elsewhere."""
        self.close()
        return self.sender()

    def strangers(self) -> Iterator[Sender]:
        """Sessions that are none: one that was logged out, one that never was."""
        if not self.has_session:
            return
        assert self._web is not None
        if self._web.offers("logout"):
            client = self._web.account(self._name)
            fields = client.login_fields()
            self._web.leave(client)
            yield Sender(ENDED, fields)
        if cookies := self.sender().fields.get("Cookie"):
            yield Sender(MADE_UP, {"Cookie": _made_up(cookies)})

    def from_elsewhere(self) -> Sender | None:
        """The account's browser on a page of another site: cookies go along, tokens do not."""
        cookies = self.sender().fields.get("Cookie") if self.has_session else ""
        if not cookies:
            return None
        return Sender(FOREIGN, {"Cookie": cookies}, origin="https://elsewhere.example")

    def close(self) -> None:
        """End the session."""
        if self._client is not None and self._web is not None:
            self._web.leave(self._client)
        self._client = self._sender = None

    def _log_in(self) -> Sender:
        login = DigestClient(self._username, self._secrets.password(self._name))
        sender = Sender(self._username, login=login)
        if not self.has_session:
            return sender
        assert self._web is not None
        self._client = self._web.account(self._name)
        fields = self._client.login_fields()
        for number, value in enumerate(fields.values()):
            self._secrets.remember(f"{self._name}.session-{number}", value)
        return replace(sender, fields=fields)


def _made_up(cookies: str) -> str:
    """The same cookies with other values of the same length."""
    pairs = (pair.partition("=") for pair in cookies.split("; "))
    return "; ".join(f"{k}={secrets.token_hex(len(v))[: len(v)]}" for k, _, v in pairs)


def account_of(web: HttpLink | None, secrets_: Secrets) -> Account | None:
    """The first account of the least role that the web server knows; None without one."""
    for role in ("viewer", "operator", "admin"):
        found = secrets_.account(role=role, service="http")
        if found is None or found[1].password is None:
            continue
        account = Account(web, secrets_, found[0], found[1].username)
        try:
            account.sender()
        except LinkError:
            continue
        return account
    return None
