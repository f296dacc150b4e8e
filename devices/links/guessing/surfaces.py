"""The ways into a camera at which passwords can be tried, one password at a time.

A surface is looked for before it is used: where nobody is asked for a login there is none to guess.
Every try has a connection of its own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from devices.errors import LoginRefused, NotOffered
from devices.links.http.exchange import Exchange
from devices.links.http.link import HttpLink
from devices.links.http.pages import kindred
from devices.links.onvif import requests
from devices.links.onvif.client import Credentials, Reply
from devices.links.onvif.link import OnvifLink
from devices.links.onvif.observations import Outcome
from devices.links.onvif.session import OnvifGate, OnvifSession
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.client import endpoint_of, without_userinfo
from devices.protocols.digest import DigestClient, parse_challenges

WEB, BY_CHALLENGE = "the web login", "HTTP {scheme}"
ONVIF, ONVIF_DIGEST, RTSP = "ONVIF UsernameToken", "ONVIF HTTP digest", "RTSP"
SSH, CONSOLE, CHANGE = "SSH by password", "the serial console", "the change of password"
RETRY_AFTER = "Retry-After: "
CAPTCHA = "asks for a CAPTCHA"
HUNG_UP = "the end of the connection"
"""What is said by whoever ends the connection instead of an answer."""

_CAPTCHA = re.compile(
    rb"(?i)captcha|turnstile|(?:verification|verify|security|image)[-_ ]?code|"
    + "验证码|校验码|mã xác (?:nhận|minh)".encode()
)
_DESCRIBE = {"Accept": "application/sdp"}


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


class WebSurface:
    """The web interface's login, as the device file describes it."""

    name, kind = WEB, "http"

    def __init__(self, http: HttpLink) -> None:
        http.gate()
        self._http = http
        self._opened = _OpenedPage()

    def attempt(self, username: str, password: str) -> Try:
        """Log in, and out again."""
        return self.attempt_as(username, password)

    def attempt_as(
        self,
        username: str,
        password: str,
        *,
        headers: Mapping[str, str] | None = None,
        source: str = "",
    ) -> Try:
        """The same with header fields, or from another address of the bench's."""
        began = time.monotonic()
        found, client = self._http.log_in(username, password, headers=headers, source=source)
        seconds = round(time.monotonic() - began, 3)
        self._http.leave(client)
        if found.accepted and found.opened is not None:
            return self._opened.judged(found.opened, seconds)
        return _refusal(found.answer, seconds)


class _OpenedPage:
    """What a login opened first. A lock that is a page of text with 200 is no login."""

    def __init__(self) -> None:
        self._first: Exchange | None = None

    def judged(self, answer: Exchange, seconds: float) -> Try:
        """A login, or an answer that is neither where it is another page than that."""
        if self._first is None:
            self._first = answer
        if kindred(answer, self._first):
            return Try(True, answer.status, seconds)  # noqa: FBT003 - as a row
        said = f"with another page than a login opens, SHA-256 {answer.body_sha256[:12]}"
        return Try(False, answer.status, seconds, False, said)  # noqa: FBT003


def _refusal(answer: Exchange, seconds: float) -> Try:
    """What RFC 9110 has for an account that is closed for a while is kept in ``said``.

    So is a page that asks for proof that somebody is no machine.
    """
    later = answer.header("Retry-After")
    parts = [f"{RETRY_AFTER}{later[:40]}"] if later else []
    if _CAPTCHA.search(answer.content):
        parts.append(CAPTCHA)
    said = ", ".join(parts)
    return Try(False, answer.status, seconds, answer.status < 500, said)  # noqa: FBT003


