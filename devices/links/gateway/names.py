"""The names that a camera asks for, and the addresses that the suite answers with."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from devices.errors import Garbled
from devices.protocols import dns

MAX_NAMES = 1000
"""Names that are remembered; later ones are not answered."""


class Names:
    """Answers questions: each name has an address of its own, or all have the gateway's.

    With ``network`` (CIDR) names are told apart by address later on, whatever is spoken there.
    """

    def __init__(self, own: str, network: str | None) -> None:
        self._own = own
        self._free: Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address] | None = (
            ipaddress.ip_network(network).hosts() if network else None
        )
        self._addresses: dict[str, str] = {}
        self._by_address: dict[str, str] = {}

    @property
    def asked(self) -> tuple[str, ...]:
        """Every name asked for, in the order of their first question."""
        return tuple(self._addresses)

    def respond(self, data: bytes) -> bytes | None:
        """Return the answer to a query; None when it is none."""
        try:
            question = dns.parse_query(data)
        except Garbled:
            return None
        address = self._address(question.name)
        wanted = {4: dns.A, 6: dns.AAAA}
        if address and wanted[ipaddress.ip_address(address).version] == question.type:
            return dns.answer(question, address)
        return dns.answer(question)

    def name_of(self, address: str) -> str:
        """The name that this address was given for; empty when it was for none, or for all."""
        return self._by_address.get(address, "")

    def _address(self, name: str) -> str:
        if name not in self._addresses and len(self._addresses) < MAX_NAMES:
            address = self._own if self._free is None else str(next(self._free, ""))
            self._addresses[name] = address
            if self._free is not None and address:
                self._by_address[address] = name
        return self._addresses.get(name, "")
