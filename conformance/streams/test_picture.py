"""Every declared stream plays, in the declared form, and shows a living picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.description import DeviceFile, Stream
from devices.links.rtsp.observations import DecodedPictures, PlayedStream, PlayedStreams


@case(
    "STREAM-001",
    severity="high",
    needs=("rtsp", "capture"),
    catches=(
        "stream-black",
        "stream-wrong-codec",
        "stream-looped",
        "stream-frame-rate",
    ),
    revision=3,
    applies_to=("streams",),
)
def test_declared_streams_play_as_declared(
    played_streams: PlayedStreams, device: DeviceFile, policy: Any
) -> None:
    """Every declared stream plays as declared and shows a moving picture.

    Method: play each declared stream over each declared transport for some seconds with a
    reference client, put the RTP packets together to NAL units or JPEG pictures (RFC 2435, which
    counts sizes in blocks of 8 pixels), or take the pictures of an MJPEG stream over HTTP as they
    come, decode them with OpenCV, and compare the pictures with each
    other. Where nothing moves, or no more than a clock that is written over the picture, the noise
    of a sensor shows that it lives; without such noise nothing tells a quiet scene from a frozen
    picture, and the verdict stays open (STREAM-029 decides).
    Pass: each plays; codec, picture size and frame rate are those declared; enough pictures
    decode; the picture has contrast and lives, by the limits of the policy "streams"; pictures do
    not come again in the same order.
    """
    limits = policy("streams")["picture"]
    declared = {stream.name: stream for stream in device.declared.streams}
    problems: list[str] = []
    doubts: list[PlayedStream] = []
    for played in played_streams.streams:
        if not played.declared:
            continue
        if _cannot_tell(played) or _may_be_still(played, limits):
            doubts.append(played)
        problems += _differences(played, declared[played.name], limits)
    assert not problems, " ".join(problems)
    if not any(played.declared for played in played_streams.streams):
        raise Inconclusive("no stream is declared with a transport to play it over", "undeclared")
    if doubts:
        raise Inconclusive(
            " ".join(f"{_which(p)} could not be judged: {p.reason or _UNTOLD}." for p in doubts),
            doubts[0].cause or ("still" if doubts[0].pictures else "no-media"),
        )


_UNTOLD = (
    "nothing, or no more than a clock would, moves in its pictures, and they have no noise of a "
    "sensor: it may be frozen, or the scene is quiet; let something large move before the lens"
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
    if (pictures.width, pictures.height) not in _sizes(stream):
        yield (
            f"{which} shows {pictures.width}x{pictures.height} pixels, "
            f"declared are {stream.width}x{stream.height}."
        )
    if slow := _rate(which, pictures, stream, limits):
        yield slow
    if pictures.contrast < limits["min_contrast"]:
        yield (
            f"{which} shows a picture of one brightness (standard deviation "
            f"{pictures.contrast}, expected at least {limits['min_contrast']})."
        )
    elif pictures.period:
        yield (
            f"{which} repeats itself: the same {pictures.period} pictures come again and again "
            f"({pictures.frames} were looked at)."
        )


def _sizes(stream: Stream) -> list[tuple[int, int]]:
    """Width and height that will do, in pixels; RFC 2435 rounds them up to blocks of 8."""
    sizes = [(stream.width, stream.height)]
    if stream.codec == "mjpeg" and stream.over_rtsp:
        sizes.append((-(-stream.width // 8) * 8, -(-stream.height // 8) * 8))
    return sizes


def _is_still(pictures: DecodedPictures, limits: dict[str, Any]) -> bool:
    """Whether nothing moves, or no more than a clock that is written over the picture."""
    moves: bool = (
        pictures.movement >= limits["min_movement"] and pictures.changing >= limits["min_changing"]
    )
    return not moves


def _may_be_still(played: PlayedStream, limits: dict[str, Any]) -> bool:
    """Whether it may be frozen as well as show a quiet scene."""
    pictures = played.pictures
    if pictures is None or played.outcome != "played" or not _is_still(pictures, limits):
        return False
    alike = pictures.noise < limits["min_noise"]
    return alike or abs(pictures.correlation) > float(limits["max_correlation"])


def _rate(which: str, pictures: DecodedPictures, stream: Stream, limits: dict[str, Any]) -> str:
    if stream.frame_rate is None or not pictures.frame_rate:
        return ""
    tolerance = limits["frame_rate_tolerance"] * stream.frame_rate
    if abs(pictures.frame_rate - stream.frame_rate) <= tolerance:
        return ""
    return (
        f"{which} gives {pictures.frame_rate:.1f} pictures per second, declared are "
        f"{stream.frame_rate:.0f}."
    )
