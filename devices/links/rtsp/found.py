"""Looks for streams with the test's login: published paths, announced addresses, further tracks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from devices.description import Stream
from devices.errors import LinkError
from devices.links.capture import Capture
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.addresses import AddressAnswer, AskedAddresses, Candidate, distinct
from devices.links.rtsp.analysis import (
    fingerprints,
    nal_units,
    of_track,
    parameter_sets,
    rtp_packets,
    unlock,
)
from devices.links.rtsp.client import Endpoint, endpoint_of, without_userinfo
from devices.links.rtsp.describe import codec_of, is_jpeg
from devices.links.rtsp.observations import PlayedStreams
from devices.links.rtsp.player import play
from devices.links.rtsp.recording import Recording
from devices.observation import Artefact, Observation
from devices.protocols.rtp_jpeg import frame_blocks

PLAY_SECONDS = 1.5
MAX_PLAYED = 16  # streams that are played to be told apart
_MADE_UP = "x" + hashlib.sha256(b"camproof made-up path").hexdigest()[:12]
"""A path that no camera has: who answers it answers every path."""
_WAYS = ("interleaved", "srtp-interleaved", "udp", "srtp-udp")


@dataclass(frozen=True)
class FoundStream:
    """A video section that an address describes to who is logged in.

    ``source``: ``published``, ``announced``, ``declared`` (a further section of a declared
    stream) or ``made up``. ``parameter_sets`` are digests of VPS and SPS, from the description,
    else from the stream. ``same_as`` names the declared stream with the same codec and parameter
    sets. ``outcome``: ``alias`` (not played), ``played``, ``refused``, ``silent`` or ``failed``
    with its ``reason``.
    """

    url: str
    source: str
    codec: str
    parameter_sets: tuple[str, ...]
    same_as: str
    outcome: str
    packets: int = 0
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class FoundStreams(Observation):
    """Every stream that was found; ``asked`` addresses, and the ``answers`` that came.

    ``unknown`` are declared streams of which no parameter sets are known, with their codec: an
    address of theirs looks like another stream. ``account``: the test has a login to ask with.
    """

    asked: int
    answers: tuple[AddressAnswer, ...]
    account: bool
    unknown: tuple[tuple[str, str], ...]
    streams: tuple[FoundStream, ...]


def found_streams(
    access: RtspAccess,
    endpoints: Sequence[Endpoint],
    paths: Sequence[str],
    announced: Iterable[str],
    declared: PlayedStreams,
) -> FoundStreams:
    """Describe ``paths`` on ``endpoints`` and ``announced`` addresses, and play what is new.

    ``declared`` are the declared streams as they were played: what they carry tells an address of
    the same stream from another stream.
    """
    streamed = [stream for stream in access.device.declared.streams if stream.over_rtsp]
    own = [without_userinfo(stream.url) for stream in streamed]
    plans: dict[Endpoint, dict[str, str]] = {}
    shortfalls: list[str] = []
    for endpoint in endpoints:
        plans[endpoint] = {f"{endpoint.url}{path}": "published" for path in paths}
        plans[endpoint][f"{endpoint.url}/{_MADE_UP}"] = "made up"
    for url in announced:
        try:
            plans.setdefault(endpoint_of(url), {})[url] = "announced"
        except LinkError as error:
            shortfalls.append(str(error))
    for url in own:
        plans.setdefault(endpoint_of(url), {})[url] = "declared"
    with ThreadPoolExecutor(access.device.bench.parallel, "rtsp-found") as pool:
        asked = list(pool.map(lambda plan: AskedAddresses(access, *plan), plans.items()))
        candidates = distinct(c for one in asked for c in one.candidates)
        known = _known(declared, streamed)
        streams = list(pool.map(lambda c: _judged(access, c, known), candidates[:MAX_PLAYED]))
    shortfalls += [one.shortfall for one in asked if one.shortfall]
    if len(candidates) > MAX_PLAYED:
        shortfalls.append(f"{len(candidates) - MAX_PLAYED} more streams were not looked at")
    return FoundStreams(
        asked=sum(len(plan) for plan in plans.values()),
        answers=tuple(answer for one in asked for answer in one.answers),
        account=access.login() is not None,
        unknown=tuple((s.name, s.codec) for s in streamed if s.name not in known.values()),
        streams=tuple(stream for stream, _ in streams),
        artefacts=tuple(artefact for _, artefact in streams if artefact is not None),
        shortfall="; ".join(shortfalls),
    )


_Known = dict[tuple[str, tuple[str, ...]], str]


def _known(played: PlayedStreams, streams: Iterable[Stream]) -> _Known:
    """Codec and parameter sets of each declared stream -> its name; of JPEG its declared size."""
    known: _Known = {
        (p.codec, p.parameter_sets): p.name for p in played.streams if p.parameter_sets
    }
    for stream in streams:
        if stream.codec == "mjpeg":
            known["jpeg", (_size(stream.width, stream.height),)] = stream.name
    return known


def _size(width: int, height: int) -> str:
    """Return a size as RFC 2435 counts it, in blocks of 8 pixels."""
    return _blocks(-(-width // 8), -(-height // 8))


def _blocks(width: int, height: int) -> str:
    return f"{width}x{height} blocks"


def _judged(
    access: RtspAccess, candidate: Candidate, known: _Known
) -> tuple[FoundStream, Artefact | None]:
    media = candidate.media
    codec = codec_of(media)
    sets = fingerprints(codec, media.parameter_sets())
    found = FoundStream(
        url=candidate.url,
        source=candidate.source,
        codec=codec or ("jpeg" if is_jpeg(media) else media.encoding.lower()),
        parameter_sets=sets,
        same_as=known.get((codec or "", sets), ""),
        outcome="alias",
    )
    if found.same_as:
        return found, None
    capture = access.capture()
    found = _played(access, candidate, found, capture)
    same = known.get((found.codec, found.parameter_sets), "")
    name = hashlib.sha256(f"{candidate.url} {candidate.section}".encode()).hexdigest()[:8]
    return replace(found, same_as=same), capture.artefact(f"found-{name}.pcapng")


def _played(
    access: RtspAccess, candidate: Candidate, found: FoundStream, capture: Capture
) -> FoundStream:
    """Play a stream over the first transport that it is given over."""
    reason = ""
    for transport in (way for way in _WAYS if way.startswith("srtp") == candidate.media.secure):
        try:
            endpoint = endpoint_of(candidate.url)
            with access.connect(
                endpoint, login=access.login(), allow_basic=endpoint.encrypted, capture=capture
            ) as client:
                recording = play(
                    client,
                    candidate.url,
                    transport,
                    seconds=PLAY_SECONDS,
                    capture=capture,
                    section=candidate.section,
                )
        except LinkError as error:
            return replace(found, outcome="failed", reason=str(error))
        if recording.refused:
            reason = recording.refused
            continue
        if not recording.packets:
            return replace(found, outcome="silent", reason="no media arrived")
        sets = _carried(recording) or found.parameter_sets
        return replace(found, outcome="played", packets=len(recording.packets), parameter_sets=sets)
    return replace(found, outcome="refused", reason=reason)


def _carried(recording: Recording) -> tuple[str, ...]:
    """Return the digests of the parameter sets that the stream itself carries."""
    media, packets = recording.media, recording.packets
    assert media is not None  # play() has described the stream
    if recording.keys is not None:
        _, packets = unlock(recording, recording.keys)
    track = of_track(rtp_packets(packets), media)
    if is_jpeg(media):
        blocks = frame_blocks(track)
        if blocks == (0, 0):  # too large for the payload's header
            return (_size(*media.dimensions),)
        return (_blocks(*blocks),) if blocks else ()
    units, _ = nal_units(media, track)
    return fingerprints(codec_of(media), parameter_sets(media, units))
