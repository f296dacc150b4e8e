"""Plays one stream over one transport and records it; judges and decodes nothing."""

from __future__ import annotations

import contextlib
import secrets
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from devices.errors import Garbled, LinkError, NotOffered, Unreachable
from devices.links.capture import Capture, Flow
from devices.links.rtsp.client import RtspClient
from devices.links.rtsp.describe import Described, OfferedKeys, describe, keys_of, usable
from devices.protocols import sdp
from devices.protocols.rtp import is_rtcp
from devices.protocols.rtsp import Interleaved, Response
from devices.protocols.transport import Transport, parse_session, parse_transports

FIRST_PACKET_SECONDS = 4.0
"""Longest wait for the first packet: an encoder may have to be started."""
_LOOK = 0.2  # s between two looks at whether a follower has enough, when nothing arrives
MAX_MEDIA = 16 * 1024 * 1024
"""Bytes of media after which a recording ends early."""

TRANSPORTS: dict[str, tuple[str, bool, bool]] = {
    "interleaved": ("TCP", False, False),
    "srtp-interleaved": ("TCP", True, False),
    "srtp-udp": ("UDP", True, True),
    "udp": ("UDP", False, True),
}
"""Transport words of the device file: lower transport, SRTP, datagrams."""


@dataclass
class Recording:
    """What one stream gave.

    ``status`` is that of the answer that decided; ``packets`` are RTP or SRTP packets with TLS
    taken off; ``wire`` are the datagrams, or the one byte stream, as on the network since PLAY.
    """

    transport: str
    tls_version: str = ""
    status: int = 0
    refused: str = ""
    media: sdp.Media | None = None
    keys: OfferedKeys | None = None
    packets: list[bytes] = field(default_factory=list, repr=False)
    wire: list[bytes] = field(default_factory=list, repr=False)

    @property
    def datagrams(self) -> bool:
        """Whether the media came over UDP."""
        return TRANSPORTS[self.transport][2]


@dataclass(frozen=True)
class _Session:
    """A session that SETUP made."""

    identifier: str
    timeout: float
    transport: Transport
    channel: int


class Follower(Protocol):
    """Takes the packets of a recording as they come, instead of their being kept."""

    def begin(self, recording: Recording) -> None:
        """SETUP is done: ``media`` and ``keys`` are known, and packets follow."""

    def packet(self, data: bytes) -> None:
        """Take one RTP or SRTP packet that has just arrived."""

    def enough(self) -> bool:
        """Whether to end before the time is over."""


class UdpPorts:
    """An even UDP port and the next one on our side, for RTP and RTCP (RFC 3550, 11)."""

    def __init__(self, local_address: str) -> None:
        family = socket.AF_INET6 if ":" in local_address else socket.AF_INET
        for _ in range(32):
            first = 30_000 + 2 * secrets.randbelow(14_000)
            self.sockets = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(2)]
            try:
                for number, own in enumerate(self.sockets):
                    own.settimeout(0)
                    own.bind((local_address, first + number))
            except OSError:
                self.close()
            else:
                self.first = first
                return
        raise Unreachable("no pair of UDP ports is free on the bench")

    def close(self) -> None:
        """Close both."""
        for own in self.sockets:
            own.close()


def play(
    client: RtspClient,
    url: str,
    transport: str,
    *,
    seconds: float,
    capture: Capture,
    follower: Follower | None = None,
) -> Recording:
    """Play ``url`` for ``seconds`` of media over ``transport`` (a key of TRANSPORTS).

    A ``follower`` gets the packets; the recording then keeps the first alone.

    A transport that the camera refuses gives a recording with ``refused``; raises LinkError for
    everything else that goes wrong.
    """
    lower, secure, datagrams = TRANSPORTS[transport]
    recording = Recording(transport, client.wire.tls_version)
    described = describe(client, url)
    recording.media = media = described.video(secure=secure)
    with own_ports(client, datagrams=datagrams) as ports:
        wanted = to_ask_for(media, lower, secure=secure, ports=ports)
        answer = client.request("SETUP", described.track(media), {"Transport": wanted.to_text()})
        recording.status = answer.status
        if not answer.ok:
            recording.refused = f"SETUP is answered {answer.status} {answer.reason}".rstrip()
            return recording
        session = _session(answer)
        try:
            _check_agreed(session.transport, wanted)
            if secure:
                recording.keys = usable(keys_of(described.description, media, answer))
            receiver = _Receiver(client, session, ports, recording, capture, follower=follower)
            if follower is not None:
                follower.begin(recording)
            receiver.run(described, seconds)
        except NotOffered as error:
            recording.refused = str(error)
        finally:
            _tear_down(client, described, session)
    return recording


@contextmanager
def own_ports(client: RtspClient, *, datagrams: bool) -> Iterator[UdpPorts | None]:
    """Ports on our side for a transport with datagrams, closed at the end; None for others."""
    if not datagrams:
        yield None
        return
    ports = UdpPorts(client.wire.local_address)
    try:
        yield ports
    finally:
        ports.close()


def to_ask_for(media: sdp.Media, lower: str, *, secure: bool, ports: UdpPorts | None) -> Transport:
    """Return the transport to ask for in SETUP of a section."""
    feedback = "F" if media.secure == secure and media.protocol.endswith("AVPF") else ""
    parameters = {"unicast": ""}
    if ports is None:
        parameters["interleaved"] = "0-1"
    else:
        parameters["client_port"] = f"{ports.first}-{ports.first + 1}"
    return Transport(("SAVP" if secure else "AVP") + feedback, lower, parameters)