class ChallengeSurface:
    """HTTP Digest or Basic where the web interface takes it beside its own login."""

    kind = "http"

    def __init__(self, http: HttpLink) -> None:
        """Look for a declared resource that asks for it. Raises NotOffered, LinkError."""
        self._http = http
        self._opened = _OpenedPage()
        self._target, self._scheme = self._find()
        self.name = BY_CHALLENGE.format(scheme=self._scheme)

    def _find(self) -> tuple[str, str]:
        client = self._http.anonymous()
        try:
            for target in self._http.closed_targets():
                answer = client.request("GET", target)
                if answer.status != 401:
                    continue
                offered = [
                    c.scheme for c in parse_challenges(answer.all_headers("WWW-Authenticate"))
                ]
                for scheme in ("digest", "basic"):
                    if scheme in offered:
                        return target, scheme
        finally:
            client.close()
        raise NotOffered("no declared resource asks for HTTP Digest or Basic")

    def attempt(self, username: str, password: str) -> Try:
        """Ask for the resource."""
        return self.attempt_as(username, password)

    def attempt_as(
        self,
        username: str,
        password: str,
        *,
        headers: Mapping[str, str] | None = None,
        source: str = "",
    ) -> Try:
        """The same with header fields, or from another address of the bench's."""
        client = self._http.anonymous(source)
        client.use_headers(headers or {})
        if self._scheme == "digest":
            client.use_digest(username, password)
        else:
            client.use_basic(username, password)
        began = time.monotonic()
        try:
            answer = client.request("GET", self._target)
        finally:
            client.close()
        seconds = round(time.monotonic() - began, 3)
        if answer.succeeded:
            return self._opened.judged(answer, seconds)
        return _refusal(answer, seconds)


class OnvifSurface:
    """An ONVIF operation that is refused without login, by one of the two ways to log in."""

    kind = "onvif"

    def __init__(self, link: OnvifLink, *, digest: bool) -> None:
        """Look for the operation, and whether it may be asked so. Raises NotOffered, LinkError."""
        self._link, self._digest = link, digest
        self.name = ONVIF_DIGEST if digest else ONVIF
        with link.session(link.default_account()) as session:
            self.gate: OnvifGate = session.gate()
            self._offered(session)

    def _offered(self, session: OnvifSession) -> None:
        body = requests.plain(self.gate.service, self.gate.operation)
        path = session.path(self.gate.service)
        challenges = session.client.call(path, body).challenges
        digest = any(c.scheme == "digest" for c in parse_challenges(challenges))
        if self._digest and not digest:
            raise NotOffered("ONVIF asks for no HTTP digest")
        if not self._digest and session.credentials is not None:
            token = session.client.fresh_token(session.credentials)
            if session.client.with_token(path, body, token).outcome is not Outcome.DATA:
                raise NotOffered("ONVIF takes no WS-UsernameToken")

    def attempt(self, username: str, password: str) -> Try:
        """Call the operation."""
        return self.attempt_as(username, password)

    def attempt_as(
        self,
        username: str,
        password: str,
        *,
        headers: Mapping[str, str] | None = None,
        source: str = "",
    ) -> Try:
        """The same with header fields, or from another address of the bench's."""
        with self._link.session_with(username, password, headers=headers, source=source) as session:
            began = time.monotonic()
            reply = self.call(session, Credentials(username, password))
            seconds = round(time.monotonic() - began, 3)
        accepted = reply.outcome is Outcome.DATA
        refused = reply.outcome is Outcome.NOT_AUTHORISED or reply.http_status == 429
        return Try(accepted, reply.http_status, seconds, accepted or refused)

    def call(self, session: OnvifSession, login: Credentials) -> Reply:
        """Call the operation in a session, with this login. Raises LinkError."""
        body = requests.plain(self.gate.service, self.gate.operation)
        path = session.path(self.gate.service)
        if self._digest:
            session.client.scheme = "HTTP digest"
            return session.client.call(path, body, login)
        return session.client.with_token(path, body, session.client.fresh_token(login))


class RtspSurface:
    """DESCRIBE of the first declared stream."""

    name, kind = RTSP, "rtsp"

    def __init__(self, access: RtspAccess) -> None:
        """See that it asks for a login. Raises NotOffered, LinkError."""
        self._access = access
        self.url = without_userinfo(access.streams()[0].url)
        with access.connect(endpoint_of(self.url)) as client:
            status = client.request("DESCRIBE", self.url, _DESCRIBE).status
        if status != 401:
            raise NotOffered(f"{self.url} is answered {status} without login, not 401")

    def attempt(self, username: str, password: str) -> Try:
        """Ask for the description."""
        login = DigestClient(username, password)
        began = time.monotonic()
        with self._access.connect(endpoint_of(self.url), login=login) as client:
            try:
                status = client.request("DESCRIBE", self.url, _DESCRIBE).status
            except LoginRefused:
                status = 401
        seconds = round(time.monotonic() - began, 3)
        return Try(status == 200, status, seconds, status == 200 or status in (401, 403, 404))
