"""Whose traffic it is that has arrived at the gateway, and where it was going."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from devices.description import Gateway, Transport
from devices.errors import DeviceError
from devices.links.gateway.log import Log
from devices.links.gateway.names import Names
from devices.links.gateway.observations import Destination
from devices.links.gateway.origin import Origin
from devices.protocols.proxy_protocol import Forwarded

Permitted = Callable[[str], object]
"""Raises DeviceError for an address that is not the camera's."""


class Arrivals:
    """What connections and datagrams share: the log, the names, and how origins are read."""

    def __init__(self, gateway: Gateway, permitted: Permitted) -> None:
        self.log = Log()
        self.changed = asyncio.Event()
        self.address, port = host_and_port(gateway.listen)
        self.ports = tuple(dict.fromkeys((port, *gateway.ports)))
        self.names = Names(self.address, gateway.dns_network)
        self.proxied = gateway.destination == "proxy-protocol"
        self.answers_names = gateway.dns is not None
        self._by_name = frozenset(gateway.ports)
        self._permitted = permitted

    def is_the_cameras(self, source: str) -> bool:
        """Whether an address is authorised; what comes from another is counted, no more."""
        try:
            self._permitted(source)
        except DeviceError:
            self.log.strangers += 1
            return False
        return True

    def destination(self, came: Origin, transport: Transport) -> Destination:
        """Where it was going.

        Of what came to the gateway itself nothing is known but the port, where the device file
        says that the camera is led there by names.
        """
        if came.direct:
            return Destination(transport, "", came.port if came.port in self._by_name else 0)
        name = came.authority or self.names.name_of(came.address)
        names = (name.lower().rstrip("."),) if name else ()
        return Destination(transport, came.address, came.port, names)


def named(destination: Destination, name: str) -> Destination:
    """The destination under the name that the camera gives it; one known by DNS keeps its own."""
    return destination if destination.names or not name else replace(destination, names=(name,))


def told(forwarded: Forwarded) -> Origin:
    """The origin that a PROXY protocol header tells."""
    return Origin(
        forwarded.source,
        forwarded.source_port,
        forwarded.destination,
        forwarded.destination_port,
        forwarded.authority,
    )


def host_and_port(where: str) -> tuple[str, int]:
    """Split ``ADDRESS:PORT``; an IPv6 address stands in brackets."""
    host, _, port = where.rpartition(":")
    return host.strip("[]"), int(port)
