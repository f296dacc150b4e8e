"""Questions and answers of DNS (RFC 1035), as far as a camera's look-ups of names need it, sans-io.

One question, and an answer with one address or with none. Names are lower case without a last dot.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

from devices.errors import Garbled

A, AAAA = 1, 28
"""Types of records: an IPv4 address, an IPv6 address (RFC 1035, 3.2.2; RFC 3596, 2.1)."""

MAX_MESSAGE = 4096
"""Longest message that is looked at, in bytes (RFC 6891, 6.2.5 suggests it as a UDP size)."""

_HEADER = struct.Struct("!HHHHHH")
_RESPONSE, _RECURSION_DESIRED, _RECURSION_AVAILABLE = 0x8000, 0x0100, 0x0080
_OPCODE, _CODE, _NXDOMAIN = 0x7800, 0x000F, 3
_INTERNET = 1
_MAX_NAME = 255


@dataclass(frozen=True)
class Question:
    """One question: its message id, the name, the type of record; ``flags`` as on the wire."""

    id: int
    name: str
    type: int
    flags: int = _RECURSION_DESIRED


def query(question: Question) -> bytes:
    """Return the message that asks it."""
    head = _HEADER.pack(question.id, question.flags & ~_RESPONSE, 1, 0, 0, 0)
    return head + _name(question.name) + struct.pack("!HH", question.type, _INTERNET)


def parse_query(data: bytes) -> Question:
    """Return the question of a message; raises Garbled when it is no standard query."""
    if not _HEADER.size <= len(data) <= MAX_MESSAGE:
        raise Garbled("no DNS message: its length")
    number, flags, questions, *_ = _HEADER.unpack_from(data)
    if flags & (_RESPONSE | _OPCODE) or questions != 1:
        raise Garbled("no DNS query with one question")
    name, at = _read_name(data, _HEADER.size)
    if len(data) < at + 4:
        raise Garbled("a DNS question that is cut off")
    kind, network = struct.unpack_from("!HH", data, at)
    if network & 0x7FFF != _INTERNET:  # the first bit is multicast DNS's (RFC 6762, 5.4)
        raise Garbled(f"a DNS question of class {network}")
    return Question(number, name, kind, flags)


def answer(question: Question, address: str = "", *, seconds: int = 30) -> bytes:
    """Return the answer: ``address`` for that many seconds, or that there is none."""
    flags = _RESPONSE | _RECURSION_AVAILABLE | question.flags & _RECURSION_DESIRED
    kind = question.type
    records = b""
    if address:
        packed = ipaddress.ip_address(address).packed
        # The name is the question's, which begins behind the header (RFC 1035, 4.1.4).
        fixed = struct.pack("!HHHIH", 0xC000 | _HEADER.size, kind, _INTERNET, seconds, len(packed))
        records = fixed + packed
    head = _HEADER.pack(question.id, flags, 1, int(bool(records)), 0, 0)
    return head + _name(question.name) + struct.pack("!HH", kind, _INTERNET) + records


def parse_answer(data: bytes, question: Question) -> str:
    """Return the first address of an answer to ``question``, empty when it holds none.

    Raises Garbled when it is not its answer.
    """
    if not _HEADER.size <= len(data) <= MAX_MESSAGE:
        raise Garbled("no DNS message: its length")
    number, flags, questions, records, *_ = _HEADER.unpack_from(data)
    if number != question.id or not flags & _RESPONSE or questions != 1:
        raise Garbled("no answer to the DNS question asked")
    if flags & _CODE:
        return ""
    _, at = _read_name(data, _HEADER.size)
    at += 4
    for _ in range(records):
        _, at = _read_name(data, at)
        if len(data) < at + 10:
            raise Garbled("a DNS record that is cut off")
        kind, _, _, size = struct.unpack_from("!HHIH", data, at)
        value, at = data[at + 10 : at + 10 + size], at + 10 + size
        if kind == question.type and len(value) == (4 if kind == A else 16):
            return str(ipaddress.ip_address(value))
    return ""


def _name(name: str) -> bytes:
    labels = [label.encode("ascii", "replace") for label in name.split(".") if label]
    if any(len(label) > 63 for label in labels):
        raise ValueError(f"{name}: a label of more than 63 bytes")
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _read_name(data: bytes, at: int) -> tuple[str, int]:
    """The name at an offset, and the offset after it; follows pointers only backwards."""
    labels: list[str] = []
    after, length = None, 0
    limit = at
    while True:
        if at >= len(data):
            raise Garbled("a DNS name that is cut off")
        size = data[at]
        if size >= 0xC0:
            if at + 2 > len(data):
                raise Garbled("a DNS name that is cut off")
            target = int.from_bytes(data[at : at + 2], "big") & 0x3FFF
            if target >= limit:
                raise Garbled("a DNS name that points forwards")
            after = at + 2 if after is None else after
            at = limit = target
            continue
        if size > 63:
            raise Garbled("a DNS label of an unknown kind")
        at += 1
        if size == 0:
            return ".".join(labels), at if after is None else after
        label = data[at : at + size]
        length += size + 1
        if len(label) < size or length > _MAX_NAME:
            raise Garbled("a DNS name that is cut off or too long")
        # What is no printable ASCII, or would look like another label, is written by its code.
        labels.append("".join(_character(byte) for byte in label).lower())
        at += size


def _character(byte: int) -> str:
    return chr(byte) if 33 <= byte <= 126 and byte not in b".\\" else f"\\{byte:03d}"
