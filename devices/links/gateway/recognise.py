"""From the first bytes of a connection, or the first datagrams of a flow, to the protocol."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from devices.description import Transport
from devices.errors import Garbled
from devices.links.rtsp.analysis import VIDEO_SHARE, rtp_packets, video_share
from devices.protocols import dns, srt
from devices.protocols.h26x import Codec
from devices.protocols.rtp import RtpPacket

ENOUGH = 2048
"""Bytes after which a connection that nobody recognised will not be recognised."""

_SHORTEST_TEXT = 64  # a shorter greeting may stand in front of something encrypted
_MIN_RTP = 4  # datagrams that must agree
_TS_PACKET = 188
_CODECS: tuple[Codec, ...] = ("h264", "h265")
_TEXT = re.compile(rb"[\x09\x0a\x0d\x20-\x7e]+")
_KEPT_HEADERS = {"host", "user-agent", "content-type", "content-length", "upgrade", "cseq", "via"}
_QUERY = re.compile(r"\?\S*")
_USER_PART = re.compile(r"//[^/@\s]*@")


@dataclass(frozen=True)
class Row:
    """One row of ``protocols.toml``. ``length``: offset, size and what is added to the field."""

    name: str
    transport: str
    pattern: re.Pattern[bytes]
    ports: tuple[int, ...]
    length: tuple[int, int, int] | None

    def matches(self, data: bytes, transport: Transport, port: int) -> bool:
        """Whether the beginning of ``data`` is this protocol's."""
        if self.transport not in ("", transport) or (self.ports and port not in self.ports):
            return False
        if self.length is not None:
            offset, size, added = self.length
            if int.from_bytes(data[offset : offset + size], "big") + added != len(data):
                return False
        return self.pattern.match(data) is not None


@cache
def rows() -> tuple[Row, ...]:
    """The protocols that first bytes tell."""
    text = (files("devices.links.gateway") / "protocols.toml").read_text("utf-8")
    return tuple(
        Row(
            row["name"],
            row.get("transport", ""),
            re.compile(row["pattern"].encode("latin-1"), re.DOTALL),
            tuple(row.get("ports", ())),
            tuple(row["length"][key] for key in ("offset", "size", "add"))
            if "length" in row
            else None,
        )
        for row in tomllib.loads(text)["protocol"]
    )


def recognise(data: bytes, transport: Transport, port: int) -> str:
    """Return the protocol of the first bytes or of one datagram; empty when it is not known."""
    for row in rows():
        if row.matches(data, transport, port):
            return row.name
    if _is_dns(data, transport):
        return "dns"
    if len(data) >= _SHORTEST_TEXT and _TEXT.fullmatch(data[:ENOUGH]):
        return "text"
    return ""


def recognise_flow(datagrams: Sequence[bytes], port: int) -> tuple[str, str]:
    """Return the protocol of one flow of datagrams, and a detail about it."""
    handshakes = [shake for data in datagrams if (shake := _srt(data)) is not None]
    if handshakes:
        return _srt_protocol(handshakes)
    for data in datagrams[:3]:
        if name := recognise(data, "udp", port):
            return name, ""
    packets = rtp_packets(datagrams)
    if len(packets) >= _MIN_RTP and len(packets) * 2 > len(datagrams) and _one_source(packets):
        return _rtp_protocol(packets)
    return "", ""


def opening(data: bytes, limit: int = 400) -> str:
    """Return the beginning of what was sent, for people, without what may be a secret.

    Of text: the first line without user part and query, and headers that hold no secret; of
    anything else the first 16 bytes in hexadecimal.
    """
    head = data[:ENOUGH].partition(b"\r\n\r\n")[0]
    lines = head.split(b"\r\n") if b"\r\n" in head else head.split(b"\n")
    if not lines[0] or not _TEXT.fullmatch(lines[0]):
        return data[:16].hex(" ")
    first = _QUERY.sub("?…", _USER_PART.sub("//…@", lines[0].decode("ascii")))
    if " HTTP/" not in first and " RTSP/" not in first and " SIP/" not in first:
        first = first.split(" ")[0][:24]  # the verb of a line protocol; the rest may be a password
    kept = [first]
    for line in lines[1:]:
        name, colon, value = line.decode("latin-1").partition(":")
        if colon and name.strip().lower() in _KEPT_HEADERS:
            kept.append(f"{name.strip()}:{_USER_PART.sub('//…@', value)}")
    return "\n".join(kept)[:limit]


def host_of(data: bytes) -> str:
    """Return the Host header of a request in clear, without port; empty when there is none."""
    match = re.search(rb"(?i)\r\nhost: *([a-z0-9._-]{1,253})(?::\d+)?\r\n", data[:ENOUGH])
    return match[1].decode("ascii").lower().rstrip(".") if match else ""


def _is_dns(data: bytes, transport: Transport) -> bool:
    if transport == "tcp":  # RFC 1035, 4.2.2: the length in front
        if int.from_bytes(data[:2], "big") != len(data) - 2:
            return False
        data = data[2:]
    try:
        return bool(dns.parse_query(data).name)
    except Garbled:
        return False


def _srt(data: bytes) -> srt.Handshake | None:
    try:
        return srt.parse(data)
    except Garbled:
        return None


def _srt_protocol(handshakes: Sequence[srt.Handshake]) -> tuple[str, str]:
    concluded = [shake for shake in handshakes if shake.type == srt.CONCLUSION]
    if not concluded:
        return "srt-begun", "it did not come back with a CONCLUSION"
    if all(shake.encrypted for shake in concluded):
        return "srt-encrypted", "key material is sent with the CONCLUSION"
    return "srt", "a CONCLUSION without key material: what follows is not encrypted"


def _one_source(packets: Sequence[RtpPacket]) -> bool:
    numbers = [packet.sequence for packet in packets]
    steps = [(b - a) % 0x10000 for a, b in itertools.pairwise(numbers)]
    one = len({packet.ssrc for packet in packets}) == 1
    return one and sum(0 < step < 16 for step in steps) >= 0.8 * len(steps)


def _rtp_protocol(packets: Sequence[RtpPacket]) -> tuple[str, str]:
    """SRTP has the header of RTP: only a payload that reads as video says that it is clear."""
    if all(_is_transport_stream(packet.payload) for packet in packets):
        return "rtp-video", "MPEG-TS is inside"
    share, codec = max((video_share(packets, codec), codec) for codec in _CODECS)
    if share >= VIDEO_SHARE and len(packets) >= 8:
        return "rtp-video", f"{share:.0%} of the payloads read as {codec}"
    return "rtp", "whether the payload is encrypted (SRTP) is not known"


def _is_transport_stream(payload: bytes) -> bool:
    whole = bool(payload) and len(payload) % _TS_PACKET == 0
    return whole and all(payload[at] == 0x47 for at in range(0, len(payload), _TS_PACKET))
