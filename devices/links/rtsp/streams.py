"""Plays the declared streams, several at once, and puts the facts together."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

from devices.description import Stream
from devices.errors import LinkError, NotOffered
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.analysis import (
    decoded,
    nal_units,
    of_track,
    rtp_packets,
    unlock,
    wire_facts,
)
from devices.links.rtsp.citation import cite
from devices.links.rtsp.client import endpoint_of, without_userinfo
from devices.links.rtsp.describe import codec_of
from devices.links.rtsp.observations import PlayedStream, PlayedStreams
from devices.links.rtsp.player import Recording, play
from devices.links.rtsp.recorder import Recorder
from devices.observation import Artefact
from devices.protocols.rtp import frame_rate, lost

PLAY_SECONDS = 2.2
"""Media recorded of each stream: two keyframe intervals of most cameras."""

LONGER = 5
"""How many times as long a stream that gave few pictures is recorded again: cameras with long
keyframe intervals need some 10 s to begin, and a bench may have been starved for a moment."""

FEW_PICTURES = 10
"""Fewer decoded pictures than this are no ground to judge a declared stream by."""

_UNDECLARED_PROBE = "udp"
"""Tried for every stream, declared or not: media in the clear is what must not be had."""


@dataclass(frozen=True)
class _Played:
    stream: PlayedStream
    artefacts: tuple[Artefact, ...]
    png: bytes


def play_streams(
    access: RtspAccess, seconds: float = PLAY_SECONDS, cited_by: str = ""
) -> PlayedStreams:
    """Play every declared stream over its transports; MJPEG is named as not measured.

    ``cited_by``: the test case that will cite frames of the captures. Raises NotOffered when no
    stream is declared, and BenchError when the bench cannot record as the device file asks.
    """
    declared = access.device.declared.streams
    if not declared:
        raise NotOffered("the device file declares no stream")
    others = [_not_measured(stream) for stream in declared if stream.codec == "mjpeg"]
    streams = [stream for stream in declared if stream.codec != "mjpeg"]
    tasks = [(s, transport) for s in streams for transport in _transports(s)]
    with ExitStack() as stack:
        recorder = Recorder(access, stack, cited_by)
        pool = stack.enter_context(ThreadPoolExecutor(access.device.bench.parallel, "rtsp"))
        played = list(pool.map(lambda task: _one(recorder, *task, seconds=seconds), tasks))
    artefacts = [artefact for one in played for artefact in one.artefacts]
    return PlayedStreams(
        streams=(*(one.stream for one in played), *others),
        shortfall=_shortfall([one.stream for one in played]),
        artefacts=(*artefacts, *_pictures(played)),
    )


def _not_measured(stream: Stream) -> PlayedStream:
    return PlayedStream(
        name=stream.name,
        url=without_userinfo(stream.url),
        transport=stream.transports[0] if stream.over_rtsp else urlsplit(stream.url).scheme,
        declared=True,
        outcome="not-measured",
        cause="not-measured",
        reason="MJPEG is not played (STREAM-012 asks who gets it over HTTP)",
    )


def _transports(stream: Stream) -> list[str]:
    return list(dict.fromkeys([*stream.transports, _UNDECLARED_PROBE]))


def _pictures(played: Sequence[_Played]) -> list[Artefact]:
    """Return one picture of each stream."""
    first: dict[str, bytes] = {}
    for one in played:
        if one.png:
            first.setdefault(one.stream.name, one.png)
    return [Artefact(f"{name}.png", "image/png", png) for name, png in first.items()]


def _shortfall(streams: Sequence[PlayedStream]) -> str:
    missing = [f"{s.name} over {s.transport}: {s.reason}" for s in streams if s.outcome == "failed"]
    return "; ".join(missing)


def _one(recorder: Recorder, stream: Stream, transport: str, *, seconds: float) -> _Played:
    """Play a stream; a declared one that gives few pictures is given longer, once."""
    played = _attempt(recorder, stream, transport, seconds=seconds)
    if played.stream.declared and _gave_little(played.stream):
        return _attempt(recorder, stream, transport, seconds=LONGER * seconds)
    return played


def _gave_little(stream: PlayedStream) -> bool:
    if stream.outcome == "played":
        return stream.pictures is None or stream.pictures.frames < FEW_PICTURES
    return stream.outcome == "silent"


def _attempt(recorder: Recorder, stream: Stream, transport: str, *, seconds: float) -> _Played:
    access = recorder.access
    url = without_userinfo(stream.url)
    blank = PlayedStream(
        name=stream.name,
        url=url,
        transport=transport,
        declared=transport in stream.transports,
        outcome="failed",
    )
    capture = recorder.capture()
    png, recording = b"", None
    try:
        endpoint = endpoint_of(url)
        with access.connect(endpoint, login=access.login(), capture=capture) as client:
            recording = play(client, url, transport, seconds=seconds, capture=capture)
        facts, png = _facts(blank, recording)
    except LinkError as error:
        facts = dataclasses.replace(blank, cause=error.cause, reason=str(error))
    captured, file = capture.frozen(), f"{stream.name}-{transport}.pcapng"
    if recording is not None and facts.wire is not None:
        cited = cite(captured, file, recording, facts.wire, recorder.cited_by)
        facts = dataclasses.replace(facts, cited=cited)
    artefact = captured.artefact(file, recorder.comment(stream.name, transport))
    return _Played(facts, (artefact,), png)


def _facts(blank: PlayedStream, recording: Recording) -> tuple[PlayedStream, bytes]:
    media = recording.media
    assert media is not None  # play() has described the stream
    facts = dataclasses.replace(
        blank,
        outcome="played",
        status=recording.status,
        tls_version=recording.tls_version,
        codec=codec_of(media) or media.encoding.lower(),
    )
    if recording.refused:
        return dataclasses.replace(facts, outcome="refused", reason=recording.refused), b""
    if not recording.packets:
        return dataclasses.replace(facts, outcome="silent", reason="no media arrived"), b""
    packets, srtp = recording.packets, None
    if recording.keys is not None:
        srtp, packets = unlock(recording, recording.keys)
    track = of_track(rtp_packets(packets), media)
    units, malformed = nal_units(media, track)
    pictures, png = decoded(media, units)
    pictures = dataclasses.replace(pictures, frame_rate=frame_rate(track))
    facts = dataclasses.replace(
        facts,
        packets=len(track),
        lost=lost(track),
        malformed=malformed,
        nal_units=len(units),
        pictures=pictures,
        wire=wire_facts(recording),
        srtp=srtp,
    )
    return facts, png
