"""HTTP on requests, pinned to one permitted address, bounded in bytes and time, verbatim.

requests and urllib3 are made to do four things they do not do by themselves: connect only to the
address that the permit named; send the request target exactly as given (``//`` and ``..`` are
what is tested); end at a deadline however slowly a server trickles; and talk to servers whose TLS
is out of date, saying whether the certificate was good, because judging TLS is another's business.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from devices.errors import Garbled, LinkError, TimedOut, Unreachable
from devices.links.http_exchange import Exchange, make_exchange
from devices.permit import Permit

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 15.0
MAX_BODY = 2 * 1024 * 1024
"""Bytes of a body that are read at most."""

_CHUNK = 32 * 1024
_USER_AGENT = "camproof"


@dataclass(frozen=True)
class Server:
    """Where a web server is: its URL's parts, and the one address that may be contacted."""

    scheme: str
    host: str
    port: int
    address: str

    @property
    def url(self) -> str:
        """``https://camera.example:8443``, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"http": 80, "https": 443}[self.scheme] == self.port
        return f"{self.scheme}://{host}" + ("" if usual else f":{self.port}")


def server_of(url: str, permit: Permit) -> Server:
    """The server of an http or https URL. Raises Garbled, OutsideAuthorisation, Unreachable."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError) as error:
        raise Garbled(f"{url!r} is not an http or https address") from error
    if not parts.hostname:
        raise Garbled(f"{url!r} names no host")
    return Server(parts.scheme, parts.hostname, port, permit.address(parts.hostname))


@dataclass(frozen=True)
class Protection:
    """How connections to a server are protected; ``context`` is None for plain HTTP."""

    label: str
    context: ssl.SSLContext | None = None


def protection_of(server: Server, trust: Path | None) -> Protection:
    """Find out whether the server's certificate is good, by one handshake that demands it.

    Without ``trust``, or when the certificate is not good, connections go on unauthenticated, and
    every exchange says so. Raises Unreachable, TimedOut, Garbled.
    """
    if server.scheme == "http":
        return Protection("none")
    if trust is None:
        return Protection("TLS, not authenticated: no trust anchor is given", _tolerant())
    try:
        strict = ssl.create_default_context(cafile=str(trust))
        with _errors(f"TLS with {server.url}"), _tcp(server) as plain:
            strict.wrap_socket(plain, server_hostname=server.host).close()
    except Garbled as error:
        return Protection(f"TLS, not authenticated: {error}", _tolerant())
    except (ssl.SSLError, OSError) as error:
        return Protection(f"TLS, not authenticated: {trust.name}: {error}", _tolerant())
    return Protection("authenticated TLS", strict)


