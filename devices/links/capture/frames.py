"""Frames of a capture: made around the bytes of sockets, or picked from packets that were seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from devices.errors import Garbled
from devices.protocols import ip_packet
from devices.protocols.ip_packet import ACK, PSH, SYN, TCP, IpPacket
from devices.protocols.pcapng import CapturedPacket

_SEGMENT = 1400  # bytes of payload in a TCP segment that is made


@dataclass(frozen=True)
class Flow:
    """The two ends of one connection or datagram pair: address and port, ours first."""

    local: tuple[str, int]
    remote: tuple[str, int]


@dataclass(frozen=True)
class Piece:
    """Bytes that went one way at one moment (Unix time in seconds).

    ``offset`` counts what went this way before; ``length`` is that of the data, which may not have
    been kept.
    """

    when: float
    flow: Flow
    protocol: int
    outgoing: bool
    data: bytes = field(repr=False)
    offset: int
    length: int


@dataclass(frozen=True)
class Frame:
    """One packet of a capture, the flow it belongs to, and where its payload is in the stream."""

    packet: CapturedPacket
    flow: Flow
    protocol: int
    payload: bytes = field(repr=False)
    offset: int


def synthetic_frames(pieces: Iterable[Piece]) -> list[Frame]:
    """Make packets around what sockets gave; sequence numbers begin at 1."""
    frames: list[Frame] = []
    reached: dict[tuple[Flow, bool], int] = {}
    for piece in pieces:
        step = _SEGMENT if piece.protocol == TCP else max(piece.length, 1)
        for at in range(0, max(piece.length, 1), step):
            answered = reached.get((piece.flow, not piece.outgoing), 0)
            frames.append(_made(piece, at, min(step, piece.length - at), answered))
        reached[piece.flow, piece.outgoing] = piece.offset + piece.length
    return frames


def _made(piece: Piece, at: int, length: int, answered: int) -> Frame:
    source, target = piece.flow.local, piece.flow.remote
    if not piece.outgoing:
        source, target = target, source
    payload = piece.data[at : at + length]
    whole = IpPacket(
        source[:2],
        target[:2],
        piece.protocol,
        payload or bytes(length),
        sequence=piece.offset + at + 1,
        acknowledged=answered + 1,
        flags=PSH | ACK,
    ).to_bytes()
    kept = whole if payload or not length else whole[: len(whole) - length]
    packet = CapturedPacket(piece.when, kept, len(whole), piece.outgoing)
    return Frame(packet, piece.flow, piece.protocol, payload, piece.offset + at)


def observed_frames(
    packets: Iterable[tuple[float, bytes]], flows: set[tuple[Flow, int]]
) -> list[Frame]:
    """Pick the packets of these flows (with their protocols) out of all that were seen."""
    ways = {
        (protocol, *((f.local, f.remote) if outgoing else (f.remote, f.local))): (f, outgoing)
        for f, protocol in flows
        for outgoing in (True, False)
    }
    frames: list[Frame] = []
    first: dict[tuple[Flow, bool], int] = {}
    for when, data in packets:
        try:
            packet = ip_packet.parse(data)
        except Garbled:
            continue
        found = ways.get((packet.protocol, packet.source, packet.target))
        if found is None:
            continue
        flow, outgoing = found
        begin = packet.sequence + (1 if packet.flags & SYN else 0)
        start = first.setdefault(found, begin)
        captured = CapturedPacket(when, data, len(data), outgoing)
        offset = (begin - start) & 0xFFFFFFFF
        frames.append(Frame(captured, flow, packet.protocol, packet.payload, offset))
    return frames
