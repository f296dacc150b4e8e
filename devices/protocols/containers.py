"""What a piece of media is by its first bytes, sans-io.

The words: ``mjpeg`` (pictures in a multipart answer), ``jpeg``, ``png``, ``hls`` and ``dash``
(playlists), ``mpeg-ts``, ``mp4``, ``matroska``, ``flv``, ``avi``, ``asf``, ``mpeg-ps``, ``annex-b``
(H.264 or H.265 with start codes), ``dhav`` and ``imkh`` (Dahua's and Hikvision's own).
"""

from __future__ import annotations

import re

ENOUGH = 4096
"""First bytes by which everything is recognised that is recognised at all."""

PLAYLISTS = frozenset({"hls", "dash"})
STILLS = frozenset({"jpeg", "png"})
VIDEO = frozenset(
    "mjpeg mpeg-ts mp4 matroska flv avi asf mpeg-ps annex-b dhav imkh".split()  # noqa: SIM905
)
"""What holds moving pictures itself."""

_TS_PACKET = 188  # bytes, ISO/IEC 13818-1, 2.4.3.2
_TS_TYPES = {"video/mp2t", "video/mpeg"}
_BOXES = frozenset((b"ftyp", b"styp", b"moof", b"moov", b"sidx", b"mdat", b"emsg", b"prft"))
_MPD = re.compile(rb"\A\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:\w+:)?MPD[\s>]", re.DOTALL)
_SIGNATURES = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\x1a\x45\xdf\xa3", "matroska"),
    (b"FLV\x01", "flv"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (b"\x00\x00\x01\xba", "mpeg-ps"),
    (b"DHAV", "dhav"),
    (b"IMKH", "imkh"),
)
_START_CODE = re.compile(rb"\A\x00{0,5}\x00\x00\x01(.)(.)", re.DOTALL)
_H264 = frozenset((1, 5, 6, 7, 8, 9))  # slices, SEI, parameter sets, delimiter: RFC 6184, 1.3
_H265 = frozenset((*range(10), *range(16, 22), *range(32, 41)))  # RFC 7798, 1.1.4


def recognise(data: bytes, media_type: str = "") -> str:
    """The word for what begins with ``data``; empty when it is nothing known.

    ``media_type`` is the declared one, lower case, without parameters; it only tells a multipart
    answer that does not begin with its boundary, and a transport stream of less than two packets.
    """
    data = data[:ENOUGH]
    if media_type.startswith("multipart/") or data.lstrip(b"\r\n").startswith(b"--"):
        return "mjpeg" if b"\xff\xd8\xff" in data else ""
    for signature, word in _SIGNATURES:
        if data.startswith(signature):
            return word
    if data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"#EXTM3U"):
        return "hls"
    if _MPD.match(data.removeprefix(b"\xef\xbb\xbf")):
        return "dash"
    if data[:4] == b"RIFF" and data[8:12] == b"AVI ":
        return "avi"
    if data[4:8] in _BOXES:
        return "mp4"
    if _is_transport_stream(data, media_type):
        return "mpeg-ts"
    return "annex-b" if _is_annex_b(data) else ""


def claims_video(media_type: str) -> bool:
    """Whether a declared media type says that the answer is video or a playlist."""
    return (
        media_type.startswith(("video/", "multipart/x-mixed-replace"))
        or "mpegurl" in media_type
        or media_type in {"application/dash+xml", "application/mp4"}
    )


def _is_transport_stream(data: bytes, media_type: str) -> bool:
    if data[:1] != b"\x47":
        return False
    later = data[_TS_PACKET::_TS_PACKET]
    return set(later) == {0x47} or (not later and media_type in _TS_TYPES)


def _is_annex_b(data: bytes) -> bool:
    match = _START_CODE.match(data)
    if match is None:
        return False
    first, second = match[1][0], match[2][0]
    if first & 0x80:
        return False
    if first & 0x1F in _H264 and (first & 0x60 or first & 0x1F in (1, 6, 9)):
        return True
    return first >> 1 in _H265 and not first & 1 and second & 0xF8 == 0 and second & 0x07 != 0
