"""The camera as the network sees it: open TCP ports, what answers there, and UDP services."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from devices.description import DeviceFile
from devices.errors import Unreachable
from devices.links.ports import tcp as ports_tcp
from devices.links.ports import udp as ports_udp
from devices.links.ports.fingerprint import NamedService, name_services
from devices.links.ports.tcp import PortState, SweepLimits
from devices.links.ports.udp import UdpAnswer, UdpProbe
from devices.observation import Observation
from devices.permit import Permit
from devices.secrets import Secrets

ALL_PORTS = range(1, 65536)
_REQUESTS_PER_CONNECTION = 64
"""Connection requests in flight for each connection that the camera bears: a closed port costs a
camera one refusal and no connection."""


@dataclass(frozen=True, kw_only=True)
class PortSweep(Observation):
    """TCP ports of one address. ``open`` excludes ``bench``: open ports of the bench machine."""

    address: str
    open: tuple[int, ...]
    bench: tuple[int, ...]
    filtered: tuple[int, ...]
    closed: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class PortServices(Observation):
    """What answers on each open TCP port, in the order of the ports."""

    address: str
    services: tuple[NamedService, ...]

    def protocol(self, port: int) -> str:
        """The protocol named on ``port``; ``unknown`` when there is none."""
        return next((s.protocol for s in self.services if s.port == port), "unknown")


@dataclass(frozen=True, kw_only=True)
class UdpAnswers(Observation):
    """What each probed UDP port did. ``bench`` lists ports that belong to the bench machine."""

    address: str
    answers: tuple[UdpAnswer, ...]
    bench: tuple[int, ...]


class PortsLink:
    """Looks at the camera's ports from the network. Sends no login and no command."""

    def __init__(self, device: DeviceFile, permit: Permit, secrets: Secrets) -> None:
        del secrets  # links are made alike; this one needs none
        self._device = device
        self._permit = permit
        self._bench = device.bench

    def sweep(self, ports: Sequence[int] = ALL_PORTS, *, seconds: float = 180) -> PortSweep:
        """Try every TCP port without privileges.

        Raises Unreachable when the address answers on no port at all: then nothing is known
        about it, least of all that it is closed.
        """
        address = self._address()
        began = time.monotonic()
        limits = SweepLimits(
            in_flight=self._bench.parallel * _REQUESTS_PER_CONNECTION,
            patience=self._patience(address),
            seconds=seconds,
        )
        states = ports_tcp.sweep(address, ports, limits)
        by_state = {s: tuple(p for p in ports if states.get(p) is s) for s in PortState}
        if not by_state[PortState.OPEN] and not by_state[PortState.CLOSED]:
            raise Unreachable(f"{address} answered on none of {len(ports)} TCP ports")
        bench = frozenset(self._bench.host_tcp_ports)
        undecided = len(ports) - len(states)
        return PortSweep(
            address=address,
            open=tuple(p for p in by_state[PortState.OPEN] if p not in bench),
            bench=tuple(p for p in by_state[PortState.OPEN] if p in bench),
            filtered=by_state[PortState.FILTERED],
            closed=len(by_state[PortState.CLOSED]),
            seconds=round(time.monotonic() - began, 2),
            shortfall=f"{undecided} TCP ports gave no two equal answers within {seconds:.0f} s"
            if undecided
            else "",
        )

    def name(self, ports: Iterable[int], passive: Iterable[int] = ()) -> PortServices:
        """Name the protocol behind each open port; nothing is sent to those in ``passive``."""
        address = self._address()
        services = name_services(
            address, ports, passive=frozenset(passive), parallel=self._bench.parallel
        )
        failed = [s for s in services if s.error]
        return PortServices(
            address=address,
            services=tuple(services),
            shortfall=_failures(failed),
        )

    def probe_udp(self, probes: Sequence[UdpProbe]) -> UdpAnswers:
        """Send one protocol payload to each UDP port of the list."""
        address = self._address()
        bench = frozenset(self._bench.host_udp_ports)
        answers = ports_udp.probe(address, [p for p in probes if p.port not in bench])
        touched = tuple(sorted({p.port for p in probes} & bench))
        return UdpAnswers(address=address, answers=tuple(answers), bench=touched)

    def _address(self) -> str:
        return self._permit.address(self._device.host)

    def _patience(self, address: str) -> float:
        """Eight round trips, within 0.25 to 1 s: one lost request is made good by the second pass.

        Half the retransmission time that RFC 6298 starts with (1 s) is no longer worth waiting
        for on a bench network that answers in a millisecond.
        """
        for service in self._device.declared.services:
            if service.transport != "tcp" or not service.on:
                continue
            began = time.monotonic()
            try:
                socket.create_connection((address, service.port), timeout=1).close()
            except OSError:
                continue
            return min(1.0, max(0.25, 8 * (time.monotonic() - began)))
        return 1.0


def _failures(failed: Sequence[NamedService]) -> str:
    if not failed:
        return ""
    listed = ", ".join(f"{s.port} ({s.error})" for s in failed[:5])
    return f"{len(failed)} open ports could not be asked what they are: {listed}"
