"""Which frames of a capture a verdict rests on, so that a reader finds them in Wireshark."""

from __future__ import annotations

from collections.abc import Iterator

from devices.errors import Garbled
from devices.links.capture.record import CapturedFrames
from devices.links.rtsp.analysis import byte_stream, interleaved, is_video, rtp_packets
from devices.links.rtsp.observations import CitedFrames, WireFacts
from devices.links.rtsp.recording import Recording
from devices.protocols.h26x import Codec
from devices.protocols.rtp import parse_rtp
from devices.protocols.rtp_jpeg_frames import parse_head

_ENOUGH = 64  # bytes that are surely found once
_CODECS: tuple[Codec, ...] = ("h264", "h265")


def cite(
    captured: CapturedFrames, file: str, recording: Recording, wire: WireFacts, cited_by: str
) -> CitedFrames:
    """Find the frames that ``wire`` was measured on, and remark it in the capture.

    ``cited_by`` is the id of the test case that will speak of them.
    """
    first = last = readable = 0
    if recording.wire and recording.wire[0]:
        first = captured.holding(recording.wire[0][:_ENOUGH])
        last = captured.holding(recording.wire[-1][-_ENOUGH:], last=True)
        last = last or (len(captured) if first else 0)  # the end was beyond the bound
    if wire.nal_units or wire.jpeg_frames:
        readers = _video(recording) if wire.nal_units else _jpeg(recording)
        found = (captured.holding(packet[:_ENOUGH]) for packet in readers)
        readable = next((number for number in found if number), 0)
    for number, what in (
        (first, "the first of the frames examined for readable video"),
        (readable, "the first frame with video that can be read without any key"),
        (last, "the last of the frames examined for readable video"),
    ):
        captured.remark(number, f"{cited_by}: {what}" if cited_by else what)
    return CitedFrames(file, len(captured), first, last, readable)


def _jpeg(recording: Recording) -> Iterator[bytes]:
    """The packets, as they were on the wire, that a picture of RFC 2435 begins with."""
    for candidate in _candidates(recording):
        try:
            if parse_head(parse_rtp(candidate).payload).offset == 0:
                yield candidate
        except Garbled:
            continue


def _candidates(recording: Recording) -> list[bytes]:
    return recording.wire if recording.datagrams else interleaved(byte_stream(recording))


def _video(recording: Recording) -> Iterator[bytes]:
    """The packets, as they were on the wire, that hold well-formed H.264 or H.265."""
    candidates = _candidates(recording)
    found = rtp_packets(candidates)
    shares = {c: sum(is_video(c, packet.payload) for packet in found) for c in _CODECS}
    codec = max(_CODECS, key=lambda c: shares[c])
    for candidate in candidates:
        try:
            if is_video(codec, parse_rtp(candidate).payload):
                yield candidate
        except Garbled:
            continue
