"""UDP probing: one protocol payload to each port of a list, and what comes back.

A UDP port that stays silent proves nothing (RFC 1122 asks a host to answer a closed port with
ICMP, and packet filters suppress that too); only a reply or a refusal is a fact.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import selectors
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

_IP_RECVERR, _IPV6_RECVERR = 11, 25  # linux/in.h and linux/in6.h; Python names them from 3.14 on
MAX_REPLY = 65_535
_KEPT = 512


class UdpState(enum.StrEnum):
    """What a UDP port did with its probe."""

    REPLY = "reply"
    CLOSED = "closed"  # ICMP port unreachable
    SILENT = "silent"


@dataclass(frozen=True)
class UdpProbe:
    """What is sent to one UDP port, and which protocol an answer would mean."""

    port: int
    protocol: str
    payload: bytes = field(repr=False)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> UdpProbe:
        """Make a probe from a data row: ``port``, ``protocol``, ``hex`` or ``text``.

        Raises ValueError when the row has neither or both payload forms, or hex is malformed.
        """
        if ("hex" in row) == ("text" in row):
            raise ValueError(f"UDP probe of port {row.get('port')}: give either hex or text")
        payload = bytes.fromhex(row["hex"]) if "hex" in row else str(row["text"]).encode()
        return cls(int(row["port"]), str(row["protocol"]), payload)


@dataclass(frozen=True)
class UdpAnswer:
    """What one UDP port did. ``reply`` holds the first answer, as far as it is kept."""

    port: int
    protocol: str
    state: UdpState
    reply: bytes = b""


def probe(
    address: str,
    probes: Sequence[UdpProbe],
    *,
    tries: int = 2,
    patience: float = 1.0,
    keep: int = _KEPT,
) -> list[UdpAnswer]:
    """Send every probe, again to those that stay silent, and return one answer for each.

    ``patience`` is the seconds waited after each round, ``keep`` the bytes kept of a reply.
    """
    found: dict[UdpProbe, UdpAnswer] = {}
    with contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        sockets = {p: stack.enter_context(_socket(address, p.port)) for p in probes}
        for one, sock in sockets.items():
            selector.register(sock, selectors.EVENT_READ, one)
        for _ in range(tries):
            for one in probes:
                if one not in found:
                    _send(sockets[one], address, one, found)
            _collect(selector, address, found, len(sockets), time.monotonic() + patience)
    found = {one: replace(answer, reply=answer.reply[:keep]) for one, answer in found.items()}
    return [found.get(p, UdpAnswer(p.port, p.protocol, UdpState.SILENT)) for p in probes]


def _socket(address: str, port: int) -> socket.socket:
    """A socket that hears refusals, and answers from whatever port the service replies by.

    Discovery services often answer from another port than the one asked; a connected socket
    would drop that. Linux reports refusals to unconnected sockets on request; elsewhere the
    socket is connected.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    while True:
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        if sys.platform != "linux":
            sock.connect((address, port))
        else:
            level = socket.IPPROTO_IPV6 if family == socket.AF_INET6 else socket.IPPROTO_IP
            option = _IPV6_RECVERR if family == socket.AF_INET6 else _IP_RECVERR
            sock.setsockopt(level, option, 1)
            sock.bind(("", 0))
        if sock.getsockname()[1] != port:  # it would hear itself when both are on one machine
            return sock
        sock.close()


def _send(
    sock: socket.socket, address: str, one: UdpProbe, found: dict[UdpProbe, UdpAnswer]
) -> None:
    try:
        if sys.platform == "linux":
            sock.sendto(one.payload, (address, one.port))
        else:
            sock.send(one.payload)
    except OSError as error:
        if error.errno == errno.ECONNREFUSED:  # the refusal of the try before
            found[one] = UdpAnswer(one.port, one.protocol, UdpState.CLOSED)


def _collect(
    selector: selectors.BaseSelector,
    address: str,
    found: dict[UdpProbe, UdpAnswer],
    expected: int,
    end: float,
) -> None:
    while len(found) < expected and (left := end - time.monotonic()) > 0:
        for key, _ in selector.select(left):
            answer = _read(key.fileobj, address, key.data)
            if answer is not None:
                found.setdefault(key.data, answer)
                selector.unregister(key.fileobj)


def _read(sock: Any, address: str, one: UdpProbe) -> UdpAnswer | None:
    try:
        data, sender = sock.recvfrom(MAX_REPLY)
    except BlockingIOError:
        return None
    except OSError:
        return UdpAnswer(one.port, one.protocol, UdpState.CLOSED)
    if sender[0] != address:
        return None
    return UdpAnswer(one.port, one.protocol, UdpState.REPLY, data)