class Transport:
    """Exchanges with one server that share cookies; for one thread at a time."""

    def __init__(self, server: Server, protection: Protection) -> None:
        self.server = server
        self.protection = protection
        self._guard = _Guard()
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy and no .netrc of the bench's user
        adapter = _PinnedAdapter(server, protection, self._guard)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)

    @property
    def cookies(self) -> RequestsCookieJar:
        """The cookies that the server has set."""
        return self._session.cookies

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

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
    ) -> Exchange:
        """Send one request with exactly this target and read its answer, up to ``limit`` bytes.

        An answer still under way after ``seconds`` is returned as far as it came, marked
        truncated. Raises Unreachable, TimedOut (no answer at all), Garbled.
        """
        prepared = self._prepared(method, target, dict(headers or {}), body)
        began = time.monotonic()
        with _errors(f"{method} {self.server.url}{target}", self._guard):
            with self._guard.deadline(seconds):
                answer = self._session.send(
                    prepared,
                    stream=True,
                    timeout=(CONNECT_SECONDS, seconds),
                    allow_redirects=False,
                    verify=False,  # decided by the pinned adapter's own context
                )
                with answer:
                    data, truncated = self._body(answer, limit)
        return make_exchange(
            sender=sender,
            method=method,
            target=target,
            server=self.server.url,
            protection=self.protection.label,
            status=answer.status_code,
            headers=list(answer.raw.headers.items()),
            body=data,
            truncated=truncated,
            seconds=time.monotonic() - began,
        )

    def _prepared(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> requests.PreparedRequest:
        prepared = _VerbatimRequest(target)
        base = {
            "Host": self.server.url.partition("://")[2],
            "User-Agent": _USER_AGENT,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
        }
        prepared.prepare(
            method=method,
            url=self.server.url + "/",
            headers={name: value for name, value in (base | headers).items() if value},
            data=body or None,
            cookies=None if "Cookie" in headers else self._session.cookies,
        )
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


def _decoded(data: bytes, answer: requests.Response, limit: int) -> bytes:
    """Undo a compression that was not asked for, to at most ``limit`` bytes."""
    if answer.headers.get("Content-Encoding", "").lower() not in {"gzip", "deflate"}:
        return data
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(data, limit)
    except zlib.error:
        return data


class _VerbatimRequest(requests.PreparedRequest):
    """A request whose target is not tidied up."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self.target = target


class _PinnedAdapter(HTTPAdapter):
    """Connects to the one permitted address, whatever a URL says."""

    def __init__(self, server: Server, protection: Protection, guard: _Guard) -> None:
        super().__init__(max_retries=0)
        self._pool = _pool(server, protection, guard)

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        return self._pool

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """The pool's TLS context decides."""

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:  # noqa: ARG002
        assert isinstance(request, _VerbatimRequest)
        return request.target

    def close(self) -> None:
        self._pool.close()
        super().close()


def _pool(server: Server, protection: Protection, guard: _Guard) -> HTTPConnectionPool:
    pool: HTTPConnectionPool
    if protection.context is None:
        pool = HTTPConnectionPool(server.address, server.port, maxsize=1, guard=guard)
        pool.ConnectionCls = _Connection
        return pool
    checked = protection.context.verify_mode == ssl.CERT_REQUIRED
    pool = HTTPSConnectionPool(
        server.address,
        server.port,
        maxsize=1,
        guard=guard,
        ssl_context=protection.context,
        cert_reqs="CERT_REQUIRED" if checked else "CERT_NONE",
        server_hostname=server.host,
        assert_hostname=server.host if checked else False,
    )
    pool.ConnectionCls = _TlsConnection
    return pool


class _Connection(HTTPConnection):
    """A connection whose socket the deadline can reach."""

    def __init__(self, *args: Any, guard: _Guard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._guard = guard

    def _new_conn(self) -> socket.socket:
        return self._guard.watch(super()._new_conn())


class _TlsConnection(HTTPSConnection):
    """As _Connection, over TLS."""

    def __init__(self, *args: Any, guard: _Guard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._guard = guard

    def _new_conn(self) -> socket.socket:
        return self._guard.watch(super()._new_conn())

    def connect(self) -> None:
        super().connect()
        self.is_verified = True  # said in every exchange; urllib3 need not warn as well


class _Guard:
    """Ends an exchange at its deadline by shutting its socket down, however slow the server is."""

    def __init__(self) -> None:
        self._descriptor: socket.socket | None = None
        self.fired = False

    def watch(self, connection: socket.socket) -> socket.socket:
        # A duplicate: wrapping in TLS takes the socket's descriptor away from it.
        if self._descriptor is not None:
            self._descriptor.close()
        self._descriptor = connection.dup()
        return connection

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        self.fired = False
        timer = threading.Timer(seconds, self._fire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def close(self) -> None:
        if self._descriptor is not None:
            self._descriptor.close()
            self._descriptor = None

    def _fire(self) -> None:
        self.fired = True
        if self._descriptor is not None:
            try:
                self._descriptor.shutdown(socket.SHUT_RDWR)
            except OSError:  # closed in this very moment
                return


@contextmanager
def _tcp(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection((server.address, server.port), CONNECT_SECONDS) as plain:
        yield plain


def _tolerant() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.options |= ssl.OP_LEGACY_SERVER_CONNECT
    return context


@contextmanager
def _errors(what: str, guard: _Guard | None = None) -> Iterator[None]:
    """Turn what requests, urllib3, http.client and ssl raise into this project's errors."""
    try:
        yield
    except LinkError:
        raise
    except (
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        http.client.HTTPException,
        OSError,
        ValueError,
    ) as error:
        raise _translated(what, error, late=guard is not None and guard.fired) from error


def _translated(what: str, error: BaseException, *, late: bool) -> LinkError:
    causes = list(_causes(error))
    if late or any(isinstance(c, TimeoutError | requests.Timeout) for c in causes):
        return TimedOut(f"{what}: no answer in time")
    if any(isinstance(c, ssl.SSLError) for c in causes):
        return Garbled(f"{what}: TLS: {_last(causes)}")
    if any(isinstance(c, http.client.RemoteDisconnected | ConnectionError) for c in causes):
        return Unreachable(f"{what}: closed without an answer: {_last(causes)}")
    if any(isinstance(c, urllib3.exceptions.NewConnectionError) for c in causes):
        return Unreachable(f"{what}: no connection: {_last(causes)}")
    if any(isinstance(c, http.client.HTTPException | ValueError) for c in causes):
        return Garbled(f"{what}: not an HTTP answer: {_last(causes)}")
    return Unreachable(f"{what}: {_last(causes)}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        for argument in error.args:
            if isinstance(argument, BaseException):
                yield from _causes(argument)
        error = error.__cause__ or error.__context__


def _last(causes: list[BaseException]) -> str:
    return f"{type(causes[-1]).__name__}: {causes[-1]}"[:200]
