"""The camera's way out: default route and name server as a DHCP server gave them to it.

Every packet of its own goes to the bench's router, which hands it on with a PROXY protocol header
in front, as a redirecting gateway does. Without a route nothing leaves.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from dataclasses import dataclass

from devices.errors import Garbled
from devices.protocols import dns
from devices.protocols.proxy_protocol import Forwarded, header

_PATIENCE = 2.0  # s for an answer of the name server


@dataclass(frozen=True)
class Route:
    """The router and the name server, each an address and a port."""

    router: tuple[str, int]
    resolver: tuple[str, int]


class Uplink:
    """Connections, datagrams and look-ups of one camera. All raise OSError when nobody is there."""

    def __init__(self, address: str, route: Route) -> None:
        self._address = address
        self._route = route
        self._ids = itertools.count(1)

    async def resolve(self, name: str) -> str:
        """Look an IPv4 address up. Raises OSError when there is none."""
        question = dns.Question(next(self._ids) & 0xFFFF, name, dns.A)
        loop = asyncio.get_running_loop()
        with self._datagram_socket(self._route.resolver) as sock:
            try:
                async with asyncio.timeout(_PATIENCE):
                    await loop.sock_sendall(sock, dns.query(question))
                    address = dns.parse_answer(await loop.sock_recv(sock, 4096), question)
            except Garbled as error:
                raise OSError(f"{name}: {error}") from error
        if not address:
            raise OSError(f"{name} does not resolve")
        return address

    async def connect(
        self, address: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a TCP connection."""
        reader, writer = await asyncio.open_connection(
            *self._route.router, local_addr=(self._address, 0)
        )
        source_port = writer.get_extra_info("sockname")[1]
        writer.write(header(Forwarded(self._address, source_port, address, port)))
        return reader, writer

    async def send(self, data: bytes, address: str, port: int) -> None:
        """Send one datagram, and wait for nothing."""
        with self._datagram_socket(self._route.router) as sock:
            source_port = sock.getsockname()[1]
            front = header(Forwarded(self._address, source_port, address, port, "udp"))
            await asyncio.get_running_loop().sock_sendall(sock, front + data)

    def _datagram_socket(self, peer: tuple[str, int]) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
            sock.bind((self._address, 0))
            sock.connect(peer)
        except OSError:
            sock.close()
            raise
        return sock
