"""The PROXY protocol, versions 1 and 2: where a forwarded connection was going, sans-io.

A gateway that redirects a camera's connections writes this header in front of the bytes, so that
the receiver knows the original source and destination. Source: HAProxy, "The PROXY protocol",
2.1 and 2.2; in front of a datagram the version 2 header is used alike.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from typing import Literal

from devices.errors import Garbled

MAX_HEADER = 16 + 2048
"""Longest header that is accepted; 216 bytes hold addresses, the rest is for additional fields."""

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_MAX_LINE = 107  # of version 1, its end included
_AUTHORITY = 0x02  # PP2_TYPE_AUTHORITY: the name that the client asked for
_ADDRESSES = {1: 4, 2: 16}  # address family -> bytes of one address


@dataclass(frozen=True)
class Forwarded:
    """Who sent to whom, as addresses and ports.

    ``local`` says that the gateway speaks for itself (a health check): the rest is then empty.
    ``authority`` is the host name that the gateway knows of, if it does.
    """

    source: str = ""
    source_port: int = 0
    destination: str = ""
    destination_port: int = 0
    transport: Literal["tcp", "udp"] = "tcp"
    authority: str = ""
    local: bool = False


def split(data: bytes) -> tuple[Forwarded, bytes] | None:
    """Take the header off the front: what it says, and the bytes after it.

    None while it is not whole. Raises Garbled when there is none, or it is malformed.
    """
    if data.startswith(_SIGNATURE):
        return _version_2(data)
    if data.startswith(b"PROXY "):
        return _version_1(data)
    if _SIGNATURE.startswith(data) or b"PROXY ".startswith(data):
        return None
    raise Garbled("no PROXY protocol header in front")


def header(forwarded: Forwarded) -> bytes:
    """Return the version 2 header of a forwarded connection or datagram."""
    source = ipaddress.ip_address(forwarded.source)
    target = ipaddress.ip_address(forwarded.destination)
    family = 1 if source.version == 4 else 2
    kind = family << 4 | (1 if forwarded.transport == "tcp" else 2)
    ports = struct.pack("!HH", forwarded.source_port, forwarded.destination_port)
    body = source.packed + target.packed + ports
    if forwarded.authority:
        name = forwarded.authority.encode()
        body += struct.pack("!BH", _AUTHORITY, len(name)) + name
    return _SIGNATURE + struct.pack("!BBH", 0x21, kind, len(body)) + body


def _version_1(data: bytes) -> tuple[Forwarded, bytes] | None:
    line, end, rest = data.partition(b"\r\n")
    if not end:
        if len(data) > _MAX_LINE:
            raise Garbled("a PROXY protocol line without end")
        return None
    words = line.decode("ascii", "replace").split(" ")
    if words[1] == "UNKNOWN":
        return Forwarded(local=True), rest
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6"):
        raise Garbled("a malformed PROXY protocol line")
    version = 4 if words[1] == "TCP4" else 6
    source, target = (_address(word, version) for word in words[2:4])
    source_port, target_port = (_port(word) for word in words[4:6])
    return Forwarded(source, source_port, target, target_port), rest


def _version_2(data: bytes) -> tuple[Forwarded, bytes] | None:
    if len(data) < 16:
        return None
    command, kind, length = struct.unpack_from("!BBH", data, 12)
    if command >> 4 != 2 or command & 15 > 1:
        raise Garbled(f"a PROXY protocol header of version and command {command:#04x}")
    if 16 + length > MAX_HEADER:
        raise Garbled(f"a PROXY protocol header of {length} bytes")
    if len(data) < 16 + length:
        return None
    body, rest = data[16 : 16 + length], data[16 + length :]
    size = _ADDRESSES.get(kind >> 4)
    if command & 15 == 0 or size is None or kind & 15 not in (1, 2):
        return Forwarded(local=True), rest
    if len(body) < 2 * size + 4:
        raise Garbled("a PROXY protocol header that ends inside an address")
    source, target = (str(ipaddress.ip_address(body[at : at + size])) for at in (0, size))
    source_port, target_port = struct.unpack_from("!HH", body, 2 * size)
    transport: Literal["tcp", "udp"] = "tcp" if kind & 15 == 1 else "udp"
    authority = _authority(body[2 * size + 4 :])
    return Forwarded(source, source_port, target, target_port, transport, authority), rest


def _authority(fields: bytes) -> str:
    """The host name among the additional fields; raises Garbled when they are malformed."""
    while fields:
        if len(fields) < 3:
            raise Garbled("a PROXY protocol field that is cut off")
        kind, length = struct.unpack_from("!BH", fields)
        value, fields = fields[3 : 3 + length], fields[3 + length :]
        if len(value) < length:
            raise Garbled("a PROXY protocol field beyond the end of the header")
        if kind == _AUTHORITY:
            return value.decode("utf-8", "replace")
    return ""


def _address(word: str, version: int) -> str:
    try:
        address = ipaddress.ip_address(word)
    except ValueError:
        raise Garbled("a PROXY protocol line without an address") from None
    if address.version != version:
        raise Garbled("a PROXY protocol line whose address is of another family")
    return str(address)


def _port(word: str) -> int:
    if not (word.isascii() and word.isdigit()) or int(word[:6]) > 0xFFFF:
        raise Garbled("a PROXY protocol line without a port")
    return int(word)
