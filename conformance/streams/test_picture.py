"""Every declared stream plays, in the declared form, and shows a living picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.description import DeviceFile, Stream
from devices.links.rtsp.observations import PlayedStream, PlayedStreams


@case(
    "STREAM-001",
    severity="high",
    needs=("rtsp", "capture"),
    catches=("stream-frozen", "stream-black", "stream-wrong-codec"),
    applies_to=("streams",),
)
def test_declared_streams_play_as_declared(
    played_streams: PlayedStreams, device: DeviceFile, policy: Any
) -> None:
    """Every declared stream plays as declared and shows a moving picture.

    Method: play each declared stream over each declared transport for some seconds with a
    reference client, put the RTP packets together to NAL units, or take the pictures of an MJPEG
    stream over HTTP as they come, decode them with OpenCV, and compare the pictures with each
    other. MJPEG in RTP is not played: a stream declared so leaves the verdict open.
    Pass: each plays; codec and picture size are those declared; enough pictures decode; the
    picture has contrast and part of it moves, by the limits of the policy "streams".
    """
    limits = policy("streams")["picture"]
    declared = {stream.name: stream for stream in device.declared.streams}
    problems: list[str] = []
    doubts: list[PlayedStream] = []
    for played in played_streams.streams:
        if not played.declared:
            continue
        if _cannot_tell(played):
            doubts.append(played)
        problems += _differences(played, declared[played.name], limits)
    assert not problems, " ".join(problems)
    if not any(played.declared for played in played_streams.streams):
        raise Inconclusive("no stream is declared with a transport to play it over", "undeclared")
    if doubts:
        raise Inconclusive(
            " ".join(f"{_which(p)} could not be judged: {p.reason}." for p in doubts),
            doubts[0].cause or "no-media",
        )


def _which(played: PlayedStream) -> str:
    return f"Stream {played.name} ({played.url}, {played.transport})"


def _cannot_tell(played: PlayedStream) -> bool:
    """Whether the suite or the bench could be the reason: no answer, no login, lost datagrams."""
    if played.outcome == "failed":
        return played.cause != "not-offered"
    lost = played.outcome == "silent" and played.transport.endswith("udp")
    return lost or played.outcome == "not-measured"


def _differences(played: PlayedStream, stream: Stream, limits: dict[str, Any]) -> Iterator[str]:
    which = _which(played)
    if _cannot_tell(played):
        return
    if played.outcome != "played":
        yield f"{which} is declared and does not play: {played.reason}."
        return
    if played.codec != stream.codec:
        yield f"{which} is {played.codec or 'of an unnamed codec'}, declared is {stream.codec}."
    pictures = played.pictures
    if pictures is None or pictures.frames < limits["min_frames"]:
        count = pictures.frames if pictures else 0
        yield (
            f"{which} gave {played.packets} packets and {count} decodable pictures, "
            f"expected at least {limits['min_frames']}."
        )
        return
    if (pictures.width, pictures.height) != (stream.width, stream.height):
        yield (
            f"{which} shows {pictures.width}x{pictures.height} pixels, "
            f"declared are {stream.width}x{stream.height}."
        )
    if pictures.contrast < limits["min_contrast"]:
        yield (
            f"{which} shows a picture of one brightness (standard deviation "
            f"{pictures.contrast}, expected at least {limits['min_contrast']})."
        )
    elif pictures.movement < limits["min_movement"]:
        yield (
            f"{which} stands still: {100 * pictures.movement:.2f} % of the picture changed in "
            f"{pictures.frames} pictures, expected at least {100 * limits['min_movement']:.2f} %."
        )
