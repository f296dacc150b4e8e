"""Plays one stream over one transport and records it; judges and decodes nothing."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Iterable

from devices.errors import NotOffered
from devices.links.capture import Capture, Flow
from devices.links.rtsp.client import RtspClient
from devices.links.rtsp.describe import (
    Described,
    Redirected,
    Track,
    describe,
    keys_of,
    usable,
)
from devices.links.rtsp.multicast import GroupPorts, group_of
from devices.links.rtsp.recording import Follower, Recording
from devices.links.rtsp.setup import (
    TRANSPORTS,
    Session,
    UdpPorts,
    agree,
    check_agreed,
    is_multicast,
    leave,
    own_ports,
    refusal,
    session_of,
)
from devices.protocols.rtp import is_rtcp, is_rtp
from devices.protocols.rtsp import Interleaved

FIRST_PACKET_SECONDS = 4.0
"""Longest wait for the first packet: an encoder may have to be started."""
REPORT_SECONDS = 6.6
"""Longest further wait for a first RTCP packet, where media is outside TLS: senders report every
five seconds or so (RFC 3550, 6.2). Never more than ``REPORT_SHARE`` times the recording itself."""
REPORT_SHARE = 3.0
_NO_SUCH_RANGE = (400, 451, 456, 457)
"""Answers of servers that do not know ``npt=now-``, which RFC 2326, 3.6 has for live streams."""
_LOOK = 0.2  # s between two looks at whether a follower has enough, when nothing arrives
MAX_MEDIA = 16 * 1024 * 1024
"""Bytes of media after which a recording ends early."""

Ports = UdpPorts | GroupPorts


def play(
    client: RtspClient,
    url: str,
    transport: str,
    *,
    seconds: float,
    capture: Capture,
    section: int | None = None,
    what: Track = "video",
    follower: Follower | None = None,
) -> Recording:
    """Play ``url`` for ``seconds`` of media over ``transport`` (a key of TRANSPORTS).

    ``what`` picks the track; ``section`` counts the video sections of the description: this one
    alone, else the best suited. A ``follower`` gets the packets; the recording then keeps the
    first alone. A transport that the camera refuses gives a recording with ``refused``; raises
    Redirected when the camera sends its client elsewhere, and LinkError for
    everything else that goes wrong.
    """
    _, secure, datagrams = TRANSPORTS[transport]
    recording = Recording(transport, client.wire.tls_version)
    described = describe(client, url).only(section)
    recording.media = described.sections(what, secure=secure)[0]
    with own_ports(client, datagrams=datagrams and not is_multicast(transport)) as ports:
        agreement = agree(client, described, transport, ports, what)
        recording.media, answer = agreement.media, agreement.answer
        recording.status = answer.status
        if not answer.ok:
            recording.refused = refusal(agreement)
            return recording
        session = session_of(answer)
        recording.agreed = session.transport.specification
        group: GroupPorts | None = None
        try:
            check_agreed(session.transport, agreement.wanted)
            if secure:
                recording.keys = usable(keys_of(described.description, agreement.media, answer))
            if is_multicast(transport):
                where = group_of(session.transport, agreement.media, described.description)
                group = GroupPorts(*where, client.wire.local_address)
            if follower is not None:
                follower.begin(recording)
            receiver = _Receiver(
                client, session, group or ports, recording, capture, follower=follower
            )
            receiver.run(described, seconds)
        except NotOffered as error:
            recording.refused = str(error)
        finally:
            leave(client, described, session)
            if group is not None:
                group.close()
    if client.redirected and not recording.packets:
        raise Redirected(f"REDIRECT to {client.redirected[:200]}", 0, client.redirected)
    return recording


class _Receiver:
    """Receives the media of one session for a while, keeping the session alive."""

    def __init__(
        self,
        client: RtspClient,
        session: Session,
        ports: Ports | None,
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
        self._others: list[bytes] = []
        self._bytes = 0
        self._closed = False

    def run(self, described: Described, seconds: float) -> None:
        """Send PLAY and collect packets; raises LinkError when PLAY fails."""
        client, tap = self._client, bytearray()
        client.wire.tap = None if self._ports else tap
        headers = {"Session": self._session.identifier, "Range": "npt=now-"}
        answer = client.patient("PLAY", described.aggregate, headers)
        if answer.status in _NO_SUCH_RANGE:
            del headers["Range"]
            answer = client.patient("PLAY", described.aggregate, headers)
        self._recording.status = answer.status
        if not answer.ok:
            raise NotOffered(f"PLAY is answered {answer.status} {answer.reason}".rstrip())
        self._take(client.media)
        client.media = []
        self._take_frames(b"")  # what came behind the answer in the same piece
        with selectors.DefaultSelector() as selector:
            selector.register(client.wire, selectors.EVENT_READ, self._read_tcp)
            for own in self._ports.sockets if self._ports is not None else ():
                selector.register(own, selectors.EVENT_READ, self._reader(own))
            self._loop(selector, described.aggregate, seconds)
        client.wire.tap = None
        if self._ports is None:
            self._recording.wire = [bytes(tap)]
        # Some cameras send on channels other than those they named: those count when no media
        # came on the named one.
        self._recording.packets = self._recording.packets or self._others

    def _loop(self, selector: selectors.BaseSelector, url: str, seconds: float) -> None:
        end = time.monotonic() + FIRST_PACKET_SECONDS
        alive_every = max(self._session.timeout / 2, 1.0)
        alive_at = time.monotonic() + alive_every
        began = patient = False
        while not self._closed and self._bytes < MAX_MEDIA:
            now = time.monotonic()
            if not began and (self._recording.packets or self._others):
                began, end = True, now + seconds
            if patient and self._recording.rtcp:
                return
            if self._follower is not None and self._follower.enough():
                return
            if now >= end:
                if patient or not began or not self._awaits_reports():
                    return
                patient, end = True, now + min(REPORT_SHARE * seconds, REPORT_SECONDS)
            if now >= alive_at:
                alive_at = now + alive_every
                self._keep_alive(url)
            wait = min(end, alive_at) - now
            for key, _ in selector.select(min(wait, _LOOK) if self._follower else wait):
                read: Callable[[], None] = key.data
                read()
                if self._closed:
                    selector.unregister(key.fileobj)

    def _awaits_reports(self) -> bool:
        """Whether RTCP is still to be seen: what stands in it may be readable on the network."""
        return not self._recording.rtcp and not self._recording.inside_tls

    def _keep_alive(self, url: str) -> None:
        headers = {"Session": self._session.identifier}
        self._client.send_unanswered(self._client.prepared("GET_PARAMETER", url, headers))

    def _read_tcp(self) -> None:
        data = self._client.wire.receive_ready()
        if data is None:
            self._closed = True
            return
        self._take_frames(data)

    def _take_frames(self, data: bytes) -> None:
        self._take(e for e in self._client.feed(data) if isinstance(e, Interleaved))

    def _take(self, frames: Iterable[Interleaved]) -> None:
        for frame in frames:
            self._keep(frame.payload, named=frame.channel == self._session.channel)

    def _reader(self, own: socket.socket) -> Callable[[], None]:
        return lambda: self._read_udp(own)

    def _read_udp(self, own: socket.socket) -> None:
        # A camera with several addresses may send from another one, but from a port it named.
        ports = self._session.transport.pair("server_port") or ()
        while True:
            try:
                data, source = own.recvfrom(65536)
            except OSError:  # nothing more, or an ICMP error that says nothing about media
                return
            if source[0] != self._client.wire.address and source[1] not in ports:
                continue
            self._capture.udp(Flow(own.getsockname()[:2], source[:2]), data, outgoing=False)
            if self._follower is None:
                self._recording.wire.append(data)
            self._keep(data, named=True)

    def _keep(self, packet: bytes, *, named: bool) -> None:
        """Keep a packet as RTP or RTCP, multiplexed or not (RFC 5761)."""
        follower = self._follower
        if follower is None or not self._recording.packets:
            self._bytes += len(packet)
        if is_rtcp(packet):
            self._recording.rtcp.append(packet)
        elif follower is not None and (named or is_rtp(packet)):
            follower.packet(packet)
            self._recording.packets = self._recording.packets or [packet]
        elif named and packet:
            self._recording.packets.append(packet)
        elif is_rtp(packet):
            self._others.append(packet)
