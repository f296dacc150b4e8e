"""Who sent something through the gateway, and where it was going."""

from __future__ import annotations

import ipaddress
import socket
import struct
from dataclasses import dataclass

_SO_ORIGINAL_DST = 80  # linux/netfilter_ipv4.h, and IP6T_SO_ORIGINAL_DST
_IP_TRANSPARENT, _IP_RECVORIGDSTADDR = 19, 20  # linux/in.h
_ANCILLARY = 256


@dataclass(frozen=True)
class Origin:
    """Source and destination as addresses and ports; a destination that is not known is empty."""

    source: str
    source_port: int
    address: str = ""
    port: int = 0
    authority: str = ""


def of_connection(connection: socket.socket) -> Origin:
    """Who connected, and whereto before the bench's packet filter redirected it (Linux).

    Without a redirection the address is not known, and the port is the one listened on.
    """
    source, source_port, *_ = connection.getpeername()
    own, own_port, *_ = connection.getsockname()
    level = socket.IPPROTO_IPV6 if connection.family == socket.AF_INET6 else socket.IPPROTO_IP
    try:
        raw = connection.getsockopt(level, _SO_ORIGINAL_DST, 28)
        address, port = _socket_address(raw)
    except (OSError, ValueError):
        address, port = str(own), own_port
    return Origin(str(source), source_port, str(ipaddress.ip_address(address)), port)


def listen_udp(address: str, port: int) -> socket.socket:
    """Open a UDP socket that tells each datagram's original destination where it can."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET:
            for option in (_IP_RECVORIGDSTADDR, _IP_TRANSPARENT):
                try:
                    sock.setsockopt(socket.IPPROTO_IP, option, 1)
                except OSError:  # the second needs a privilege, and only TPROXY needs it
                    break
        sock.bind((address, port))
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
    except OSError:
        sock.close()
        raise
    return sock


def receive(sock: socket.socket) -> tuple[bytes, tuple[str, int], Origin]:
    """Return one datagram, the peer to answer, and its origin; raises BlockingIOError."""
    data, ancillary, _, peer = sock.recvmsg(65_535, _ANCILLARY)
    address, port = sock.getsockname()[:2]
    for level, kind, content in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, _IP_RECVORIGDSTADDR):
            address, port = _socket_address(content)
    return data, (peer[0], peer[1]), Origin(str(peer[0]), peer[1], address, port)


def _socket_address(raw: bytes) -> tuple[str, int]:
    """Read a sockaddr_in or sockaddr_in6; raises ValueError."""
    if len(raw) < 8:
        raise ValueError("a socket address that is cut off")
    family = struct.unpack_from("=H", raw)[0]
    port = struct.unpack_from("!H", raw, 2)[0]
    if family == socket.AF_INET:
        return str(ipaddress.IPv4Address(raw[4:8])), port
    if family == socket.AF_INET6 and len(raw) >= 24:
        return str(ipaddress.IPv6Address(raw[8:24])), port
    raise ValueError(f"a socket address of family {family}")
