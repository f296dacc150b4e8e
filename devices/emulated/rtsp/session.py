"""One playing session of the emulated camera: a video source to one client over one transport."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Any, Protocol

from devices.emulated.addresses import RTP_PORTS
from devices.emulated.rtsp.beside import Beside
from devices.emulated.rtsp.sdp import payload_type
from devices.emulated.video.source import CLOCK_RATE, AccessUnit, StreamDefinition
from devices.protocols import rtp_jpeg_frames
from devices.protocols.h26x import packetise
from devices.protocols.rtp import RtpPacket, goodbye, sender_report
from devices.protocols.rtsp import Interleaved
from devices.protocols.srtp import Protector

PAYLOAD_LIMIT = 1200  # bytes: fits any network with SRTP, UDP and tunnel headers around it
REPORT_SECONDS = 5.0  # between two RTCP sender reports, RFC 3550, 6.2
TIMEOUT = 10  # s without a sign of life of the client, as SETUP declares: RFC 2326, 12.37

Send = Callable[[bytes, bool], bool]
"""Sends one packet; the flag says RTCP. False when the client does not keep up."""


class Writer(Protocol):
    """Where a connection's bytes go: what is used of asyncio.StreamWriter."""

    @property
    def transport(self) -> asyncio.WriteTransport:
        """The connection."""

    def write(self, data: bytes, /) -> None:
        """Send bytes."""

    async def drain(self) -> None:
        """Wait until they are on their way."""

    def close(self) -> None:
        """Close the connection."""

    def get_extra_info(self, name: str, /) -> Any:
        """What is known of the connection."""


class MediaSource(Protocol):
    """What a track is made from."""

    stream: StreamDefinition

    def subscribe(self, listener: Callable[[AccessUnit], None]) -> None:
        """Call ``listener`` with each access unit from now on."""

    def unsubscribe(self, listener: Callable[[AccessUnit], None]) -> None:
        """Stop calling it."""


class RtspSession:
    """Turns access units into (S)RTP packets while playing.

    ``companion`` is another track that plays, pauses and ends with this one.
    """

    def __init__(
        self,
        source: MediaSource,
        send: Send,
        *,
        ssrc: int,
        protector: Protector | None,
        beside: Beside,
    ) -> None:
        self.identifier = secrets.token_hex(8)
        self.ssrc = ssrc
        self.last_seen = time.monotonic()
        self.closing: Callable[[], None] = lambda: None
        self.in_datagrams = False
        self.companion: RtspSession | None = None
        self._source = source
        self._payload_type = self._numbered()
        self._send = send
        self._protector = protector
        self._beside = beside
        self._sequence = secrets.randbits(15)  # below 2**15: RFC 3711, 3.3.1 on early loss
        self._offset = secrets.randbits(32)
        self._packets = self._octets = 0
        self._reported = 0.0
        self._playing = False
        self._lagging = False

    @property
    def next_packet(self) -> tuple[int, int]:
        """Sequence number and timestamp that PLAY announces in RTP-Info."""
        return self._sequence, (int(time.monotonic() * CLOCK_RATE) + self._offset) & 0xFFFFFFFF

    def play(self) -> None:
        """Start, or go on; the first picture is a keyframe."""
        if not self._playing:
            self._playing = True
            self._source.subscribe(self._deliver)
        if self.companion is not None:
            self.companion.play()

    def pause(self) -> None:
        """Stop sending until the next play."""
        if self._playing:
            self._playing = False
            self._source.unsubscribe(self._deliver)
        if self.companion is not None:
            self.companion.pause()

    def close(self) -> None:
        """Stop, say goodbye and give the transport back."""
        if self._playing:
            self.pause()
            self._send_rtcp(goodbye(self.ssrc))
        self.closing()
        self.closing = lambda: None
        if self.companion is not None:
            self.companion.close()

    def _deliver(self, access_unit: AccessUnit) -> None:
        if self._lagging and not access_unit.keyframe:
            return
        self._lagging = False
        timestamp = (access_unit.timestamp + self._offset) & 0xFFFFFFFF
        payloads = self._payloads(access_unit)
        for number, payload in enumerate(payloads, 1):
            self._send_rtp(payload, timestamp, last=number == len(payloads))
        if time.monotonic() - self._reported > REPORT_SECONDS:
            self._report(timestamp)

    def _numbered(self) -> int:
        """The RTP payload type of this track."""
        return payload_type(self._source.stream)

    def _payloads(self, access_unit: AccessUnit) -> list[bytes]:
        codec = self._source.stream.codec
        if codec == "mjpeg":
            return rtp_jpeg_frames.packetise(access_unit.units[0], PAYLOAD_LIMIT)
        return [p for unit in access_unit.units for p in packetise(codec, unit, PAYLOAD_LIMIT)]

    def _send_rtp(self, payload: bytes, timestamp: int, *, last: bool) -> None:
        packet = RtpPacket(
            self._payload_type, self._sequence, timestamp, self.ssrc, payload, marker=last
        ).to_bytes()
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._packets += 1
        self._octets += len(payload)
        packet = self._beside.extended(packet)
        if self._protector is not None:
            packet = self._protector.protect(packet)
        if not self._lagging and not self._send(packet, False):  # noqa: FBT003 - the type says it
            self._lagging = True

    def _report(self, timestamp: int) -> None:
        self._reported = time.monotonic()
        self._send_rtcp(
            sender_report(
                self.ssrc,
                unix_time=time.time(),
                timestamp=timestamp,
                packets=self._packets,
                octets=self._octets,
                name=self._beside.name,
            )
        )

    def _send_rtcp(self, packet: bytes) -> None:
        if self._protector is not None and self._beside.rtcp_protected:
            packet = self._protector.protect_rtcp(packet)
        self._send(packet, True)  # noqa: FBT003 - the type says it


