"""STREAM-041: metadata streams are protected as the video is."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.case import case
from conformance.verdict import Inconclusive, NotApplicable
from devices.description import DeviceFile
from devices.links.rtsp.metadata import MetadataPlayed, MetadataStream, MetadataStreams

_REFUSALS = (401, 403, 404)


@case(
    "STREAM-041",
    severity="high",
    needs=("rtsp", "capture"),
    catches=(
        "stream-metadata-plain",
        "stream-metadata-open",
        "stream-plain-rtp",
        "stream-srtp-null-cipher",
    ),
    applies_to=("rtsp-streams",),
)
def test_metadata_is_protected_as_video_is(
    metadata_streams: MetadataStreams, device: DeviceFile
) -> None:
    """Metadata streams are encrypted, and only for who logs in.

    Method: look for ONVIF metadata tracks (application/vnd.onvif.metadata) in the description of
    every declared stream; play each over the stream's declared transports, and ask for RTP over UDP
    without encryption besides, recording the bytes on the network; look for XML in them, also where
    it is compressed. Set each track up without a login, and play it.
    Pass: no metadata comes outside TLS and SRTP, no recording holds readable XML, and who has no
    login is refused with status 401, 403 or 404. A track that the device file declares is there,
    and one that it declares absent is not.
    """
    expected = {stream.name: stream.metadata for stream in device.declared.streams}
    faults = [f for s in metadata_streams.streams for f in _faults(s, expected.get(s.name))]
    assert not faults, f"{'; '.join(faults)}."
    tracks = [stream for stream in metadata_streams.streams if stream.encodings]
    if not metadata_streams.streams:
        raise Inconclusive("no declared stream could be described", "unreachable")
    if not tracks:
        raise NotApplicable(
            "the device file declares no metadata track, and no declared stream has one"
        )
    if doubts := [doubt for stream in tracks for doubt in _doubts(stream)]:
        raise Inconclusive(f"{'; '.join(doubts)}.", "no-media")


def _faults(stream: MetadataStream, declared: bool | None) -> Iterator[str]:  # noqa: FBT001 - three values
    where = f"Stream {stream.name} ({stream.url})"
    if declared is not None and declared != bool(stream.encodings):
        found = ", ".join(stream.encodings) or "none"
        yield f"{where}: metadata is declared {'present' if declared else 'absent'}, found {found}"
    for played in stream.played:
        yield from (f"{where}: metadata {fault}" for fault in _seen(played))
    for answer in stream.anonymous:
        if answer.status == 200:
            yield f"{answer.method} {answer.url} (metadata) succeeds without a login"


def _seen(played: MetadataPlayed) -> Iterator[str]:
    if played.readable:
        yield f"over {played.transport} is readable on the network: {played.readable!r}"
    elif played.outcome == "played" and played.protection == "none":
        yield (
            f"over {played.transport} came outside TLS and SRTP ({played.packets} packets), "
            "expected a refusal"
        )


def _doubts(stream: MetadataStream) -> Iterator[str]:
    binary = any("EXI" in encoding for encoding in stream.encodings)  # shows no XML by itself
    if not any(p.outcome == "played" and (p.documents or binary) for p in stream.played):
        outcomes = ", ".join(f"{p.transport}: {p.outcome} {p.reason}" for p in stream.played)
        yield f"Stream {stream.name}: no metadata arrived to be examined ({outcomes})"
    for played in stream.played:
        if played.outcome == "silent" and "tls" not in played.protection:
            yield (
                f"Stream {stream.name}: metadata over {played.transport} was set up, and none "
                "arrived to be examined"
            )
    if not stream.anonymous:
        yield f"Stream {stream.name}: what happens without a login was not seen"
    for answer in stream.anonymous:
        if answer.status != 200 and answer.status not in _REFUSALS:
            yield (
                f"{answer.method} {answer.url} without a login is answered {answer.status}, which "
                "does not show that a login is asked for"
            )
