"""UDP datagrams of the camera, and its questions for names."""

from __future__ import annotations

import contextlib
import secrets
import socket
import time
from collections.abc import Iterator

from devices.errors import Garbled
from devices.links.gateway import origin
from devices.links.gateway.arrivals import Arrivals, told
from devices.links.gateway.origin import Origin
from devices.protocols import ntp, proxy_protocol, srt

_AT_ONE_TIME = 256  # datagrams taken in before connections have their turn
_DNS, _NTP = 53, 123


class Datagrams:
    """Takes datagrams in. Answered are DNS, the time, and SRT's first handshake."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._cookie = secrets.randbits(31) | 1

    def receive(self, sock: socket.socket) -> None:
        """Take in what has come; a PROXY header stands in front of each datagram."""
        for data, peer, came in _received(sock):
            if self._arrivals.proxied:
                self._forwarded(sock, data, peer)
            else:
                self._enter(sock, data, peer, came)
        self._arrivals.changed.set()

    def answer_names(self, sock: socket.socket) -> None:
        """Answer the questions that have come to the suite's own DNS."""
        for data, peer, came in _received(sock):
            if self._arrivals.is_the_cameras(came.source):
                _send(sock, peer, came, self._arrivals.names.respond(data))

    def _forwarded(self, sock: socket.socket, data: bytes, peer: tuple[str, int]) -> None:
        try:
            found = proxy_protocol.split(data)
            why = "the PROXY protocol header is cut off"
        except Garbled as error:
            found, why = None, str(error)
        if found is None:
            self._arrivals.log.unreadable[f"a datagram from {peer[0]}: {why}"] = None
        elif not found[0].local:
            self._enter(sock, found[1], peer, told(found[0]))

    def _enter(self, sock: socket.socket, data: bytes, peer: tuple[str, int], came: Origin) -> None:
        if not self._arrivals.is_the_cameras(came.source):
            return
        destination = self._arrivals.destination(came, "udp")
        self._arrivals.log.datagram((came.source, came.source_port), destination, data)
        _send(sock, peer, came, self._srt_answer(data))
        if destination.port == _NTP:  # certificates are judged by a clock that is right
            _send(sock, peer, came, ntp.answer(data, time.time()))
        if destination.port == _DNS and self._arrivals.answers_names:
            _send(sock, peer, came, self._arrivals.names.respond(data))

    def _srt_answer(self, data: bytes) -> bytes | None:
        try:
            shake = srt.parse(data)
        except Garbled:
            return None
        return srt.induction_answer(shake, self._cookie) if shake.type == srt.INDUCTION else None


def _received(sock: socket.socket) -> Iterator[tuple[bytes, tuple[str, int], Origin]]:
    for _ in range(_AT_ONE_TIME):
        try:
            yield origin.receive(sock)
        except OSError:  # nothing more for now, or a refusal of an earlier answer
            return


def _send(sock: socket.socket, peer: tuple[str, int], came: Origin, data: bytes | None) -> None:
    if data is not None:
        with contextlib.suppress(OSError):
            origin.answer(sock, data, peer, came)
