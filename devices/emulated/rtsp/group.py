"""A group that the emulated camera sends a stream to, on the loopback interface."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable

TTL = 1  # never beyond the link


class GroupPair:
    """A group of its own for one session, RTP and RTCP on two ports; needs no privilege."""

    def __init__(self, address: str) -> None:
        self._group = f"239.255.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"
        self._port = 32_000 + 2 * secrets.randbelow(4000)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)  # noqa: FBT003 - the socket's own signature
        self._socket.bind((address, 0))
        # Without this the kernel looks for a route to the group, and leaves the loopback.
        own = socket.inet_aton(address)
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, TTL)
        self.heard: Callable[[], None] = lambda: None

    @property
    def parameters(self) -> dict[str, str]:
        """What the answer to SETUP says (RFC 2326, 12.39)."""
        ports = f"{self._port}-{self._port + 1}"
        return {"destination": self._group, "port": ports, "ttl": str(TTL)}

    def send(self, packet: bytes, rtcp: bool) -> bool:  # noqa: FBT001 - the type of Send
        """Send one datagram to the group."""
        try:
            self._socket.sendto(packet, (self._group, self._port + rtcp))
        except OSError:  # the buffer is full, or the socket closed under a last report
            return False
        return True

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
