"""Receives what a camera sends to a group: joins on the interface that leads to the camera."""

from __future__ import annotations

import ipaddress
import socket
import struct

from devices.errors import Garbled, Unreachable
from devices.protocols import sdp
from devices.protocols.transport import Transport


class GroupPorts:
    """Sockets for the RTP and RTCP of one group, closed with ``close``. IPv4 and IPv6.

    ``local_address`` says which interface: that of the connection to the camera. Needs no
    privilege. Only listens: the group itself is sent nothing but the kernel's join. Raises Garbled
    for a destination that is no group, Unreachable when the bench cannot join it.
    """

    def __init__(self, group: str, ports: tuple[int, int], local_address: str) -> None:
        address = group_address(group)
        self.sockets: list[socket.socket] = []
        try:
            for port in ports:
                self.sockets.append(_joined(address, port, local_address))
        except (OSError, OverflowError) as error:
            self.close()
            raise Unreachable(f"the bench cannot join {group} port {ports[0]}: {error}") from error

    def close(self) -> None:
        """Leave the group."""
        for own in self.sockets:
            own.close()


def group_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return a multicast address; raises Garbled when it is none."""
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError as error:
        raise Garbled(f"not an address of a group: {text[:60]!r}") from error
    if not address.is_multicast:
        raise Garbled(f"{address} is not the address of a group")
    return address


def group_of(
    chosen: Transport, media: sdp.Media, description: sdp.SessionDescription
) -> tuple[str, tuple[int, int]]:
    """Return the group and its ports from the answer to SETUP, else from the description.

    Raises Garbled when neither says them.
    """
    groups = groups_of(description, media)
    group = chosen.parameters.get("destination") or next(iter(groups), "")
    ports = chosen.pair("port") or ((media.port, media.port + 1) if media.port else None)
    if not group or ports is None or not 0 < ports[0] <= ports[1] < 65536:
        raise Garbled(f"no group or port in {chosen.to_text()!r}")
    return str(group_address(group)), ports


def groups_of(description: sdp.SessionDescription, media: sdp.Media | None = None) -> list[str]:
    """Return the group addresses of ``c=`` lines, of one section and the session, or of all."""
    sections = description.media if media is None else (media,)
    lines = [line for section in sections for line in section.connections]
    found: list[str] = []
    for line in (*lines, *description.connections):
        text = line.split()[-1].partition("/")[0] if line.split() else ""
        try:
            found.append(str(group_address(text)))
        except Garbled:
            continue  # the usual unicast address, or 0.0.0.0
    return list(dict.fromkeys(found))


def _joined(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, local_address: str
) -> socket.socket:
    six = address.version == 6
    own = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.bind((str(address), port))  # the group alone: no datagram sent to the bench itself
        if six:
            request = address.packed + struct.pack("@I", 0)
            own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
        else:
            request = address.packed + socket.inet_aton(local_address)
            own.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
        own.settimeout(0)
    except BaseException:
        own.close()
        raise
    return own
