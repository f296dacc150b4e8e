"""The gateway link: listens in the place of every host that the camera contacts.

The bench leads the camera's outgoing connections here (``bench.gateway``). Nothing is sent on, and
nothing is answered to an address that is not authorised.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from devices.description import DeviceFile, Gateway
from devices.errors import BenchError
from devices.links.capture import Capture
from devices.links.gateway import origin
from devices.links.gateway.arrivals import Arrivals, Permitted, host_and_port
from devices.links.gateway.certificates import KINDS, CertificateShelf
from devices.links.gateway.connections import Connections
from devices.links.gateway.datagrams import Datagrams
from devices.links.gateway.log import asked_name
from devices.links.gateway.observations import CertificateKind, OutboundTraffic, TlsTrial
from devices.permit import Permit
from devices.secrets import Secrets

_LOOK = 0.25  # s between two looks whether everything has been seen


class GatewayLink:
    """What a camera sends by itself. Raises BenchError where the bench has no gateway."""

    def __init__(self, device: DeviceFile, permit: Permit, secrets: Secrets) -> None:
        del secrets
        if device.bench.gateway is None:
            raise BenchError("the device file gives no [bench.gateway]")
        self._gateway: Gateway = device.bench.gateway
        self._declared = device.declared.outbound
        self._permit = permit
        self._host = device.host
        self._closed = threading.Event()

    def close(self) -> None:
        """End listening, from any thread."""
        self._closed.set()

    def check(self) -> str:
        """Whether it can listen, in one sentence. Raises BenchError when it cannot."""
        CertificateShelf(self._gateway.trusted).close()
        asyncio.run(self._open_and_close())
        trusted = len(self._gateway.trusted)
        held = f"{trusted} that the camera trusts" if trusted else "none that the camera trusts"
        return f"can listen on {self._gateway.listen}; certificates: {held}"

    def listen(self, ready: Callable[[], object] = lambda: None) -> OutboundTraffic:
        """Listen for ``bench.gateway.seconds``, and on until each declared endpoint was seen.

        ``ready`` is called when everything is open.

        A declared endpoint was seen when the camera contacted it, and each TLS client there has
        answered every kind of certificate that the bench can show. Ends after
        ``bench.gateway.limit`` in any case. Raises BenchError when it cannot listen.
        """
        self._permit.address(self._host)  # an authorisation that has ended raises
        shelf = CertificateShelf(self._gateway.trusted)
        try:
            return asyncio.run(self._listen(shelf, ready))
        finally:
            shelf.close()

    async def _open_and_close(self) -> None:
        shelf = CertificateShelf(())
        try:
            async with _listening(self._gateway, self._permit.address, shelf, Capture()):
                pass
        finally:
            shelf.close()

    async def _listen(
        self, shelf: CertificateShelf, ready: Callable[[], object]
    ) -> OutboundTraffic:
        capture = Capture()
        async with _listening(self._gateway, self._permit.address, shelf, capture) as arrivals:
            log = arrivals.log
            ready()
            while not self._is_enough(arrivals, shelf):
                try:
                    async with asyncio.timeout(_LOOK):
                        await arrivals.changed.wait()
                except TimeoutError:
                    continue
                arrivals.changed.clear()
        lost = f"{log.overflow} contacts were more than are kept" if log.overflow else ""
        return OutboundTraffic(
            listened=round(log.seconds, 1),
            contacts=log.contacts(),
            trials=tuple(log.trials),
            asked=arrivals.names.asked,
            shown=self._shown(shelf, log.trials),
            strangers=log.strangers,
            unreadable=tuple(log.unreadable),
            shortfall=lost,
            artefacts=(capture.artefact("tls.pcapng"),) if log.trials else (),
        )

    def _shown(
        self, shelf: CertificateShelf, trials: Sequence[TlsTrial]
    ) -> tuple[CertificateKind, ...]:
        """What the bench can show to the declared clients and to those that came."""
        names = {endpoint.host for endpoint in self._declared if endpoint.over_tls}
        names |= {asked_name(trial.server_name, trial.destination) for trial in trials}
        kinds = {kind for name in names for kind in shelf.kinds(name)}
        return tuple(kind for kind in KINDS if kind in kinds)

    def _is_enough(self, arrivals: Arrivals, shelf: CertificateShelf) -> bool:
        seconds = arrivals.log.seconds
        if seconds >= self._gateway.limit or self._closed.is_set():
            return True
        return seconds >= self._gateway.seconds and arrivals.log.has_all(
            self._declared, shelf.kinds
        )


@asynccontextmanager
async def _listening(
    gateway: Gateway, permitted: Permitted, shelf: CertificateShelf, capture: Capture
) -> AsyncIterator[Arrivals]:
    """Listen on every port until the end of the context. Raises BenchError when that fails."""
    arrivals = Arrivals(gateway, permitted)
    connections = Connections(arrivals, shelf, capture)
    datagrams = Datagrams(arrivals)
    loop = asyncio.get_running_loop()
    servers: list[asyncio.Server] = []
    sockets: list[socket.socket] = []
    try:
        try:
            for port in arrivals.ports:
                where = (arrivals.address, port)
                servers.append(await asyncio.start_server(connections.serve, *where))
                sockets.append(origin.listen_udp(*where))
                loop.add_reader(sockets[-1], datagrams.receive, sockets[-1])
            if gateway.dns is not None:
                sockets.append(origin.listen_udp(*host_and_port(gateway.dns)))
                loop.add_reader(sockets[-1], datagrams.answer_names, sockets[-1])
        except OSError as error:
            raise BenchError(f"[bench.gateway] cannot listen: {error.strerror or error}") from error
        yield arrivals
    finally:
        for sock in sockets:
            loop.remove_reader(sock)
            sock.close()
        for server in servers:
            server.close()
        connections.close()
        await _settle()


async def _settle() -> None:
    """End what is still under way in this loop."""
    own = asyncio.current_task()
    left = [task for task in asyncio.all_tasks() if task is not own]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
