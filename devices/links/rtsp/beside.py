"""What travels beside the video: RTCP, and the header extensions that SRTP leaves in clear."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from devices.errors import Garbled, NotOffered
from devices.links.rtsp.recording import Recording
from devices.protocols.rtcp import SENDER_REPORT, readable
from devices.protocols.rtp_extension import extension_of, extension_uris
from devices.protocols.srtp import Receiver

MAX_EXTENSIONS = 32
_WORD = re.compile(rb"[\x20-\x7e]{6,}")


@dataclass(frozen=True)
class HeaderExtension:
    """One kind of RTP header extension, seen in ``packets`` packets.

    ``profile`` is that of RFC 3550, 5.3.1 in four hexadecimal digits (BEDE and 100x: RFC 8285,
    with ``identifier`` of the element, else 0); ``uri`` what ``a=extmap`` says it is; ``sample``
    the first bytes of one, hexadecimal; ``text`` what is printable in it; ``encrypted``: it says
    that it is (RFC 9335).
    """

    profile: str
    identifier: int
    uri: str
    packets: int
    sample: str
    text: str
    encrypted: bool


@dataclass(frozen=True)
class BesideVideo:
    """RTCP and header extensions of one stream.

    ``inside_tls``: all of it came inside TLS. ``rtcp`` packets came; an observer reads
    ``rtcp_readable`` of them when they are not inside TLS (``reports`` with a sender report, and
    ``texts``); ``rtcp_verified`` are SRTCP, encrypted, and verify with the stream's keys. The
    others are neither. ``keyed``: there were keys to verify with.
    """

    inside_tls: bool
    keyed: bool
    rtcp: int
    rtcp_readable: int
    rtcp_verified: int
    reports: int
    texts: tuple[str, ...]
    extensions: tuple[HeaderExtension, ...]


def beside_video(recording: Recording) -> BesideVideo:
    """Return what travelled beside the video of a recording."""
    receiver = _receiver(recording)
    verified, in_clear = 0, []
    for packet in recording.rtcp:
        if receiver is not None and _verifies(receiver, packet):
            verified += 1
        elif (found := readable(packet)) is not None:
            in_clear.append(found)
    return BesideVideo(
        inside_tls=recording.inside_tls,
        keyed=receiver is not None,
        rtcp=len(recording.rtcp),
        rtcp_readable=len(in_clear),
        rtcp_verified=verified,
        reports=sum(SENDER_REPORT in compound.kinds for compound in in_clear),
        texts=tuple(dict.fromkeys(text for compound in in_clear for text in compound.texts))[:16],
        extensions=header_extensions(recording.packets, _uris(recording)),
    )


def header_extensions(
    packets: Sequence[bytes], uris: dict[int, str]
) -> tuple[HeaderExtension, ...]:
    """Return the kinds of header extension in RTP or SRTP packets; ``uris`` by identifier."""
    seen: dict[tuple[int, int, bool], list[bytes]] = defaultdict(list)
    for packet in packets:
        try:
            extension = extension_of(packet)
        except Garbled:
            continue
        if extension is None:
            continue
        for identifier, data in extension.elements():
            key = (extension.profile, identifier, extension.encrypted)
            if key in seen or len(seen) < MAX_EXTENSIONS:
                seen[key].append(data)
    return tuple(
        HeaderExtension(
            profile=f"{profile:04X}",
            identifier=identifier,
            uri=uris.get(identifier, "") if identifier else "",
            packets=len(found),
            sample=found[0][:32].hex(),
            text=" ".join(w.decode("ascii") for w in _WORD.findall(found[0]))[:120],
            encrypted=encrypted,
        )
        for (profile, identifier, encrypted), found in seen.items()
    )


_ALWAYS_CLEAR = 8
"""Bytes of an SRTCP packet that are never encrypted: header and SSRC (RFC 3711, 3.4)."""


def _receiver(recording: Recording) -> Receiver | None:
    if recording.keys is None or recording.keys.keys is None:
        return None
    try:
        return Receiver(recording.keys.keys)
    except NotOffered:
        return None


def _verifies(receiver: Receiver, packet: bytes) -> bool:
    """Whether the tag is right, and the content is not there to be read beside it."""
    try:
        opened = receiver.unprotect_rtcp(packet)
    except Garbled:
        return False
    return len(opened) <= _ALWAYS_CLEAR or not packet.startswith(opened)


def _uris(recording: Recording) -> dict[int, str]:
    return extension_uris(recording.media.all("extmap")) if recording.media is not None else {}
