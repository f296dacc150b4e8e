"""Is a destination one that the device file declares?"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Literal

from devices.description import Outbound
from devices.links.gateway.observations import Destination

Answer = Literal["yes", "no", "unknown"]


def is_declared(destination: Destination, declared: Iterable[Outbound]) -> Answer:
    """Whether it is one of the declared endpoints; ``unknown`` when only its name could tell."""
    answers = {matches(destination, endpoint) for endpoint in declared}
    return "yes" if "yes" in answers else "unknown" if "unknown" in answers else "no"


def matches(destination: Destination, endpoint: Outbound) -> Answer:
    """Whether a destination is this endpoint: transport, port, and name or address.

    A declared ``*.example`` stands for every name below it. A destination known by its address
    alone cannot be told from one declared by name, nor the other way round.
    """
    if destination.transport != endpoint.transport:
        return "no"
    if destination.port not in (0, endpoint.port):
        return "no"
    if _same_host(destination, endpoint.host.lower().rstrip(".")):
        return "yes" if destination.port else "unknown"
    by_address = _is_address(endpoint.host)
    known = destination.address if by_address else destination.names
    return "no" if known else "unknown"


def names_match(name: str, host: str) -> bool:
    """Whether a DNS name is the declared host, or below a declared ``*.example``."""
    name, host = name.lower().rstrip("."), host.lower().rstrip(".")
    return name == host or (host.startswith("*.") and name.endswith(host[1:]))


def _same_host(destination: Destination, host: str) -> bool:
    if _is_address(host):
        given = {destination.address, *destination.names}
        return any(_is_address(one) and _address(one) == _address(host) for one in given if one)
    return any(names_match(name, host) for name in destination.names)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(text.strip("[]"))


def _is_address(text: str) -> bool:
    try:
        _address(text)
    except ValueError:
        return False
    return True
