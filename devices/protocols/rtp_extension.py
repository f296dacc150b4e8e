"""RTP header extensions (RFC 3550, 5.3.1; RFC 8285), which SRTP leaves in clear (RFC 3711, 3.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from devices.errors import Garbled
from devices.protocols.rtp import header_length

ONE_BYTE = 0xBEDE
ONVIF_REPLAY = 0xABAC  # ONVIF Streaming Specification, 6.2: NTP time and flags
_TWO_BYTES = range(0x1000, 0x1010)
_CRYPTEX = (0xC0DE, 0xC2DE)  # RFC 9335, 4: elements under encryption


@dataclass(frozen=True)
class Extension:
    """The extension of one packet: its 16-bit profile and its content."""

    profile: int
    data: bytes = field(repr=False)

    @property
    def encrypted(self) -> bool:
        """Whether it says that its elements are encrypted (RFC 9335)."""
        return self.profile in _CRYPTEX

    def elements(self) -> Iterator[tuple[int, bytes]]:
        """Yield identifier and content of each element; a form of its own is one element, 0."""
        if self.profile == ONE_BYTE:
            yield from self._one_byte()
        elif self.profile in _TWO_BYTES:
            yield from self._two_bytes()
        else:
            yield 0, self.data

    def _one_byte(self) -> Iterator[tuple[int, bytes]]:
        at = 0
        while at < len(self.data):
            identifier, length = self.data[at] >> 4, (self.data[at] & 0x0F) + 1
            if self.data[at] == 0:  # padding
                at += 1
                continue
            if identifier == 15:  # RFC 8285, 4.2: ends the elements
                return
            yield identifier, self.data[at + 1 : at + 1 + length]
            at += 1 + length

    def _two_bytes(self) -> Iterator[tuple[int, bytes]]:
        at = 0
        while at + 1 < len(self.data):
            if self.data[at] == 0:
                at += 1
                continue
            length = self.data[at + 1]
            yield self.data[at], self.data[at + 2 : at + 2 + length]
            at += 2 + length


def extension_of(packet: bytes) -> Extension | None:
    """Return the extension of an RTP or SRTP packet, None without one; raises Garbled."""
    end = header_length(packet)
    if not packet[0] & 0x10:
        return None
    start = 12 + 4 * (packet[0] & 0x0F)
    return Extension(int.from_bytes(packet[start : start + 2], "big"), packet[start + 4 : end])


def with_extension(packet: bytes, extension: Extension) -> bytes:
    """Return an RTP packet that has none with this extension; raises Garbled."""
    start = header_length(packet)
    if packet[0] & 0x10:
        raise Garbled("an RTP packet that has an extension already")
    data = extension.data + b"\0" * (-len(extension.data) % 4)
    head = extension.profile.to_bytes(2, "big") + (len(data) // 4).to_bytes(2, "big")
    return bytes([packet[0] | 0x10]) + packet[1:start] + head + data + packet[start:]


def extension_uris(values: list[str]) -> dict[int, str]:
    """Return the URI of each identifier from ``a=extmap`` values (RFC 8285, 5)."""
    found: dict[int, str] = {}
    for value in values:
        number, *words = value.split()[:3] or [""]
        identifier = number.partition("/")[0]
        if words and identifier.isascii() and identifier.isdigit() and len(identifier) <= 5:
            found.setdefault(
                int(identifier), " ".join(words[:2]) if _is_wrapped(words) else words[0]
            )
    return found


def _is_wrapped(words: list[str]) -> bool:
    """Whether the next word is the URI of what is encrypted (RFC 6904, 4)."""
    return words[0] == ENCRYPTED and len(words) > 1


ENCRYPTED = "urn:ietf:params:rtp-hdrext:encrypt"
"""The URI under which elements are encrypted (RFC 6904)."""
