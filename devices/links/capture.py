"""What went over the network, kept as a capture file that Wireshark and tcpdump open.

The bytes are those that a socket handed over: TLS records and datagrams as they were on the wire.
Headers of IP, TCP and UDP are synthesised around them, because raw capture needs privileges that
a laboratory's account does not have; sequence numbers count the bytes truly seen.
"""

from __future__ import annotations

import ipaddress
import re
import struct
import threading
import time
from dataclasses import dataclass, field

from devices.observation import Artefact

MAX_BYTES = 4 * 1024 * 1024
"""Bytes kept of one capture; what comes later is counted and left out."""

_SEGMENT = 1400  # bytes of payload in a synthesised TCP segment
_LINKTYPE_RAW = 101  # packets begin with the IP header: https://www.tcpdump.org/linktypes.html
_TCP, _UDP = 6, 17
_PSH_ACK = 0x18

_BASIC = re.compile(rb"(?i)(authorization:\s*basic\s+)([^\r\n]+)")


@dataclass(frozen=True)
class Flow:
    """The two ends of one connection or datagram pair: address and port, ours first."""

    local: tuple[str, int]
    remote: tuple[str, int]


@dataclass(frozen=True)
class Piece:
    """Bytes that went one way at one moment (Unix time in seconds)."""

    when: float
    flow: Flow
    protocol: int
    outgoing: bool
    data: bytes = field(repr=False)


class Capture:
    """Collects what one exchange put on the wire; safe to use from several threads."""

    def __init__(self) -> None:
        self._pieces: list[Piece] = []
        self._kept = 0
        self._left_out = 0
        self._lock = threading.Lock()

    @property
    def left_out(self) -> int:
        """Bytes beyond the bound that were not kept."""
        return self._left_out

    def tcp(self, flow: Flow, data: bytes, *, outgoing: bool) -> None:
        """Record bytes of a TCP connection; Basic credentials are blotted out, length kept."""
        if outgoing:
            data = _BASIC.sub(lambda m: m[1] + b"x" * len(m[2]), data)
        self._add(Piece(time.time(), flow, _TCP, outgoing, data))

    def udp(self, flow: Flow, data: bytes, *, outgoing: bool) -> None:
        """Record one datagram."""
        self._add(Piece(time.time(), flow, _UDP, outgoing, data))

    def artefact(self, name: str) -> Artefact:
        """Return everything recorded as a capture file."""
        return Artefact(name, "application/vnd.tcpdump.pcap", self.to_pcap())

    def to_pcap(self) -> bytes:
        """Return the capture in the classic pcap format, version 2.4, microseconds."""
        head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, _LINKTYPE_RAW)
        sequence: dict[tuple[Flow, bool], int] = {}
        with self._lock:
            pieces = list(self._pieces)
        records = [record for piece in pieces for record in _records(piece, sequence)]
        return head + b"".join(records)

    def _add(self, piece: Piece) -> None:
        with self._lock:
            if self._kept + len(piece.data) > MAX_BYTES:
                self._left_out += len(piece.data)
                return
            self._kept += len(piece.data)
            self._pieces.append(piece)


def _records(piece: Piece, sequence: dict[tuple[Flow, bool], int]) -> list[bytes]:
    source, target = piece.flow.local, piece.flow.remote
    if not piece.outgoing:
        source, target = target, source
    records: list[bytes] = []
    step = _SEGMENT if piece.protocol == _TCP else max(len(piece.data), 1)
    for at in range(0, max(len(piece.data), 1), step):
        data = piece.data[at : at + step]
        if piece.protocol == _TCP:
            sent = sequence.get((piece.flow, piece.outgoing), 1)
            answered = sequence.get((piece.flow, not piece.outgoing), 1)
            sequence[piece.flow, piece.outgoing] = sent + len(data)
            head = struct.pack(
                "!HHIIBBHHH",
                source[1],
                target[1],
                sent & 0xFFFFFFFF,
                answered & 0xFFFFFFFF,
                5 << 4,
                _PSH_ACK,
                65535,
                0,
                0,
            )
        else:
            head = struct.pack("!HHHH", source[1], target[1], 8 + len(data), 0)
        packet = _ip(source[0], target[0], piece.protocol, head + data)
        seconds = int(piece.when)
        micros = int((piece.when - seconds) * 1_000_000)
        records.append(struct.pack("<IIII", seconds, micros, len(packet), len(packet)) + packet)
    return records


def _ip(source: str, target: str, protocol: int, payload: bytes) -> bytes:
    """Return an IP packet; checksums of the transport are left 0 (not computed)."""
    head: bytes
    a, b = ipaddress.ip_address(source), ipaddress.ip_address(target)
    if a.version == 6:
        return (
            struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64)
            + a.packed
            + b.packed
            + payload
        )
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0)
    head += a.packed + b.packed
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    checksum = ~(total + (total >> 16)) & 0xFFFF
    packet: bytes = head[:10] + checksum.to_bytes(2, "big") + head[12:] + payload
    return packet