def _session(answer: Response) -> _Session:
    """Read what SETUP agreed; raises Garbled."""
    identifier, timeout = parse_session(answer.get("Session"))
    if not identifier:
        raise Garbled("SETUP is answered without a Session header")
    chosen = parse_transports(answer.get("Transport"))[0]
    channels = chosen.pair("interleaved") or (0, 1)
    return _Session(identifier, timeout, chosen, channels[0])


def _check_agreed(chosen: Transport, wanted: Transport) -> None:
    """Raise NotOffered when the camera chose another transport than the one asked for."""
    if (chosen.secure, chosen.lower) != (wanted.secure, wanted.lower):
        raise NotOffered(f"SETUP of {wanted.to_text()} is answered with {chosen.to_text()}")


def _tear_down(client: RtspClient, described: Described, session: _Session) -> None:
    """End the session; a camera that has stopped answering is not waited for twice."""
    with contextlib.suppress(LinkError):
        request = client.prepared("TEARDOWN", described.aggregate, {"Session": session.identifier})
        client.send_unanswered(request)


class _Receiver:
    """Receives the media of one session for a while, keeping the session alive."""

    def __init__(
        self,
        client: RtspClient,
        session: _Session,
        ports: UdpPorts | None,
        recording: Recording,
        capture: Capture,
        *,
        follower: Follower | None = None,
    ) -> None:
        self._follower = follower
        self._client = client
        self._session = session
        self._ports = ports
        self._recording = recording
        self._capture = capture
        self._bytes = 0
        self._closed = False

    def run(self, described: Described, seconds: float) -> None:
        """Send PLAY and collect packets; raises LinkError when PLAY fails."""
        client, tap = self._client, bytearray()
        client.wire.tap = None if self._ports else tap
        headers = {"Session": self._session.identifier, "Range": "npt=now-"}
        answer = client.request("PLAY", described.aggregate, headers)
        self._recording.status = answer.status
        if not answer.ok:
            raise NotOffered(f"PLAY is answered {answer.status} {answer.reason}".rstrip())
        self._take(client.media)
        client.media = []
        with selectors.DefaultSelector() as selector:
            selector.register(client.wire, selectors.EVENT_READ, self._read_tcp)
            if self._ports is not None:
                rtp, rtcp = self._ports.sockets
                selector.register(rtp, selectors.EVENT_READ, lambda: self._read_udp(rtp))
                selector.register(rtcp, selectors.EVENT_READ, lambda: self._drain(rtcp))
            self._loop(selector, described.aggregate, seconds)
        client.wire.tap = None
        if self._ports is None:
            self._recording.wire = [bytes(tap)]

    def _loop(self, selector: selectors.BaseSelector, url: str, seconds: float) -> None:
        end = time.monotonic() + FIRST_PACKET_SECONDS
        alive_every = max(self._session.timeout / 2, 1.0)
        alive_at = time.monotonic() + alive_every
        began = False
        while not self._closed and self._bytes < MAX_MEDIA:
            now = time.monotonic()
            if not began and self._recording.packets:
                began, end = True, now + seconds
            if now >= end or (self._follower is not None and self._follower.enough()):
                return
            if now >= alive_at:
                alive_at = now + alive_every
                self._keep_alive(url)
            wait = min(end, alive_at) - now
            for key, _ in selector.select(min(wait, _LOOK) if self._follower else wait):
                read: Callable[[], None] = key.data
                read()
                if self._closed:
                    selector.unregister(key.fileobj)

    def _keep_alive(self, url: str) -> None:
        headers = {"Session": self._session.identifier}
        self._client.send_unanswered(self._client.prepared("GET_PARAMETER", url, headers))

    def _read_tcp(self) -> None:
        data = self._client.wire.receive_ready()
        if data is None:
            self._closed = True
            return
        self._take(e for e in self._client.feed(data) if isinstance(e, Interleaved))

    def _take(self, frames: Iterator[Interleaved] | list[Interleaved]) -> None:
        for frame in frames:
            if frame.channel == self._session.channel:
                self._keep(frame.payload)

    def _read_udp(self, own: socket.socket) -> None:
        # A camera with several addresses may send from another one, but from the port it named.
        port = (self._session.transport.pair("server_port") or (0, 0))[0]
        while True:
            try:
                data, source = own.recvfrom(65536)
            except OSError:  # nothing more, or an ICMP error that says nothing about media
                return
            if source[0] != self._client.wire.address and source[1] != port:
                continue
            self._capture.udp(Flow(own.getsockname()[:2], source[:2]), data, outgoing=False)
            if self._follower is None:
                self._recording.wire.append(data)
            self._keep(data)

    @staticmethod
    def _drain(own: socket.socket) -> None:
        with contextlib.suppress(OSError):
            own.recv(65536)

    def _keep(self, packet: bytes) -> None:
        if not packet or is_rtcp(packet):
            self._bytes += len(packet)
        elif self._follower is not None and self._recording.packets:
            self._follower.packet(packet)
        else:
            self._bytes += len(packet)
            self._recording.packets.append(packet)
            if self._follower is not None:
                self._follower.packet(packet)
