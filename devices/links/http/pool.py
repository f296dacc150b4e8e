"""requests and urllib3, made to do what they do not do by themselves.

They connect to the one permitted address whatever a URL says, send the request target as it was
given, use a TLS context of ours, and end at a deadline.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from devices.links.http.server import Protection, Server


class VerbatimRequest(requests.PreparedRequest):
    """A request whose target is not tidied up."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self.target = target


class PinnedAdapter(HTTPAdapter):
    """Connects to the one permitted address, whatever a URL says."""

    def __init__(
        self, server: Server, protection: Protection, guard: Guard, source: str = ""
    ) -> None:
        super().__init__(max_retries=0)
        self._pool = _pool(server, protection, guard, source)

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        """The one pool, for every URL."""
        return self._pool

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """The pool's TLS context decides."""

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:  # noqa: ARG002
        """The target as it was given."""
        assert isinstance(request, VerbatimRequest)
        return request.target

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()
        super().close()


def _pool(server: Server, protection: Protection, guard: Guard, source: str) -> HTTPConnectionPool:
    pool: HTTPConnectionPool
    own: Any = {"source_address": (source, 0)} if source else {}
    if protection.context is None:
        pool = HTTPConnectionPool(server.address, server.port, maxsize=1, guard=guard, **own)
        pool.ConnectionCls = _Connection
        return pool
    checked = protection.context.verify_mode == ssl.CERT_REQUIRED
    pool = HTTPSConnectionPool(
        server.address,
        server.port,
        maxsize=1,
        guard=guard,
        **own,
        ssl_context=protection.context,
        cert_reqs="CERT_REQUIRED" if checked else "CERT_NONE",
        server_hostname=server.host,
        assert_hostname=server.host if checked else False,
    )
    pool.ConnectionCls = _TlsConnection
    return pool


class _Connection(HTTPConnection):
    """A connection whose socket the deadline can reach."""

    def __init__(self, *args: Any, guard: Guard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._guard = guard

    def _new_conn(self) -> socket.socket:
        return self._guard.watch(super()._new_conn())

    def close(self) -> None:
        """Close the connection, and let the guard go of it."""
        super().close()
        self._guard.close()


class _TlsConnection(_Connection, HTTPSConnection):
    """As _Connection, over TLS."""

    def connect(self) -> None:
        super().connect()
        self.is_verified = True  # said in every exchange; urllib3 need not warn as well


class Guard:
    """Ends an exchange at its deadline by shutting its socket down, however slow the server is."""

    def __init__(self) -> None:
        self._descriptor: socket.socket | None = None
        self.fired = False
        self.connections = 0

    def watch(self, connection: socket.socket) -> socket.socket:
        """Take charge of a new connection.

        By a duplicate, because wrapping it in TLS takes the descriptor away from ``connection``.
        """
        self.close()
        self._descriptor = connection.dup()
        self.connections += 1
        return connection

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """Let what happens inside end after ``seconds``; ``fired`` says that it came to that."""
        self.fired = False
        timer = threading.Timer(seconds, self._fire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def close(self) -> None:
        """Let go of the connection."""
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
