"""Exchanges with one web server: verbatim targets, bounded in bytes and in time."""

from __future__ import annotations

import http.client
import time
import zlib
from collections.abc import Mapping

import requests
import urllib3
from requests.cookies import RequestsCookieJar

from devices.errors import TimedOut
from devices.links.http.errors import translated_errors
from devices.links.http.exchange import Exchange, make_exchange
from devices.links.http.pool import Guard, PinnedAdapter, VerbatimRequest
from devices.links.http.server import CONNECT_SECONDS, Protection, Server

ANSWER_SECONDS = 15.0
MAX_BODY = 2 * 1024 * 1024
"""Bytes of a body that are read at most."""

_CHUNK = 32 * 1024
_REPEATABLE = {"GET", "HEAD", "OPTIONS"}
"""What may be asked once more on a new connection (RFC 9110, 9.2.2; RFC 9112, 9.3.1)."""
_USER_AGENT = "camproof"


class _UnledSession(requests.Session):
    """Leaves redirections as they are.

    The session of requests prepares the next one even where it may not follow, and for that reads
    the body to its end, without a limit, and lets it go.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere."""


class Transport:
    """Exchanges with one server that share cookies; for one thread at a time."""

    def __init__(self, server: Server, protection: Protection, source: str = "") -> None:
        self.server = server
        self.protection = protection
        self._guard = Guard()
        self._drops = False
        self._session = _UnledSession()
        self._session.trust_env = False  # no proxy and no .netrc of the bench's user
        adapter = PinnedAdapter(server, protection, self._guard, source)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)

    @property
    def cookies(self) -> RequestsCookieJar:
        """The cookies that the server has set."""
        return self._session.cookies

    def close(self) -> None:
        """Close the connections."""
        self._session.close()
        self._guard.close()

    def exchange(
        self,
        method: str,
        target: str,
        *,
        sender: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        limit: int = MAX_BODY,
        seconds: float = ANSWER_SECONDS,
        shown: str = "",
    ) -> Exchange:
        """Send one request with exactly this target and read its answer, up to ``limit`` bytes.

        ``shown`` is the target as evidence has it, where the true one carries a login.
        An answer still under way after ``seconds`` is returned as far as it came, marked
        truncated. Raises Unreachable, TimedOut (no answer at all), Garbled.
        """
        prepared = self._prepared(method, target, dict(headers or {}), body)
        began, connections = time.monotonic(), self._guard.connections
        what = f"{method} {self.server.url}{shown or target}"
        with translated_errors(what, lambda: self._guard.fired), self._guard.deadline(seconds):
            try:
                answer = self._sent(prepared, seconds)
            except requests.ConnectionError:
                kept = connections == self._guard.connections  # no new one was made for it
                if not kept or method not in _REPEATABLE or self._guard.fired:
                    raise
                self._drops = True  # a server that ends connections it promised to keep
                prepared.headers["Connection"] = "close"
                answer = self._sent(prepared, seconds)
            with answer:
                if self._guard.fired:  # the head itself was cut short
                    raise TimedOut(f"{what}: no whole answer within {seconds:.0f} s")
                data, truncated = self._body(answer, limit)
        return make_exchange(
            sender=sender,
            method=method,
            target=shown or target,
            server=self.server.url,
            protection=self.protection.label,
            status=answer.status_code,
            headers=list(answer.raw.headers.items()),
            body=data,
            truncated=truncated,
            seconds=time.monotonic() - began,
        )

    def _sent(self, prepared: requests.PreparedRequest, seconds: float) -> requests.Response:
        return self._session.send(
            prepared,
            stream=True,
            timeout=(CONNECT_SECONDS, seconds),
            allow_redirects=False,
            verify=False,  # the pinned adapter's own context decides
        )

    def _prepared(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> requests.PreparedRequest:
        prepared = VerbatimRequest(target)
        base = {
            "Host": self.server.url.partition("://")[2],
            "User-Agent": _USER_AGENT,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
        } | ({"Connection": "close"} if self._drops else {})
        prepared.prepare(
            method=method,
            url=self.server.url + "/",
            headers={n: _on_the_wire(n, v) for n, v in (base | headers).items() if v},
            data=body or None,
            cookies=None if "Cookie" in headers else self._session.cookies,
        )
        prepared.method = method  # which requests would write in capital letters
        return prepared

    def _body(self, answer: requests.Response, limit: int) -> tuple[bytes, bool]:
        """The body and whether there is more; an answer cut short by the deadline is kept."""
        data = bytearray()
        try:
            for chunk in answer.raw.stream(_CHUNK, decode_content=False):
                data += chunk
                if len(data) > limit:
                    return _decoded(bytes(data[:limit]), answer, limit), True
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError):
            if not data and not self._guard.fired:
                raise
            return _decoded(bytes(data), answer, limit), True
        return _decoded(bytes(data), answer, limit), self._guard.fired


def _on_the_wire(name: str, value: str) -> str | bytes:
    """A header's value; names of users and realms in UTF-8, as browsers and curl send them."""
    if name != "Authorization" or value.isascii():
        return value
    return value.encode(errors="surrogateescape")


def _decoded(data: bytes, answer: requests.Response, limit: int) -> bytes:
    """Undo a compression that was not asked for, to at most ``limit`` bytes."""
    if answer.headers.get("Content-Encoding", "").lower() not in {"gzip", "deflate"}:
        return data
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(data, limit)
    except zlib.error:
        return data
