"""The record of one exchange: bytes as the sockets gave them, or packets as the kernel saw them.

Without privileges the bytes are those that a socket handed over: TLS records and datagrams as they
were on the wire. Headers of IP, TCP and UDP are then made around them; sequence numbers count the
bytes truly seen. Where the bench allows it (``sniffer``), the packets themselves are kept instead.
With ``proxied`` connections go through a relay, which records what it passes on.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from dataclasses import dataclass, field, replace

from devices.links.capture.frames import Flow, Frame, Piece, observed_frames, synthetic_frames
from devices.links.capture.relay import dial
from devices.links.capture.sniffer import Sniffer
from devices.observation import Artefact
from devices.protocols import pcapng
from devices.protocols.ip_packet import TCP, UDP

MAX_BYTES = 4 * 1024 * 1024
"""Bytes kept of one capture; of what comes later the headers are kept."""

TOOL = "camproof"
_OWN_SOCKETS = "sockets: bytes of the bench's own sockets, with headers made around them"
_PROXIED = (
    "proxy: bytes of TCP as the recording proxy passed them on, datagrams as the bench's own "
    "sockets gave them, with headers made around them"
)
_BASIC = re.compile(rb"(?i)(authorization:\s*basic\s+)([^\r\n]+)")


@dataclass(frozen=True)
class Way:
    """A connection to a camera. ``flow``: from this machine to the camera.

    ``recorded``: its bytes are recorded on their way; its user does not do it again.
    """

    socket: socket.socket
    flow: Flow
    recorded: bool


class Capture:
    """Collects what one exchange put on the wire; safe to use from several threads."""

    def __init__(self, sniffer: Sniffer | None = None, *, proxied: bool = False) -> None:
        self._sniffer = sniffer
        self._proxied = proxied
        self._pieces: list[Piece] = []
        self._offsets: dict[tuple[Flow, bool], int] = {}
        self._kept = 0
        self._left_out = 0
        self._lock = threading.Lock()

    @property
    def left_out(self) -> int:
        """Bytes beyond the bound that were not kept."""
        return self._left_out

    def connect(self, target: tuple[str, int], timeout: float) -> Way:
        """Connect to a permitted IP address, as this capture records; raises OSError."""
        if self._proxied:
            return Way(*dial(target, timeout, self.tcp), recorded=True)
        own = socket.create_connection(target, timeout=timeout)
        return Way(own, Flow(own.getsockname()[:2], target), recorded=False)

    def discreet(self, data: bytes, *, outgoing: bool) -> bytes:
        """Bytes of a TCP connection with Basic credentials blotted out, length kept."""
        return _BASIC.sub(lambda m: m[1] + b"x" * len(m[2]), data) if outgoing else data

    def tcp(self, flow: Flow, data: bytes, *, outgoing: bool) -> None:
        """Record bytes of a TCP connection, discreetly."""
        self._add(flow, TCP, self.discreet(data, outgoing=outgoing), outgoing=outgoing)

    def udp(self, flow: Flow, data: bytes, *, outgoing: bool) -> None:
        """Record one datagram."""
        self._add(flow, UDP, data, outgoing=outgoing)

    def frozen(self) -> CapturedFrames:
        """Return what was recorded, as numbered frames."""
        with self._lock:
            pieces = list(self._pieces)
        if self._sniffer is None:
            source = _PROXIED if self._proxied else _OWN_SOCKETS
            return CapturedFrames(synthetic_frames(pieces), source)
        flows = {(piece.flow, piece.protocol) for piece in pieces}
        seen = self._sniffer.packets()
        frames = [self._blotted(frame) for frame in observed_frames(seen, flows)]
        return CapturedFrames(frames, self._sniffer.description)

    def _blotted(self, frame: Frame) -> Frame:
        """A packet of the kernel without what is secret in it; its checksum is then wrong."""
        if frame.protocol != TCP or not frame.payload:
            return frame
        payload, packet = frame.payload, frame.packet
        shown = self.discreet(payload, outgoing=packet.outgoing)
        at = packet.data.rfind(payload)
        if shown == payload or at < 0:
            return frame
        data = packet.data[:at] + shown + packet.data[at + len(shown) :]
        return replace(frame, packet=replace(packet, data=data), payload=shown)

    def artefact(self, name: str, comment: str = "") -> Artefact:
        """Return everything recorded as a capture file."""
        return self.frozen().artefact(name, comment)

    def _add(self, flow: Flow, protocol: int, data: bytes, *, outgoing: bool) -> None:
        with self._lock:
            offset = self._offsets.get((flow, outgoing), 0)
            self._offsets[flow, outgoing] = offset + len(data)
            piece = Piece(time.time(), flow, protocol, outgoing, data, offset, len(data))
            if self._kept + len(data) > MAX_BYTES:
                self._left_out += len(data)
                piece = replace(piece, data=b"")
            self._kept += len(piece.data)
            self._pieces.append(piece)


@dataclass(frozen=True)
class CapturedFrames:
    """The frames of a capture, numbered from 1 as Wireshark does, and remarks on some."""

    frames: list[Frame] = field(repr=False)
    source: str
    _remarks: dict[int, list[str]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.frames)

    def holding(self, data: bytes, *, last: bool = False) -> int:
        """The number of the frame that came in and holds the first (``last``) byte of ``data``.

        0 when the bytes are not in the capture.
        """
        for stream in self._incoming():
            if (number := stream.frame_of(data, last=last)) > 0:
                return number
        return 0

    def remark(self, number: int, text: str) -> None:
        """Let the comment of a frame say this, too."""
        if 0 < number <= len(self.frames):
            self._remarks.setdefault(number, []).append(text)

    def artefact(self, name: str, comment: str = "") -> Artefact:
        """Return the capture as a file, with its comments."""
        kind, _, explained = self.source.partition(": ")
        content = pcapng.CaptureFile(
            application=TOOL,
            comment=comment,
            interface=kind,
            interface_comment=explained,
            packets=[
                replace(frame.packet, comment="\n".join(self._remarks.get(number, ())))
                for number, frame in enumerate(self.frames, 1)
            ],
        )
        return Artefact(name, pcapng.MEDIA_TYPE, pcapng.write(content))

    def _incoming(self) -> list[_Incoming]:
        streams: dict[tuple[Flow, int], _Incoming] = {}
        for number, frame in enumerate(self.frames, 1):
            if not frame.packet.outgoing and frame.payload:
                key = (frame.flow, frame.protocol)
                streams.setdefault(key, _Incoming()).add(number, frame)
        return list(streams.values())


class _Incoming:
    """The bytes that came in over one flow, each once, and in which frames they are."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._starts: list[tuple[int, int]] = []
        self._next: int | None = None

    def add(self, number: int, frame: Frame) -> None:
        payload, offset = frame.payload, frame.offset
        if frame.protocol == TCP:
            if self._next is not None and offset < self._next:  # sent again
                payload, offset = payload[self._next - offset :], self._next
            self._next = offset + len(payload)
        if payload:
            self._starts.append((len(self._data), number))
            self._data += payload

    def frame_of(self, data: bytes, *, last: bool) -> int:
        at = self._data.find(data) if data else -1
        if at < 0:
            return 0
        if last:
            at += len(data) - 1
        return next(number for start, number in reversed(self._starts) if start <= at)
