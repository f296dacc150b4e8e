"""Capture files in the pcapng format, sans-io (draft-ietf-opsawg-pcapng; section numbers below).

One section, little-endian, with interfaces and packets; times in microseconds since 1970. The
reader takes what the writer makes and what other tools write in that form, either byte order.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from devices.errors import Garbled

MEDIA_TYPE = "application/x-pcapng"
LINKTYPE_RAW = 101
"""Packets begin with the IP header: https://www.tcpdump.org/linktypes.html"""

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6  # block types, 4.1, 4.2, 4.3
_MAGIC = 0x1A2B3C4D
_COMMENT, _END = 1, 0  # option codes, 3.5
_APPLICATION, _NAME, _DESCRIPTION, _FLAGS = 4, 2, 3, 2  # shb_userappl, if_name, ..., epb_flags
_INBOUND, _OUTBOUND = 1, 2  # epb_flags, 4.3.1
_TEXT_LIMIT = 4096  # bytes of one comment


@dataclass(frozen=True)
class CapturedPacket:
    """One packet: ``data`` as far as it was kept of ``length`` bytes; ``when`` in Unix seconds."""

    when: float
    data: bytes = field(repr=False)
    length: int
    outgoing: bool
    comment: str = ""


@dataclass(frozen=True)
class CaptureFile:
    """What a capture file says: of itself, of the interface it was taken on, and the packets."""

    application: str
    comment: str
    interface: str
    interface_comment: str
    packets: Sequence[CapturedPacket]


def write(content: CaptureFile) -> bytes:
    """Return the file."""
    section = struct.pack("<IHHq", _MAGIC, 1, 0, -1) + _options(
        (_COMMENT, content.comment), (_APPLICATION, content.application)
    )
    interface = struct.pack("<HHI", LINKTYPE_RAW, 0, 0) + _options(
        (_COMMENT, content.interface_comment),
        (_NAME, content.interface.partition(":")[0]),
        (_DESCRIPTION, content.interface),
    )
    blocks = [_block(_SECTION, section), _block(_INTERFACE, interface)]
    blocks += [_block(_PACKET, _packet(packet)) for packet in content.packets]
    return b"".join(blocks)


def read(data: bytes) -> CaptureFile:
    """Parse a file of one section and one interface; raises Garbled."""
    order = _byte_order(data)
    application = comment = interface = interface_comment = ""
    packets: list[CapturedPacket] = []
    interfaces = 0
    for kind, body in _blocks(data, order):
        if kind == _SECTION:
            options = dict(_parsed(body[16:], order))
            application, comment = _text(options, _APPLICATION), _text(options, _COMMENT)
        elif kind == _INTERFACE:
            interfaces += 1
            options = dict(_parsed(body[8:], order))
            interface, interface_comment = _text(options, _DESCRIPTION), _text(options, _COMMENT)
        elif kind == _PACKET:
            packets.append(_parsed_packet(body, order))
    if interfaces != 1:
        raise Garbled(f"a capture file of {interfaces} interfaces, expected one")
    return CaptureFile(application, comment, interface, interface_comment, tuple(packets))


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + length + body + length


def _options(*given: tuple[int, str | bytes]) -> bytes:
    written = b""
    for code, value in given:
        raw = value if isinstance(value, bytes) else value.encode()[:_TEXT_LIMIT]
        if raw:
            written += struct.pack("<HH", code, len(raw)) + raw + bytes(-len(raw) % 4)
    return written + bytes(4) if written else b""


def _packet(packet: CapturedPacket) -> bytes:
    micros = round(packet.when * 1_000_000)
    head = struct.pack(
        "<IIIII", 0, micros >> 32, micros & 0xFFFFFFFF, len(packet.data), packet.length
    )
    direction = struct.pack("<I", _OUTBOUND if packet.outgoing else _INBOUND)
    padding = bytes(-len(packet.data) % 4)
    options = _options((_COMMENT, packet.comment), (_FLAGS, direction))
    return head + packet.data + padding + options


def _byte_order(data: bytes) -> str:
    if len(data) < 12 or data[:4] != struct.pack("<I", _SECTION):
        raise Garbled("not a pcapng file")
    for order in "<>":
        if struct.unpack_from(f"{order}I", data, 8)[0] == _MAGIC:
            return order
    raise Garbled("a pcapng section without its magic number")


def _blocks(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        if len(data) - at < 12:
            raise Garbled("a pcapng block beyond the end of the file")
        kind, length = struct.unpack_from(f"{order}II", data, at)
        if length < 12 or length % 4 or at + length > len(data):
            raise Garbled(f"a pcapng block of {length} bytes")
        if struct.unpack_from(f"{order}I", data, at + length - 4)[0] != length:
            raise Garbled("a pcapng block whose two lengths differ")
        yield kind, data[at + 8 : at + length - 4]
        at += length


def _parsed(data: bytes, order: str) -> Iterable[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        code, length = struct.unpack_from(f"{order}HH", data, at)
        if code == _END:
            return
        if at + 4 + length > len(data):
            raise Garbled("a pcapng option beyond its block")
        yield code, data[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4


def _parsed_packet(body: bytes, order: str) -> CapturedPacket:
    if len(body) < 20:
        raise Garbled("a pcapng packet without its head")
    _, high, low, kept, length = struct.unpack_from(f"{order}IIIII", body)
    if 20 + kept > len(body):
        raise Garbled("a pcapng packet beyond its block")
    options = dict(_parsed(body[20 + kept + -kept % 4 :], order))
    flags = options.get(_FLAGS, b"")
    outgoing = len(flags) == 4 and struct.unpack(f"{order}I", flags)[0] & 3 == _OUTBOUND
    data = body[20 : 20 + kept]
    when = (high << 32 | low) / 1_000_000
    return CapturedPacket(when, data, length, outgoing, _text(options, _COMMENT))


def _text(options: dict[int, bytes], code: int) -> str:
    return options.get(code, b"").decode("utf-8", "replace")
