"""JPEG pictures out of RTP payloads, and into them (RFC 2435), sans-io.

The payload has no JPEG header: sampling and size stand in the payload's own, Huffman tables are
the standard ones, quantisation tables come by number (Q) or in the first payload of a picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from devices.errors import Garbled
from devices.protocols.jpeg_tables import HUFFMAN, quantisation
from devices.protocols.rtp import RtpPacket, in_order

MAX_PICTURE = 8 * 1024 * 1024
"""Bytes of one picture that are put together at most."""

_HEADER = 8  # bytes: RFC 2435, 3.1
_RESTART = 64  # bit of the type: a restart header follows, 3.1.7
_IN_BAND = 128  # least Q whose tables are in the stream, 3.1.8
_EVERY = 255  # the Q whose tables are in every picture
_END = b"\xff\xd9"
_SAMPLING = (0x21, 0x22)  # of luma: 4:2:2 and 4:2:0, for types 0 and 1
_LARGEST = 255 * 8  # pixels that the header can say; 0 is more, and told by SDP


@dataclass(frozen=True)
class Head:
    """The header of one payload: its fields as in RFC 2435, sizes in pixels.

    ``tables`` are quantisation tables of 8 or 16 bits (``wide``) in the payload, ``start`` is where
    the coded data begins.
    """

    offset: int
    kind: int
    quality: int
    width: int
    height: int
    interval: int = 0
    tables: bytes = field(default=b"", repr=False)
    wide: int = 0
    start: int = _HEADER


def parse_head(payload: bytes) -> Head:
    """Parse the header of a payload; raises Garbled for what RFC 2435 does not have."""
    if len(payload) < _HEADER:
        raise Garbled("a JPEG payload shorter than its header")
    kind, quality = payload[4], payload[5]
    if kind & ~_RESTART > 1 or quality == 0 or 100 <= quality < _IN_BAND:
        raise Garbled(f"a JPEG payload of type {kind} with Q {quality}")
    offset, at, interval = int.from_bytes(payload[1:4], "big"), _HEADER, 0
    if kind & _RESTART:
        interval, at = int.from_bytes(payload[at : at + 2], "big"), at + 4
    tables, wide = b"", 0
    if quality >= _IN_BAND and offset == 0:
        wide = payload[at + 1] if at + 1 < len(payload) else 0
        length = int.from_bytes(payload[at + 2 : at + 4], "big")
        at += 4
        tables, at = bytes(payload[at : at + length]), at + length
    if at > len(payload):
        raise Garbled("a JPEG payload shorter than its headers")
    width, height = 8 * payload[6], 8 * payload[7]
    return Head(offset, kind, quality, width, height, interval, tables, wide, at)


def is_defined(payload: bytes) -> bool:
    """Whether the type is one that RFC 2435 defines; others are agreed on elsewhere (3.1.3)."""
    return len(payload) < _HEADER or payload[4] & ~_RESTART <= 1


class Depacketiser:
    """Puts pictures together out of the payloads of one source, in their order.

    ``size`` in pixels is what the session description says: payloads count in blocks of 8, and not
    beyond 255 of them. A picture of which a packet is missing is left out.
    """

    def __init__(self, size: tuple[int, int] = (0, 0)) -> None:
        self._size = size
        self._told: dict[int, tuple[bytes, int]] = {}  # tables by Q
        self._head: Head | None = None
        self._scan = bytearray()
        self._timestamp = 0
        self._expected: int | None = None

    def feed(self, packet: RtpPacket) -> list[bytes]:
        """The JPEG files that a packet completes; raises Garbled for what is no JPEG payload."""
        in_time = self._expected in (None, packet.sequence)
        self._expected = (packet.sequence + 1) % 0x10000
        if not in_time:
            self._head = None
        try:
            return self._fed(packet, parse_head(packet.payload))
        except Garbled:
            self._head = None
            raise

    def _fed(self, packet: RtpPacket, head: Head) -> list[bytes]:
        found: list[bytes] = []
        if head.offset == 0:
            found += self._ended()  # some senders set no marker
            self._head, self._timestamp, self._scan = head, packet.timestamp, bytearray()
        elif not self._goes_on(packet, head):
            self._head = None
        if self._head is not None:
            self._scan += packet.payload[head.start :]
            if len(self._scan) > MAX_PICTURE:
                raise Garbled(f"a JPEG picture of more than {MAX_PICTURE} bytes")
            if packet.marker:
                found += self._ended()
        return found

    def _goes_on(self, packet: RtpPacket, head: Head) -> bool:
        first = self._head
        return (
            first is not None
            and (head.offset, packet.timestamp) == (len(self._scan), self._timestamp)
            and (head.kind, head.quality) == (first.kind, first.quality)
        )

    def _ended(self) -> list[bytes]:
        head, self._head = self._head, None
        if head is None or not self._scan:
            return []
        return [self._file(head, bytes(self._scan))]

    def _file(self, head: Head, scan: bytes) -> bytes:
        width, height = (
            said if own in (0, -(-said // 8) * 8) else own
            for own, said in zip((head.width, head.height), self._size, strict=True)
        )
        if not (width and height):
            raise Garbled("a JPEG picture whose size is not said")
        colours = bytes((3, 1, _SAMPLING[head.kind & 1], 0, 2, 0x11, 1, 3, 0x11, 1))
        frame = b"\x08" + height.to_bytes(2, "big") + width.to_bytes(2, "big") + colours
        restart = _segment(0xDD, head.interval.to_bytes(2, "big")) if head.kind & _RESTART else b""
        return b"".join(
            (
                b"\xff\xd8",
                _segment(0xDB, self._quantisation(head)),
                restart,
                _segment(0xC0, frame),
                _segment(0xC4, HUFFMAN),
                _segment(0xDA, bytes((3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0))),
                scan,
                b"" if scan.endswith(_END) else _END,
            )
        )

    def _quantisation(self, head: Head) -> bytes:
        """The body of the DQT segment: the tables of luma and of chroma."""
        if head.quality < _IN_BAND:
            luma, chroma = quantisation(head.quality)
            return b"\x00" + luma + b"\x01" + chroma
        tables, wide = head.tables, head.wide
        if tables and head.quality != _EVERY:
            self._told[head.quality] = (tables, wide)
        elif not tables:
            tables, wide = self._told.get(head.quality, (b"", 0))
        sizes = [64 << (wide >> number & 1) for number in (0, 1)]
        if len(tables) == sizes[0]:  # one for both
            tables, sizes, wide = tables * 2, [sizes[0]] * 2, 3 * (wide & 1)
        if len(tables) < sum(sizes):
            raise Garbled(f"a JPEG picture with Q {head.quality} and {len(tables)} bytes of tables")
        first, second = tables[: sizes[0]], tables[sizes[0] : sum(sizes)]
        return bytes(((wide & 1) << 4,)) + first + bytes(((wide >> 1 & 1) << 4 | 1,)) + second


def depacketise(
    packets: Iterable[RtpPacket], size: tuple[int, int] = (0, 0)
) -> tuple[list[bytes], int]:
    """The JPEG files in the packets of one source, and how many payloads were malformed."""
    depacketiser = Depacketiser(size)
    found: list[bytes] = []
    malformed = 0
    for packet in in_order(packets):
        try:
            found += depacketiser.feed(packet)
        except Garbled:
            malformed += 1
    return found, malformed


def packetise(picture: bytes, limit: int) -> list[bytes]:
    """Cut a JPEG file into payloads of at most ``limit`` bytes, its tables in the first one.

    Raises Garbled for a file that RFC 2435 has no type for: baseline with 4:2:0 or 4:2:2 and the
    standard Huffman tables it must be.
    """
    segments, scan = _segments(picture)
    frame, tables = segments.get(0xC0, b""), segments.get(0xDB, b"")
    if len(frame) != 15 or len(tables) != 130 or segments.get(0xC4) != HUFFMAN:
        raise Garbled("a JPEG file that RFC 2435 cannot carry")
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    if frame[7] not in _SAMPLING or max(width, height) > _LARGEST:
        raise Garbled("a JPEG file whose sampling or size RFC 2435 cannot carry")
    interval = segments.get(0xDD, b"")
    kind = _SAMPLING.index(frame[7]) | (_RESTART if interval else 0)
    restart = interval + b"\xff\xff" if interval else b""  # whole pictures at once: F, L, count
    common = bytes((kind, _EVERY, -(-width // 8), -(-height // 8))) + restart
    quantised = b"\x00\x00\x00\x80" + tables[1:65] + tables[66:130]
    payloads: list[bytes] = []
    at = 0
    while at < len(scan):
        head = b"\x00" + at.to_bytes(3, "big") + common + (b"" if at else quantised)
        piece = scan[at : at + max(limit - len(head), 1)]
        payloads.append(head + piece)
        at += len(piece)
    return payloads


def _segments(picture: bytes) -> tuple[dict[int, bytes], bytes]:
    """The bodies of a file's marker segments, those of one kind joined, and its coded data."""
    found: dict[int, bytes] = {}
    at = 2
    while picture[:2] == b"\xff\xd8" and at + 4 <= len(picture) and picture[at] == 0xFF:
        marker, length = picture[at + 1], int.from_bytes(picture[at + 2 : at + 4], "big")
        found[marker] = found.get(marker, b"") + picture[at + 4 : at + 2 + length]
        at += 2 + length
        if marker == 0xDA:
            return found, picture[at:]
        if length < 2:
            break
    raise Garbled("not a JPEG file")


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body
