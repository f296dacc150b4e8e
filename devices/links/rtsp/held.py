"""A session that is held open while something is done to it: who may use it, and when it ends."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

from devices.errors import Garbled, LinkError, NotOffered
from devices.links.capture import Capture, Flow
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.client import RtspClient, endpoint_of, without_userinfo
from devices.links.rtsp.describe import Described, describe
from devices.links.rtsp.player import FIRST_PACKET_SECONDS
from devices.links.rtsp.setup import TRANSPORTS, UdpPorts, own_ports, to_ask_for
from devices.protocols.digest import DigestClient
from devices.protocols.rtp import is_rtcp
from devices.protocols.rtsp import Interleaved, Response
from devices.protocols.transport import parse_session, parse_transports

_BURST_GAP = 0.008
"""Seconds of silence that part two pictures; at 60 a second they are twice as far apart."""

BeforeSetup = Callable[[RtspClient, str, str], None]

QUIET_SECONDS = 1.0
"""Shortest silence after which a stream counts as ended."""


@dataclass(frozen=True)
class Heard:
    """Media heard within a while.

    ``last`` is when the last packet came, in seconds from the beginning (0 without any);
    ``longest_gap`` the longest silence between two; ``listened`` how long it was in all.
    ``closed``: the camera closed the RTSP connection.
    """

    packets: int
    last: float
    longest_gap: float
    listened: float
    closed: bool


@dataclass
class HeldSession:
    """One session that SETUP made. ``timeout`` is what the camera declared, in seconds."""

    client: RtspClient
    described: Described
    track: str
    ports: UdpPorts | None
    capture: Capture
    identifier: str
    timeout: float
    channel: int
    source_port: int

    def request(self, method: str, headers: Mapping[str, str] | None = None) -> Response:
        """Send a request of this session, logged in as its client is."""
        fields = {"Session": self.identifier, **(headers or {})}
        return self.client.request(method, self.described.aggregate, fields)

    def begin(self) -> Heard:
        """Play until media flows; raises NotOffered when it does not."""
        fields = {"Session": self.identifier}
        answer = self.client.patient("PLAY", self.described.aggregate, fields)
        if not answer.ok:
            raise NotOffered(f"PLAY is answered {answer.status} {answer.reason}".rstrip())
        heard = self.listen(FIRST_PACKET_SECONDS, bursts=4)
        if not heard.packets:
            raise NotOffered(f"no media arrived within {FIRST_PACKET_SECONDS:.0f} s of PLAY")
        return heard

    def until_quiet(self, limit: float, before: Heard, least: float = QUIET_SECONDS) -> Heard:
        """Listen until it has been silent for long, at most ``limit`` seconds.

        Long is ``least``, and five times the longest gap that the media had ``before``, to be fair
        to streams of few pictures a second.
        """
        return self.listen(limit, quiet=max(least, 5 * before.longest_gap))

    def listen(self, seconds: float, *, bursts: int = 0, quiet: float = 0) -> Heard:
        """Listen for ``seconds``; less when so many ``bursts`` came, or ``quiet`` seconds nothing.

        A burst is what follows a silence, as the packets of one picture do. Media inside the RTSP
        connection ends with it, and so does this.
        """
        ear = _Ear(self)
        with selectors.DefaultSelector() as selector:
            if self.client.wire.fileno() >= 0:  # else the bench has closed it
                selector.register(self.client.wire, selectors.EVENT_READ, ear.read_connection)
            if self.ports is not None:
                rtp, rtcp = self.ports.sockets
                selector.register(rtp, selectors.EVENT_READ, lambda: ear.read_datagrams(rtp))
                selector.register(rtcp, selectors.EVENT_READ, lambda: _drain(rtcp))
            while (left := ear.left(seconds, bursts, quiet)) > 0:
                for key, _ in selector.select(left):
                    read: Callable[[], None] = key.data
                    read()
                    if ear.closed and key.fileobj is self.client.wire:
                        selector.unregister(self.client.wire)
                if ear.closed and self.ports is None:
                    break
        return ear.heard()


class _Ear:
    """Counts the media of one session."""

    def __init__(self, session: HeldSession) -> None:
        self._session = session
        self._began = time.monotonic()
        self._times: list[float] = []
        self.closed = False
        media, session.client.media = session.client.media, []
        self._take(media)

    def left(self, seconds: float, bursts: int, quiet: float) -> float:
        now = time.monotonic()
        end = self._began + seconds
        if bursts and self._bursts() >= bursts:
            return 0
        if quiet:
            end = min(end, max(self._times[-1:], default=self._began) + quiet)
        return end - now

    def read_connection(self) -> None:
        client = self._session.client
        try:
            data = client.wire.receive_ready()
            events = client.feed(data) if data is not None else []
        except LinkError:
            data, events = None, []
        self.closed = data is None or client.wire.ended
        self._take(event for event in events if isinstance(event, Interleaved))

    def read_datagrams(self, own: socket.socket) -> None:
        session = self._session
        while True:
            try:
                data, source = own.recvfrom(65536)
            except OSError:
                return
            known = session.source_port and source[1] == session.source_port
            if source[0] != session.client.wire.address and not known:
                continue
            session.capture.udp(Flow(own.getsockname()[:2], source[:2]), data, outgoing=False)
            self._count(data)

    def _take(self, frames: Iterable[Interleaved]) -> None:
        for frame in frames:
            if frame.channel == self._session.channel and self._session.ports is None:
                self._count(frame.payload)

    def _count(self, packet: bytes) -> None:
        if packet and not is_rtcp(packet):
            self._times.append(time.monotonic())

    def _bursts(self) -> int:
        silences = sum(after - before > _BURST_GAP for before, after in pairwise(self._times))
        return silences + bool(self._times)

    def heard(self) -> Heard:
        times = self._times
        gaps = [after - before for before, after in pairwise(times)]
        return Heard(
            packets=len(times),
            last=round(times[-1] - self._began, 3) if times else 0.0,
            longest_gap=round(max(gaps, default=0.0), 3),
            listened=round(time.monotonic() - self._began, 3),
            closed=self.closed,
        )


def _drain(own: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            own.recv(65536)


@contextmanager
def held_session(
    access: RtspAccess,
    url: str,
    transport: str,
    login: DigestClient | None,
    *,
    capture: Capture | None = None,
    before_setup: BeforeSetup = lambda *_: None,
) -> Iterator[HeldSession]:
    """Describe a stream and set it up over ``transport`` (a key of TRANSPORTS); end it at last.

    ``before_setup`` is called before SETUP with the client, the track and the Transport asked for.
    Raises LinkError: NotOffered when the camera does not set it up so.
    """
    url = without_userinfo(url)
    capture = capture or access.capture()
    lower, secure, datagrams = TRANSPORTS[transport]
    tunnel = access.tunnel_of(url, transport)
    with access.connect(
        endpoint_of(url),
        login=login,
        capture=capture,
        tunnel=tunnel,
    ) as client:
        described = describe(client, url)
        media = described.video(secure=secure)
        track = described.track(media)
        with own_ports(client, datagrams=datagrams) as ports:
            wanted = to_ask_for(media, lower, secure=secure, ports=ports)
            before_setup(client, track, wanted.to_text())
            answer = client.patient("SETUP", track, {"Transport": wanted.to_text()})
            if not answer.ok:
                raise NotOffered(f"SETUP is answered {answer.status} {answer.reason}".rstrip())
            identifier, timeout = parse_session(answer.get("Session"))
            if not identifier:
                raise Garbled("SETUP is answered without a Session header")
            agreed = parse_transports(answer.get("Transport"))[0]
            session = HeldSession(
                client=client,
                described=described,
                track=track,
                ports=ports,
                capture=capture,
                identifier=identifier,
                timeout=timeout,
                channel=(agreed.pair("interleaved") or (0, 1))[0],
                source_port=(agreed.pair("server_port") or (0, 0))[0],
            )
            try:
                yield session
            finally:
                _leave(session)


def _leave(session: HeldSession) -> None:
    """Tell the camera that it is over, whether or not it still listens."""
    with contextlib.suppress(LinkError, OSError):
        headers = {"Session": session.identifier}
        session.client.send_unanswered(
            session.client.prepared("TEARDOWN", session.described.aggregate, headers)
        )
