"""Pictures of a stream as they arrive: opened, put together and decoded beside the receiving."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devices.errors import Garbled, NotOffered
from devices.links.rtsp.describe import codec_of, is_jpeg
from devices.links.rtsp.recording import Recording
from devices.protocols import rtp_jpeg_frames, sdp
from devices.protocols.h26x import Codec, Depacketiser, is_parameter_set, to_annex_b
from devices.protocols.rtp import RtpPacket, parse_rtp
from devices.protocols.srtp import Receiver

MAX_WAITING = 4096
"""Packets that may wait for the decoder; beyond, the newest are dropped until a keyframe."""

_DECODE_SECONDS = 10.0
_LARGEST = 8 * 1024 * 1024  # bytes of one coded picture
_MOST_PIXELS = 8192 * 8192
_DECODERS: dict[Codec, str] = {"h264": "h264", "h265": "hevc"}


@dataclass(frozen=True)
class LivePicture:
    """One decoded picture. ``arrived``: when its last packet did, monotonic seconds."""

    arrived: float
    grey: NDArray[np.uint8] = field(repr=False)
    frame: Any = field(repr=False)

    def colours(self) -> NDArray[np.uint8]:
        """Return it as height x width x 3 bytes, blue-green-red."""
        picture: NDArray[np.uint8] = self.frame.to_ndarray(format="bgr24")
        return picture


class LivePictures:
    """Follows one recording; ``pictures`` is for a second thread, and ends after ``stop``."""

    def __init__(self) -> None:
        self._packets: queue.Queue[tuple[float, bytes] | None] = queue.Queue(MAX_WAITING)
        self._stopped = False
        self._media: sdp.Media | None = None
        self._receiver: Receiver | None = None

    @property
    def waiting(self) -> int:
        """Packets that have arrived and are not decoded yet."""
        return self._packets.qsize()

    def begin(self, recording: Recording) -> None:
        """See :class:`devices.links.rtsp.player.Follower`. Raises NotOffered without a key."""
        media = recording.media
        if media is None or (codec_of(media) is None and not is_jpeg(media)):
            raise NotOffered("the stream is none of H.264, H.265 and JPEG: it is not decoded here")
        if recording.keys is not None:
            if recording.keys.keys is None:
                raise NotOffered(recording.keys.problem)
            self._receiver = Receiver(recording.keys.keys)
        self._media = recording.media

    def packet(self, data: bytes) -> None:
        """Take one packet; a decoder that cannot keep up loses some."""
        with contextlib.suppress(queue.Full):  # the gap makes the assembly begin anew
            self._packets.put_nowait((time.monotonic(), data))

    def enough(self) -> bool:
        """Whether ``stop`` was called."""
        return self._stopped

    def stop(self) -> None:
        """End the recording."""
        self._stopped = True

    def close(self) -> None:
        """Say that no packet follows: ``pictures`` ends when the rest is decoded."""
        with contextlib.suppress(queue.Full):  # a decoder that has ended makes no room
            self._packets.put(None, timeout=_DECODE_SECONDS)

    def pictures(self) -> Iterator[LivePicture]:
        """Decode what arrives until ``close``; what cannot be decoded is passed over."""
        assembly: _Assembly | _JpegAssembly | None = None
        while (item := self._packets.get()) is not None:
            arrived, data = item
            if assembly is None:
                assert self._media is not None  # begin() comes before the first packet
                assembly = (_JpegAssembly if is_jpeg(self._media) else _Assembly)(self._media)
            try:
                plain = data if self._receiver is None else self._receiver.unprotect(data)
                packet = parse_rtp(plain)
            except Garbled:
                continue
            for frame in assembly.feed(packet):
                grey = frame.to_ndarray(format="gray")
                yield LivePicture(arrived, grey, frame)


class _Assembly:
    """RTP packets of one source in, decoded frames out."""

    def __init__(self, media: sdp.Media) -> None:
        import av  # noqa: PLC0415 - 0.2 s that only this challenge pays

        codec = codec_of(media)
        assert codec is not None  # begin() has looked
        self._av = av
        self._codec = codec
        self._media = media
        donl = media.format_parameters.get("sprop-max-don-diff", "0") not in ("", "0")
        self._depacketiser = Depacketiser(codec, donl=donl)
        self._decoder: Any = av.CodecContext.create(_DECODERS[codec], "r")
        self._decoder.flags |= av.codec.context.Flags.low_delay
        self._decoder.thread_count = 1  # threads of the decoder would hold pictures back
        self._units: list[bytes] = []
        self._expected: int | None = None
        self._source: int | None = None
        self._timestamp = self._held = 0

    def feed(self, packet: RtpPacket) -> Iterator[Any]:
        """Yield the frames that this packet completes."""
        if packet.payload_type != self._media.payload_type:
            return
        if self._source is None:
            self._source, self._timestamp = packet.ssrc, packet.timestamp
            self._units = self._media.parameter_sets()
        if packet.ssrc != self._source:
            return
        if self._units and packet.timestamp != self._timestamp:
            yield from self._decode()  # some cameras set no marker
        self._timestamp = packet.timestamp
        if self._expected is not None and packet.sequence != self._expected:
            self._depacketiser.lost()
        self._expected = (packet.sequence + 1) % 0x10000
        try:
            self._units += self._depacketiser.feed(packet.payload)
        except Garbled:
            self._depacketiser.lost()
        self._held += len(packet.payload)
        if packet.marker or self._held > _LARGEST:
            yield from self._decode()

    def _decode(self) -> Iterator[Any]:
        units, self._units, self._held = self._units, [], 0
        if all(is_parameter_set(self._codec, unit) for unit in units):
            self._units = units  # they belong to the picture that follows
            return
        try:
            frames = self._decoder.decode(self._av.Packet(to_annex_b(units)))
        except self._av.error.FFmpegError:
            return
        yield from (f for f in frames if 0 < f.width * f.height <= _MOST_PIXELS)


class _JpegAssembly:
    """As _Assembly, for JPEG (RFC 2435)."""

    def __init__(self, media: sdp.Media) -> None:
        import av  # noqa: PLC0415 - as above

        self._av = av
        self._media = media
        self._depacketiser = rtp_jpeg_frames.Depacketiser(media.dimensions)
        self._decoder: Any = av.CodecContext.create("mjpeg", "r")
        self._decoder.thread_count = 1
        self._source: int | None = None

    def feed(self, packet: RtpPacket) -> Iterator[Any]:
        """Yield the frames that this packet completes."""
        self._source = packet.ssrc if self._source is None else self._source
        if (packet.payload_type, packet.ssrc) != (self._media.payload_type, self._source):
            return
        try:
            files = self._depacketiser.feed(packet)
        except Garbled:
            return
        for file in files:
            with contextlib.suppress(self._av.error.FFmpegError):
                frames = self._decoder.decode(self._av.Packet(file))
                yield from (f for f in frames if 0 < f.width * f.height <= _MOST_PIXELS)
