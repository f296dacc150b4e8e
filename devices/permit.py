"""Permission first: no link opens a socket before the permit has named the address as allowed."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from datetime import date

from devices.errors import OutsideAuthorisation, Unreachable
from devices.journal import Journal

INTRUSIONS = ("settings", "lockout", "power", "firmware", "factory")
"""Kinds of change that a device file can authorise beyond looking; see ``authorisation.allow``."""


class Permit:
    """The authorisation record of one camera, asked before anything is sent.

    ``addresses`` are IP addresses or networks in CIDR form; ``allow`` is a subset of
    :data:`INTRUSIONS`; ``expires`` is the last day on which testing is allowed. In ``journal``
    whoever changes something writes it down before, and again when it is put back.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        allow: Sequence[str],
        expires: date,
        journal: Journal | None = None,
    ) -> None:
        self.journal = journal or Journal()
        self._networks = [ipaddress.ip_network(a, strict=False) for a in addresses]
        self._allow = frozenset(allow)
        self._expires = expires

    def address(self, host: str) -> str:
        """Return the IP address to contact for ``host``.

        Raises OutsideAuthorisation when no permitted address belongs to it, and Unreachable when
        a name does not resolve. Only the returned address may be connected to.
        """
        if date.today() > self._expires:
            raise OutsideAuthorisation(
                f"the authorisation ended on {self._expires}; nothing was sent to {host}"
            )
        candidates = self._resolve(host)
        for candidate in candidates:
            if any(ipaddress.ip_address(candidate) in network for network in self._networks):
                return candidate
        raise OutsideAuthorisation(
            f"{host} ({', '.join(candidates)}) is not among authorisation.addresses "
            f"({', '.join(map(str, self._networks))}); nothing was sent to it"
        )

    def permits(self, intrusion: str) -> bool:
        """Whether the device file authorises this kind of change (one of INTRUSIONS)."""
        return intrusion in self._allow

    @staticmethod
    def _resolve(host: str) -> list[str]:
        try:
            return [str(ipaddress.ip_address(host.strip("[]")))]
        except ValueError:
            pass
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # UnicodeError: a name with an empty label
            raise Unreachable(f"the name {host} does not resolve: {error}") from error
        return list(dict.fromkeys(str(info[4][0]) for info in found))
