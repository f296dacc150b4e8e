"""The ways to log in over HTTP: the web interface's own login, and HTTP Digest or Basic."""

from __future__ import annotations

import time
from collections.abc import Mapping

from devices.errors import NotOffered
from devices.links.guessing.surfaces import BY_CHALLENGE, CAPTCHA, RETRY_AFTER, WEB, Try
from devices.links.http.captcha import captcha_word
from devices.links.http.exchange import Exchange
from devices.links.http.link import HttpLink
from devices.links.http.pages import kindred
from devices.protocols.digest import parse_challenges


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
    if captcha_word(answer):
        parts.append(CAPTCHA)
    said = ", ".join(parts)
    return Try(False, answer.status, seconds, answer.status < 500, said)  # noqa: FBT003
