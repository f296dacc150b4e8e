"""IP packets with TCP segments and UDP datagrams in them: made, and taken apart (RFC 791, 8200).

Fragments and IPv6 extension headers are not put together: such packets are not understood.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass, field

from devices.errors import Garbled

TCP, UDP = 6, 17
FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10

Endpoint = tuple[str, int]
"""IP address and port."""


@dataclass(frozen=True)
class IpPacket:
    """A TCP segment or UDP datagram. ``sequence``, ``acknowledged``, ``flags``: of TCP."""

    source: Endpoint
    target: Endpoint
    protocol: int
    payload: bytes = field(repr=False)
    sequence: int = 0
    acknowledged: int = 0
    flags: int = 0

    def to_bytes(self) -> bytes:
        """Return the packet, with its checksums."""
        a, b = (ipaddress.ip_address(end[0]) for end in (self.source, self.target))
        transport = self._transport_header()
        length = len(transport) + len(self.payload)
        pseudo = a.packed + b.packed + struct.pack("!II", length, self.protocol)
        total = checksum(pseudo + transport + self.payload)
        at = 16 if self.protocol == TCP else 6
        if self.protocol == UDP and total == 0:
            total = 0xFFFF  # RFC 768: zero would mean that there is none
        transport = transport[:at] + total.to_bytes(2, "big") + transport[at + 2 :]
        return self._ip_header(a, b, length) + transport + self.payload

    def _transport_header(self) -> bytes:
        ports = struct.pack("!HH", self.source[1], self.target[1])
        if self.protocol == UDP:
            return ports + struct.pack("!HH", (8 + len(self.payload)) & 0xFFFF, 0)
        numbers = (self.sequence & 0xFFFFFFFF, self.acknowledged & 0xFFFFFFFF)
        return ports + struct.pack("!IIBBHHH", *numbers, 5 << 4, self.flags, 65535, 0, 0)

    def _ip_header(
        self,
        a: ipaddress.IPv4Address | ipaddress.IPv6Address,
        b: ipaddress.IPv4Address | ipaddress.IPv6Address,
        length: int,
    ) -> bytes:
        if a.version == 6:
            head = struct.pack("!IHBB", 6 << 28, length & 0xFFFF, self.protocol, 64)
            return head + a.packed + b.packed
        total = (20 + length) & 0xFFFF
        head = struct.pack("!BBHHHBBH", 0x45, 0, total, 0, 0x4000, 64, self.protocol, 0)
        head += a.packed + b.packed
        return head[:10] + checksum(head).to_bytes(2, "big") + head[12:]


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def parse(data: bytes) -> IpPacket:
    """Take a packet apart; raises Garbled for anything but a whole TCP or UDP packet."""
    protocol, source, target, body = _network(data)
    if protocol == UDP and len(body) >= 8:
        ports = struct.unpack_from("!HH", body)
        length = int.from_bytes(body[4:6], "big")
        end = length if 8 <= length <= len(body) else len(body)
        return IpPacket((source, ports[0]), (target, ports[1]), UDP, body[8:end])
    if protocol == TCP and len(body) >= 20:
        first, second, sequence, acknowledged, offset, flags = struct.unpack_from("!HHIIBB", body)
        start = 4 * (offset >> 4)
        if not 20 <= start <= len(body):
            raise Garbled("a TCP header longer than its packet")
        ends = (source, first), (target, second)
        return IpPacket(*ends, TCP, body[start:], sequence, acknowledged, flags)
    raise Garbled("neither a TCP segment nor a UDP datagram")


def _network(data: bytes) -> tuple[int, str, str, bytes]:
    version = data[0] >> 4 if data else 0
    if version == 4 and len(data) >= 20:
        start, total = 4 * (data[0] & 0x0F), int.from_bytes(data[2:4], "big")
        if start < 20 or int.from_bytes(data[6:8], "big") & 0x3FFF:
            raise Garbled("a fragment, or an IP header that is too short")
        # Offloading leaves 0 as the length of packets that are larger than the network's.
        end = total if start <= total <= len(data) else len(data)
        source, target = (str(ipaddress.IPv4Address(data[at : at + 4])) for at in (12, 16))
        return data[9], source, target, data[start:end]
    if version == 6 and len(data) >= 40:
        length = int.from_bytes(data[4:6], "big")
        end = 40 + length if length and 40 + length <= len(data) else len(data)
        source, target = (str(ipaddress.IPv6Address(data[at : at + 16])) for at in (8, 24))
        return data[6], source, target, data[40:end]
    raise Garbled("not an IP packet")
