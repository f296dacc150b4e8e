"""H.264 and H.265 in RTP: NAL units to payloads and back (RFC 6184, RFC 7798), sans-io.

A NAL unit is bytes without start code. ``codec`` is ``h264`` or ``h265`` throughout.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from devices.errors import Garbled
from devices.protocols.rtp import RtpPacket, in_order

Codec = Literal["h264", "h265"]

MAX_NAL = 8 * 1024 * 1024
"""Longest NAL unit that is put together, in bytes."""

_START = re.compile(rb"\x00\x00\x01")
_STAP_A, _STAP_B, _FU_A, _FU_B = 24, 25, 28, 29
_AP, _FU, _PACI = 48, 49, 50


def split_annex_b(data: bytes) -> list[bytes]:
    """Return the NAL units of a byte stream with start codes (H.264 and H.265, annex B)."""
    starts = [match.end() for match in _START.finditer(data)]
    if not starts:
        return []
    ends = [start - 3 for start in starts[1:]] + [len(data)]
    units = (data[a:b].rstrip(b"\0") for a, b in zip(starts, ends, strict=True))
    return [unit for unit in units if unit]


def to_annex_b(units: Sequence[bytes]) -> bytes:
    """Return NAL units as one byte stream with four-byte start codes."""
    return b"".join(b"\x00\x00\x00\x01" + unit for unit in units)


def nal_type(codec: Codec, unit: bytes) -> int:
    """Return ``nal_unit_type``; raises Garbled for an empty unit."""
    if not unit:
        raise Garbled("an empty NAL unit")
    return unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F


def is_parameter_set(codec: Codec, unit: bytes) -> bool:
    """Whether the unit is a VPS, SPS or PPS."""
    return nal_type(codec, unit) in ((7, 8) if codec == "h264" else (32, 33, 34))


def is_pps(codec: Codec, unit: bytes) -> bool:
    """Whether the unit is a picture parameter set."""
    return nal_type(codec, unit) == (8 if codec == "h264" else 34)


def is_keyframe(codec: Codec, unit: bytes) -> bool:
    """Whether the unit is a slice from which decoding can start (IDR; H.265: any IRAP)."""
    kind = nal_type(codec, unit)
    return kind == 5 if codec == "h264" else 16 <= kind <= 23


def is_picture(codec: Codec, unit: bytes) -> bool:
    """Whether the unit is a coded slice."""
    kind = nal_type(codec, unit)
    return 1 <= kind <= 5 if codec == "h264" else kind <= 31


def packetise(codec: Codec, unit: bytes, limit: int) -> list[bytes]:
    """Split one NAL unit into RTP payloads of at most ``limit`` bytes.

    A unit that fits goes alone (RFC 6184, 5.6; RFC 7798, 4.4.1), else as fragmentation units.
    """
    if len(unit) <= limit:
        return [unit]
    if codec == "h264":
        kind, body = unit[0] & 0x1F, unit[1:]
        head = bytes([unit[0] & 0xE0 | _FU_A])
    else:
        kind, body = unit[0] >> 1 & 0x3F, unit[2:]
        head = bytes([unit[0] & 0x81 | _FU << 1, unit[1]])
    room = limit - len(head) - 1
    pieces = [body[at : at + room] for at in range(0, len(body), room)]
    flags = [0x80, *([0] * (len(pieces) - 2)), 0x40]  # start, middle, end
    return [head + bytes([flag | kind]) + piece for flag, piece in zip(flags, pieces, strict=True)]


class Depacketiser:
    """Puts the payloads of one source, in order, together to NAL units.

    Aggregation and fragmentation packets of non-interleaved modes; a fragment whose start was
    lost is dropped. ``donl`` says that H.265 payloads carry decoding order numbers
    (``sprop-max-don-diff`` above 0: RFC 7798, 7.1).
    """

    def __init__(self, codec: Codec, *, donl: bool = False) -> None:
        self._codec: Codec = codec
        self._donl = 2 if codec == "h265" and donl else 0
        self._fragment: bytearray | None = None

    def lost(self) -> None:
        """Say that a packet is missing: an open fragment cannot be finished."""
        self._fragment = None

    def feed(self, payload: bytes) -> list[bytes]:
        """Return the NAL units that this payload completes; raises Garbled."""
        if self._codec == "h264":
            return self._feed_h264(payload)
        return self._feed_h265(payload)

    def _feed_h264(self, payload: bytes) -> list[bytes]:
        kind = nal_type("h264", payload)
        if payload[0] & 0x80:
            raise Garbled("the forbidden bit of an H.264 payload is set")
        if 1 <= kind <= 23:
            return self._whole(payload)
        if kind in (_STAP_A, _STAP_B):
            return list(_aggregated(payload[1 if kind == _STAP_A else 3 :], 1))
        if kind in (_FU_A, _FU_B):
            skip = 2 if kind == _FU_A else 4
            if len(payload) <= skip:
                raise Garbled("an H.264 fragment without content")
            head = bytes([payload[0] & 0xE0 | payload[1] & 0x1F])
            return self._fragmented(payload[1], head, payload[skip:])
        raise Garbled(f"H.264 payload type {kind} is not of a non-interleaved mode")

    def _feed_h265(self, payload: bytes) -> list[bytes]:
        kind = nal_type("h265", payload)
        if len(payload) < 3 or payload[0] & 0x80 or not payload[1] & 0x07:
            raise Garbled("not an H.265 payload header")
        if kind < _AP:
            return self._whole(payload[:2] + payload[2 + self._donl :])
        if kind == _AP:
            return self._h265_aggregate(payload[2:])
        if kind == _FU:
            flags = payload[2]
            skip = 3 + (self._donl if flags & 0x80 else 0)
            if len(payload) <= skip:
                raise Garbled("an H.265 fragment without content")
            head = bytes([payload[0] & 0x81 | (flags & 0x3F) << 1, payload[1]])
            return self._fragmented(flags, head, payload[skip:])
        raise Garbled(f"H.265 payload type {kind} is not supported")

    def _h265_aggregate(self, data: bytes) -> list[bytes]:
        if not self._donl:
            return list(_aggregated(data, 2))
        units: list[bytes] = []
        skip = 2  # DONL before the first unit, one byte of DOND before each further one
        while data:
            size = int.from_bytes(data[skip : skip + 2], "big")
            units += _aggregated(data[skip : skip + 2 + size], 2)
            data, skip = data[skip + 2 + size :], 1
        return units

    def _whole(self, unit: bytes) -> list[bytes]:
        self._fragment = None
        return [unit]

    def _fragmented(self, flags: int, head: bytes, piece: bytes) -> list[bytes]:
        if flags & 0x80:
            self._fragment = bytearray(head)
        if self._fragment is None:
            return []
        self._fragment += piece
        if len(self._fragment) > MAX_NAL:
            self._fragment = None
            raise Garbled(f"a NAL unit of more than {MAX_NAL} bytes")
        if not flags & 0x40:
            return []
        unit, self._fragment = bytes(self._fragment), None
        return [unit]


def _aggregated(data: bytes, smallest: int) -> Iterator[bytes]:
    while data:
        size = int.from_bytes(data[:2], "big")
        if len(data) < 2 + size or size < smallest:
            raise Garbled("an aggregation packet with a size beyond its end")
        yield data[2 : 2 + size]
        data = data[2 + size :]


def depacketise(
    codec: Codec, packets: Iterable[RtpPacket], *, donl: bool = False
) -> tuple[list[bytes], int]:
    """Return the NAL units of one source's packets, and how many payloads were malformed.

    The packets may be out of order and have gaps; a unit that misses a part is left out.
    """
    depacketiser = Depacketiser(codec, donl=donl)
    units: list[bytes] = []
    malformed = 0
    expected: int | None = None
    for packet in in_order(packets):
        if expected is not None and packet.sequence != expected:
            depacketiser.lost()
        expected = (packet.sequence + 1) % 0x10000
        try:
            units += depacketiser.feed(packet.payload)
        except Garbled:
            malformed += 1
            depacketiser.lost()
    return units, malformed
