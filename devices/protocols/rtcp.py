"""RTCP as an observer reads it: compound packets in clear, and their texts (RFC 3550, 6)."""

from __future__ import annotations

from dataclasses import dataclass

from devices.errors import Garbled

MAX_PACKETS = 64
"""Packets in one compound packet; a datagram holds few."""

SENDER_REPORT, RECEIVER_REPORT, DESCRIPTION, BYE, APPLICATION = 200, 201, 202, 203, 204
_TYPES = range(192, 224)  # those that RFC 5761, 4 sets apart from RTP
_TRAILERS = (4, 8, 14, 20)
"""Bytes after the content of SRTCP: index, and tag of 0, 4, 10 or 16 bytes (RFC 3711, 3.4)."""


@dataclass(frozen=True)
class Compound:
    """What one compound packet says: packet types in order, and every text in it."""

    kinds: tuple[int, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """One packet of a compound: its type, its count field (0 to 31), and what follows."""

    kind: int
    count: int
    body: bytes


def parts(data: bytes) -> list[Part]:
    """Take a compound packet in clear apart; raises Garbled when a length does not come out even.

    Reduced-size RTCP (RFC 5506) is taken too: any type may stand first.
    """
    found: list[Part] = []
    at = 0
    while at < len(data):
        if at + 4 > len(data) or data[at] >> 6 != 2 or data[at + 1] not in _TYPES:
            raise Garbled("not an RTCP packet")
        end = at + 4 + 4 * int.from_bytes(data[at + 2 : at + 4], "big")
        if end > len(data) or len(found) >= MAX_PACKETS:
            raise Garbled("an RTCP packet longer than what holds it")
        found.append(Part(data[at + 1], data[at] & 0x1F, data[at + 4 : end]))
        at = end
    if not found:
        raise Garbled("an empty RTCP packet")
    return found


def parse_compound(data: bytes) -> Compound:
    """Parse a whole packet in clear; raises Garbled, as ``parts`` does."""
    found = parts(data)
    texts = [text for part in found for text in _texts(part)]
    return Compound(tuple(part.kind for part in found), tuple(texts))


def readable(data: bytes) -> Compound | None:
    """Return what an observer without keys reads of a packet; None of an encrypted one.

    SRTCP whose E flag says that it is not encrypted (RFC 3711, 3.4) is read like RTCP.
    """
    for trailer in (0, *_TRAILERS):
        content = data[: len(data) - trailer]
        if trailer and (len(data) < trailer + 8 or _says_encrypted(data, trailer)):
            continue
        try:
            return parse_compound(content)
        except Garbled:
            continue
    return None


def _says_encrypted(data: bytes, trailer: int) -> bool:
    """Whether the E flag is set, where the index stands: before the tag, with AEAD after it."""
    return bool(data[-trailer] & 0x80) or (trailer == 20 and bool(data[-4] & 0x80))


def _texts(part: Part) -> list[str]:
    kind, body = part.kind, part.body
    if kind == DESCRIPTION:
        return _description(part.count, body)
    if kind == BYE:
        reason = body[4 * part.count :]
        return [_text(reason[1 : 1 + reason[0]])] if reason and reason[0] else []
    if kind == APPLICATION and len(body) >= 8:
        return [_text(body[4:8].rstrip(b"\0"))]
    return []


def _description(count: int, body: bytes) -> list[str]:
    """Return the items of every chunk (RFC 3550, 6.5); raises Garbled."""
    texts: list[str] = []
    at = 0
    for _ in range(count):
        at += 4
        while at < len(body) and body[at]:
            if at + 2 > len(body) or at + 2 + body[at + 1] > len(body):
                raise Garbled("an SDES item beyond its packet")
            texts.append(_text(body[at + 2 : at + 2 + body[at + 1]]))
            at += 2 + body[at + 1]
        at += 4 - at % 4  # at least one zero byte ends the items
    if at > len(body):
        raise Garbled("an SDES chunk beyond its packet")
    return [text for text in texts if text]


def _text(data: bytes) -> str:
    return "".join(c if c.isprintable() else "." for c in data.decode("utf-8", "replace"))[:255]
