"""One request, byte for byte: for what a proper client never sends (no Host, HTTP/1.0)."""

from __future__ import annotations

import http.client
import socket
import time

from devices.errors import TimedOut
from devices.links.http.errors import translated_errors
from devices.links.http.exchange import Exchange, make_exchange
from devices.links.http.pool import Guard
from devices.links.http.server import CONNECT_SECONDS, Protection, Server


def raw_exchange(
    server: Server,
    protection: Protection,
    request: bytes,
    *,
    sender: str,
    limit: int,
    seconds: float,
) -> Exchange:
    """Send these bytes on a connection of their own, and read one answer up to ``limit`` bytes.

    Raises Unreachable, TimedOut, Garbled.
    """
    line = request.partition(b"\r\n")[0].decode("latin-1").split(" ")
    method, target = line[0], line[1] if len(line) > 1 else ""
    what = f"{method} {server.url}{target}"
    began, guard = time.monotonic(), Guard()
    try:
        with (
            translated_errors(what, lambda: guard.fired),
            guard.deadline(seconds),
            _connected(server, protection, guard) as connection,
        ):
            connection.sendall(request)
            answer = http.client.HTTPResponse(connection, method=method)
            with answer:  # what is no answer leaves its file open, and with it the socket
                answer.begin()
                body = _body(answer, limit)
            if guard.fired:
                raise TimedOut(f"{what}: no whole answer within {seconds:.0f} s")
    finally:
        guard.close()
    return make_exchange(
        sender=sender,
        method=method,
        target=target,
        server=server.url,
        protection=protection.label,
        status=answer.status,
        headers=answer.getheaders(),
        body=body[:limit],
        truncated=len(body) > limit,
        seconds=time.monotonic() - began,
    )


def _connected(server: Server, protection: Protection, guard: Guard) -> socket.socket:
    plain = socket.create_connection((server.address, server.port), CONNECT_SECONDS)
    guard.watch(plain)
    if protection.context is None:
        return plain
    try:
        return protection.context.wrap_socket(plain, server_hostname=server.host)
    except BaseException:
        plain.close()
        raise


def _body(answer: http.client.HTTPResponse, limit: int) -> bytes:
    try:
        return answer.read(limit + 1)
    except http.client.IncompleteRead as error:
        return error.partial
