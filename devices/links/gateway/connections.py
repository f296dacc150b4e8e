"""TCP connections of the camera: what is spoken on them, and TLS with a certificate to judge."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from devices.errors import Garbled
from devices.links.capture import Capture, Flow
from devices.links.gateway import origin
from devices.links.gateway.arrivals import Arrivals, named, told
from devices.links.gateway.certificates import CertificateShelf
from devices.links.gateway.log import asked_name
from devices.links.gateway.observations import Destination, TlsTrial
from devices.links.gateway.origin import Origin
from devices.links.gateway.recognise import ENOUGH, host_of, opening, recognise
from devices.links.gateway.trial import hold
from devices.links.gateway.wire import StreamWire
from devices.protocols import proxy_protocol
from devices.protocols.tls import client_offer
from devices.protocols.tls.client_offer import ClientOffer

_LIMIT = 30.0  # s for one connection, whatever it does
_AT_ONCE = 64  # connections under way


class Connections:
    """Serves connections; each is ended after what can be learnt from it."""

    def __init__(self, arrivals: Arrivals, shelf: CertificateShelf, capture: Capture) -> None:
        self._arrivals = arrivals
        self._shelf = shelf
        self._capture = capture
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._open: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection. Never raises for what the other side does."""
        self._open.add(writer)
        try:
            async with self._slots, asyncio.timeout(_LIMIT):
                await self._serve(StreamWire(reader, writer), writer)
        except (OSError, TimeoutError):
            pass
        finally:
            self._open.discard(writer)
            writer.transport.abort()
            self._arrivals.changed.set()

    def close(self) -> None:
        """End every connection that is open."""
        for writer in tuple(self._open):
            writer.transport.abort()

    async def _serve(self, wire: StreamWire, writer: asyncio.StreamWriter) -> None:
        peer = origin.of_connection(writer.get_extra_info("socket"), self._arrivals.ports)
        came = await self._forwarded(wire, peer) if self._arrivals.proxied else peer
        if came is None or not self._arrivals.is_the_cameras(came.source):
            return
        destination = self._arrivals.destination(came, "tcp")
        data, hello = await _beginning(wire, destination.port)
        if hello is None:
            protocol = recognise(data, "tcp", destination.port) if data else "silent"
            destination = named(destination, host_of(data))
            self._arrivals.log.contact(destination, protocol, sample=opening(data) if data else "")
            return
        flow = Flow((came.address, came.port), (came.source, came.source_port))
        wire.record(self._capture, flow, data)
        await self._encrypted(wire, named(destination, hello.server_name), data, hello)

    async def _forwarded(self, wire: StreamWire, peer: Origin) -> Origin | None:
        """The origin by the header in front; None for a health check, or without a header."""
        data = b""
        try:
            while (found := proxy_protocol.split(data)) is None:
                piece = await wire.receive()
                if not piece:
                    if data:
                        self._unreadable(peer, "it ended inside the PROXY protocol header")
                    return None
                data += piece
        except (Garbled, TimeoutError) as error:
            self._unreadable(peer, str(error) or "no PROXY protocol header came")
            return None
        wire.give_back(found[1])
        return None if found[0].local else told(found[0])

    def _unreadable(self, peer: Origin, why: str) -> None:
        self._arrivals.log.unreadable[f"a connection from {peer.source}: {why}"] = None

    async def _encrypted(
        self, wire: StreamWire, destination: Destination, data: bytes, hello: ClientOffer
    ) -> None:
        log = self._arrivals.log
        log.contact(destination, "tls", f"server name {hello.server_name or 'not given'}")
        name = asked_name(hello.server_name, destination) or self._arrivals.address
        client = (destination, hello.fingerprint, hello.server_name)
        kind = log.next_kind(client, self._shelf.kinds(name))
        context = self._shelf.context(kind, name)
        if hello.alpn:
            with contextlib.suppress(ValueError, ssl.SSLError):  # names that ALPN does not allow
                context.set_alpn_protocols(list(hello.alpn))
        ending = await hold(wire, data, context)
        if "NO_SHARED_CIPHER" in ending.reason:
            self._shelf.use_rsa()
        log.trial(
            TlsTrial(
                destination=destination,
                server_name=hello.server_name,
                client=hello.fingerprint,
                certificate=kind,
                outcome=ending.outcome,
                reason=ending.reason,
                version=ending.version,
                alpn=hello.alpn,
                inside=recognise(ending.sent, "tcp", destination.port) if ending.sent else "",
                sent_bytes=len(ending.sent),
                sample=opening(ending.sent) if ending.sent else "",
            )
        )


async def _beginning(wire: StreamWire, port: int) -> tuple[bytes, ClientOffer | None]:
    """Read until it is known what is spoken: the bytes, and the ClientHello where it is TLS."""
    data = b""
    while True:
        try:
            piece = await wire.receive()
        except (TimeoutError, ConnectionError):
            return data, None
        data += piece
        if client_offer.begins_tls(data):
            try:
                hello = client_offer.parse(data)
            except Garbled:
                return data, None
            if hello is not None or not piece:
                return data, hello
        elif not piece or len(data) >= ENOUGH or recognise(data, "tcp", port) not in ("", "text"):
            return data, None