def interleaved_sender(writer: Writer, channels: tuple[int, int]) -> Send:
    """Return a sender into the RTSP connection; it says no when 512 kB wait to be taken."""
    limit = 512 * 1024

    def send(packet: bytes, rtcp: bool) -> bool:  # noqa: FBT001 - the type of Send
        transport = writer.transport
        if transport.is_closing() or transport.get_write_buffer_size() > limit:
            return False
        writer.write(Interleaved(channels[rtcp], packet).to_bytes())
        return True

    return send


class UdpPair:
    """A pair of UDP ports, RTP and RTCP, towards one client (RFC 3550, 11)."""

    _ATTEMPTS = 32

    def __init__(self, client: tuple[str, int, int]) -> None:
        self._address, *self._ports = client
        self._transports: list[asyncio.DatagramTransport] = []
        self.heard: Callable[[], None] = lambda: None
        self.received: Callable[[bytes, bool], None] = lambda _packet, _rtcp: None

    @property
    def ports(self) -> tuple[int, int]:
        """The camera's own RTP and RTCP port."""
        first, second = (t.get_extra_info("sockname")[1] for t in self._transports)
        return first, second

    async def open(self, address: str) -> None:
        """Bind an even port and the next one; raises OSError when none are free."""
        for attempt in range(self._ATTEMPTS):
            port = RTP_PORTS.start + 2 * secrets.randbelow(len(RTP_PORTS) // 2)
            try:
                for rtcp in (False, True):
                    self._transports.append(await self._bind(address, port + rtcp, rtcp=rtcp))
            except OSError:
                self.close()
                if attempt == self._ATTEMPTS - 1:
                    raise
            else:
                return

    def send(self, packet: bytes, rtcp: bool) -> bool:  # noqa: FBT001 - the type of Send
        """Send one datagram."""
        if self._transports:
            self._transports[rtcp].sendto(packet, (self._address, self._ports[rtcp]))
        return True

    def close(self) -> None:
        """Close both ports."""
        for transport in self._transports:
            transport.close()
        self._transports.clear()

    async def _bind(self, address: str, port: int, *, rtcp: bool) -> asyncio.DatagramTransport:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Listener(self, rtcp=rtcp), local_addr=(address, port)
        )
        return transport


class _Listener(asyncio.DatagramProtocol):
    """Takes the client's receiver reports as signs of life."""

    def __init__(self, pair: UdpPair, *, rtcp: bool) -> None:
        self._pair, self._rtcp = pair, rtcp

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Any datagram of the client counts, whatever it holds."""
        del addr
        self._pair.heard()
        self._pair.received(data, self._rtcp)

    def error_received(self, exc: Exception) -> None:
        """Take no notice: an unreachable client ends by the session's time-out."""
        del exc
