"""Coded pictures put into containers with PyAV: MPEG-TS for HLS, MP4 for recordings."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from devices.emulated.video.source import CLOCK_RATE, AccessUnit, StreamCodec
from devices.protocols.h26x import to_annex_b

_TIME_BASE = Fraction(1, CLOCK_RATE)


def mux(codec: StreamCodec, units: Sequence[AccessUnit], container: str) -> bytes:
    """Return access units, the first a keyframe, as one file; ``container`` as FFmpeg names it."""
    import av  # noqa: PLC0415 - as in source.Encoder

    whole = io.BytesIO(b"".join(to_annex_b(unit.units) for unit in units))
    written = io.BytesIO()
    coded: Any
    target: Any
    with (
        av.open(whole, format="h264" if codec == "h264" else "hevc") as coded,
        av.open(written, "w", format=container) as target,
    ):
        source = coded.streams.video[0]
        stream = target.add_stream_from_template(source)
        times = iter(units)
        began = 0 if container == "mpegts" else units[0].timestamp
        for packet in coded.demux(source):
            unit = next(times, None) if packet.size else None
            if unit is None:
                break
            packet.time_base = _TIME_BASE
            packet.pts = packet.dts = unit.timestamp - began
            packet.stream = stream
            target.mux(packet)
    return written.getvalue()
