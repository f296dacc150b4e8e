"""Who sent something through the gateway, and where it was going."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Collection
from dataclasses import dataclass

_SO_ORIGINAL_DST = 80  # linux/netfilter_ipv4.h, and IP6T_SO_ORIGINAL_DST
_IP_TRANSPARENT, _IP_RECVORIGDSTADDR = 19, 20  # linux/in.h
_ANCILLARY = 256


@dataclass(frozen=True)
class Origin:
    """Source and destination as addresses and ports.

    ``direct``: it came to the gateway's own address, and nobody says that it was redirected. The
    camera was then led here by a name, or by a redirection that leaves no trace.
    """

    source: str
    source_port: int
    address: str
    port: int
    authority: str = ""
    direct: bool = False


def of_connection(connection: socket.socket, listening: Collection[int]) -> Origin:
    """Who connected, and whereto before the packet filter of this machine redirected it (Linux).

    ``listening`` are the gateway's own ports. After ``redirect`` the kernel is asked; after
    ``tproxy`` the connection's own end is the original destination.
    """
    source, source_port, *_ = connection.getpeername()
    own = _plain(connection.getsockname())
    level = socket.IPPROTO_IPV6 if connection.family == socket.AF_INET6 else socket.IPPROTO_IP
    try:
        original = _socket_address(connection.getsockopt(level, _SO_ORIGINAL_DST, 28))
    except (OSError, ValueError):
        original = own
    direct = original == own and own[1] in listening
    return Origin(str(source), source_port, *original, direct=direct)


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
    """Return one datagram, the peer to answer, and its origin; raises BlockingIOError.

    Only ``tproxy`` keeps the destination of a datagram; after ``redirect`` it is the gateway's.
    """
    data, ancillary, _, peer = sock.recvmsg(65_535, _ANCILLARY)
    own = _plain(sock.getsockname())
    target = own
    for level, kind, content in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, _IP_RECVORIGDSTADDR):
            target = _socket_address(content)
    direct = target[1] == own[1]
    return data, (peer[0], peer[1]), Origin(str(peer[0]), peer[1], *target, direct=direct)


def answer(sock: socket.socket, data: bytes, peer: tuple[str, int], came: Origin) -> None:
    """Answer a datagram as the host that it was sent to. Raises OSError.

    After ``tproxy`` the answer must come from the original destination, or the camera drops it.
    """
    own = _plain(sock.getsockname())
    if came.direct or (came.source, came.source_port) != peer or own == (came.address, came.port):
        sock.sendto(data, peer)
        return
    with socket.socket(sock.family, socket.SOCK_DGRAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.setsockopt(socket.IPPROTO_IP, _IP_TRANSPARENT, 1)
        other.bind((came.address, came.port))
        other.sendto(data, peer)


def _plain(address: tuple[str, int]) -> tuple[str, int]:
    return str(ipaddress.ip_address(address[0])), address[1]


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
