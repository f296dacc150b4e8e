"""STREAM-017: every stream that is found is declared."""

from __future__ import annotations

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.links.rtsp.found import FoundStream, FoundStreams


@case(
    "STREAM-017",
    severity="high",
    needs=("rtsp", "ports", "capture"),
    catches=("stream-undeclared", "stream-undeclared-mjpeg"),
    applies_to=("rtsp",),
)
def test_every_stream_found_is_declared(rtsp_found: FoundStreams) -> None:
    """Every stream that is found is declared.

    Method: with the test's login, on every port that speaks RTSP, ask for every stream path
    published for cameras and one made up, for every address that ONVIF hands out, and for further
    video sections of the declared streams. Many cameras give one stream at several addresses, or
    at any: what has the codec and the parameter sets (VPS, SPS) of a declared stream counts as
    that stream (JPEG: its size), without looking at the picture, so that a second lens with the
    very same coding is not told apart. Anything else is played. Outside TLS the login is by Digest
    alone.
    Pass: nothing plays that is not a declared stream.
    """
    others = [s for s in rtsp_found.streams if s.outcome == "played" and not s.same_as]
    unknown = {codec for _, codec in rtsp_found.unknown}
    surprises = [stream for stream in others if _spoken_of(stream) not in unknown]
    assert not surprises, " ".join(
        f"{s.url} ({s.source}) plays {s.codec or 'video'} with {s.packets} packets, and no "
        "declared stream has its parameter sets."
        for s in surprises
    )
    if not rtsp_found.answers:
        raise Inconclusive("no address was answered", "unreachable")
    if not rtsp_found.account:
        raise Inconclusive("the device file gives no account to ask for streams with", "no-login")
    if others:
        names = ", ".join(name for name, _ in rtsp_found.unknown)
        raise Inconclusive(
            f"{', '.join(s.url for s in others)} could be another address of {names}, of which no "
            "parameter sets are known (see STREAM-001)",
            "no-media",
        )
    untold = [s for s in rtsp_found.streams if s.outcome in ("silent", "failed") and not s.same_as]
    if untold:
        raise Inconclusive(
            " ".join(f"{s.url} is described and did not play: {s.reason}." for s in untold),
            "no-media",
        )


def _spoken_of(stream: FoundStream) -> str:
    """The codec as the device file calls it."""
    return "mjpeg" if stream.codec == "jpeg" else stream.codec
