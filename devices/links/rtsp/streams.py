"""Plays the declared streams, several at once, and puts the facts together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

from devices.description import Stream
from devices.errors import Garbled, LinkError, OutsideAuthorisation
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.analysis import (
    decoded,
    decoded_jpegs,
    fingerprints,
    nal_units,
    of_track,
    parameter_sets,
    rtp_packets,
    unlock,
    wire_facts,
)
from devices.links.rtsp.beside import beside_video
from devices.links.rtsp.citation import cite
from devices.links.rtsp.client import endpoint_of, without_userinfo
from devices.links.rtsp.describe import codec_name, codec_of, is_jpeg
from devices.links.rtsp.observations import PlayedStream, PlayedStreams
from devices.links.rtsp.player import play
from devices.links.rtsp.recorder import Recorder
from devices.links.rtsp.recording import Recording
from devices.links.rtsp.redirect import following
from devices.observation import Artefact
from devices.protocols.rtp import frame_rate, lost
from devices.protocols.rtp_jpeg_frames import depacketise, is_defined

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
    """Play every declared stream over its transports, and over plain UDP besides.

    ``cited_by``: the test case that will cite frames of the captures. Raises NotOffered when no
    RTSP stream is declared, and BenchError when the bench cannot record as the device file asks.
    """
    streams = access.streams()
    played: list[_Played] = []
    with ExitStack() as stack:
        recorder = Recorder(access, stack, cited_by)
        pool = stack.enter_context(ThreadPoolExecutor(access.device.bench.parallel, "rtsp"))
        # What is not declared comes last: a server may need a moment after it has refused.
        for tasks in _rounds(streams):
            played += pool.map(lambda task: _one(recorder, *task, seconds=seconds), tasks)
    artefacts = [artefact for one in played for artefact in one.artefacts]
    return PlayedStreams(
        streams=tuple(one.stream for one in played),
        recorded=recorder.method,
        shortfall=_shortfall([one.stream for one in played]),
        artefacts=(*artefacts, *_pictures(played)),
    )


def play_addresses(
    access: RtspAccess, addresses: Mapping[str, str], seconds: float = PLAY_SECONDS
) -> PlayedStreams:
    """Play RTSP(S) addresses by name, interleaved; what the device file says of them is not asked.

    An address outside the authorisation is not played: its outcome is ``failed``.
    """

    def one(recorder: Recorder, name: str, url: str) -> _Played:
        stream = Stream(name=name, url=url, codec="h264", width=0, height=0)
        try:
            return _one(recorder, stream, "interleaved", seconds=seconds)
        except OutsideAuthorisation as error:
            facts = PlayedStream(
                name=name,
                url=without_userinfo(url),
                transport="interleaved",
                declared=True,
                outcome="failed",
                cause=error.cause,
                reason=str(error),
            )
            return _Played(facts, (), b"")

    with ExitStack() as stack:
        recorder = Recorder(access, stack, cited_by="")
        pool = stack.enter_context(ThreadPoolExecutor(access.device.bench.parallel, "rtsp"))
        played = list(pool.map(lambda item: one(recorder, *item), addresses.items()))
    return PlayedStreams(
        streams=tuple(p.stream for p in played),
        recorded=recorder.method,
        artefacts=tuple(artefact for p in played for artefact in p.artefacts),
    )


def same_address(url: str) -> str:
    """A URL in one spelling, to tell whether two are the same: no login, no default port."""
    try:
        parts = urlsplit(without_userinfo(url))
        port = parts.port or {"rtsps": 322, "rtsp": 554}.get(parts.scheme, 0)
    except (ValueError, Garbled):
        return url
    path = parts.path.rstrip("/") + (f"?{parts.query}" if parts.query else "")
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}{path}"


def _rounds(streams: Sequence[Stream]) -> Iterator[list[tuple[Stream, str]]]:
    yield [(s, transport) for s in streams for transport in dict.fromkeys(s.transports)]
    yield [(s, _UNDECLARED_PROBE) for s in streams if _UNDECLARED_PROBE not in s.transports]


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
    capture, access = recorder.capture(), recorder.access
    png, recording = b"", None

    def attempt(where: str) -> tuple[Recording, str]:
        tunnel = access.tunnel(stream, transport, where)
        with access.connect(
            endpoint_of(where),
            login=access.login(),
            capture=capture,
            tunnel=tunnel,
        ) as client:
            return play(client, where, transport, seconds=seconds, capture=capture), where

    try:
        recording, where = following(url, attempt)
        facts, png = _facts(blank, recording)
        facts = dataclasses.replace(facts, redirected=where if where != url else "")
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
        codec=codec_name(media),
        agreed=recording.agreed,
        described_in_clear=not recording.tls_version and bool(media.parameter_sets()),
    )
    if recording.refused:
        return dataclasses.replace(facts, outcome="refused", reason=recording.refused), b""
    if not recording.packets:
        return dataclasses.replace(facts, outcome="silent", reason="no media arrived"), b""
    packets, srtp = recording.packets, None
    if recording.keys is not None:
        srtp, packets = unlock(recording, recording.keys)
    track = of_track(rtp_packets(packets), media)
    if is_jpeg(media):
        files, malformed = depacketise(track, media.dimensions)
        units: list[bytes] = []
        pictures, png = decoded_jpegs(files)
    else:
        units, malformed = nal_units(media, track)
        pictures, png = decoded(media, units)
    pictures = dataclasses.replace(pictures, frame_rate=frame_rate(track))
    sets = parameter_sets(media, units)
    facts = dataclasses.replace(
        facts,
        packets=len(track),
        lost=lost(track),
        malformed=malformed,
        nal_units=len(units),
        pictures=pictures,
        wire=wire_facts(recording, [*sets, *media.parameter_sets()]),
        srtp=srtp,
        parameter_sets=fingerprints(codec_of(media), sets),
        beside=beside_video(recording),
    )
    if is_jpeg(media) and not pictures.frames and not all(is_defined(p.payload) for p in track):
        why = "its JPEG is of a type that RFC 2435 does not define"
        return dataclasses.replace(
            facts, outcome="not-measured", cause="not-measured", reason=why
        ), b""
    return facts, png
