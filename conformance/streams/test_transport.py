"""RTSP and media are encrypted on the network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.links.ports.link import PortServices
from devices.links.rtsp.observations import PlayedStream, PlayedStreams, RtspEndpoints


@case(
    "STREAM-002",
    severity="high",
    needs=("rtsp", "ports"),
    catches=("stream-plain-rtsp",),
    applies_to=("rtsp",),
    revision=2,
)
def test_rtsp_is_served_inside_tls_only(
    rtsp_endpoints: RtspEndpoints, port_services: PortServices
) -> None:
    """RTSP is served inside TLS only.

    Method: send an RTSP OPTIONS request without TLS to the port of every declared stream, to every
    port of a declared RTSP service, and to the ports on which cameras are known to serve plain
    RTSP; send one inside TLS to the ports that are declared with it. Look at what every other open
    TCP port was found to speak.
    Pass: no port answers in RTSP without TLS, and the declared ports answer inside TLS.
    """
    plain = [e for e in rtsp_endpoints.endpoints if e.speaks_rtsp and not e.encrypted]
    faults = [
        f"{e.host} port {e.port} answers RTSP without TLS (status {e.status}"
        f"{', ' + e.server if e.server else ''})."
        for e in plain
    ]
    asked = {endpoint.port for endpoint in plain}
    faults += [
        f"{port_services.address} port {service.port} answers RTSP without TLS."
        for service in port_services.services
        if service.protocol == "rtsp" and service.port not in asked
    ]
    assert not faults, " ".join(faults)
    if not any(e.speaks_rtsp for e in rtsp_endpoints.endpoints):
        raise Inconclusive("no port of the camera answers RTSP, with or without TLS", "unreachable")
    if not port_services.services:
        raise Inconclusive("no open port of the camera was named", "unreachable")


@case(
    "STREAM-003",
    severity="critical",
    needs=("rtsp", "capture"),
    catches=("stream-plain-rtp", "stream-srtp-null-cipher", "stream-mjpeg-plain-rtp"),
    applies_to=("streams",),
    revision=3,
)
def test_video_cannot_be_read_off_the_network(
    played_streams: PlayedStreams, policy: Any, evidence: Any
) -> None:
    """Video cannot be read off the network.

    Method: play every declared stream over its declared transports, and ask for RTP over UDP
    without encryption besides, recording the bytes on the network; MJPEG over HTTP too. Try to
    find RTP packets with H.264, H.265 or JPEG (RFC 2435) in them without any key, JPEG files, and
    the stream's own parameter sets (VPS, SPS, PPS) anywhere in the bytes; test the distribution of
    the payload's bytes. Look whether the session description, with parameter sets in it, came
    outside TLS.
    Pass: no recording yields video, JPEG or a parameter set, none is described outside TLS, and
    each payload's bytes are distributed as ciphertext's are, by the limits of the policy "streams".
    """
    limits = policy("streams")["wire"]
    evidence.record("frames examined", _frames(played_streams))
    problems: list[str] = []
    doubts: list[str] = []
    for played in played_streams.streams:
        problems += _readable(played, limits)
        doubts += _too_little(played, limits)
    assert not problems, " ".join(problems)
    if doubts:
        unplayed = any(played.outcome == "not-measured" for played in played_streams.streams)
        raise Inconclusive(" ".join(doubts), "not-measured" if unplayed else "no-media")
    if not any(played.wire for played in played_streams.streams):
        raise Inconclusive("no stream could be played, so nothing was on the network", "no-media")


def _which(played: PlayedStream) -> str:
    return f"Stream {played.name} ({played.url}) over {played.transport}"


def _readable(played: PlayedStream, limits: dict[str, Any]) -> Iterator[str]:
    if played.described_in_clear:
        yield (
            f"{_which(played)} is described outside TLS, with its parameter sets in the session "
            "description, expected a description inside TLS alone."
        )
    wire = played.wire
    if wire is None:
        return
    if wire.jpeg_frames:
        yield f"{_which(played)}: {wire.jpeg_frames} JPEG pictures are readable on the network."
    if wire.parameter_sets:
        yield (
            f"{_which(played)}: {wire.parameter_sets} parameter sets of the stream stand in the "
            "bytes on the network as they are, expected none."
        )
    if wire.nal_units and wire.packets >= limits["min_packets"]:
        yield (
            f"{_which(played)}: {wire.nal_units} NAL units were read from {wire.packets} RTP "
            f"packets on the network without a key, expected none.{_first_readable(played)}"
        )
    elif (
        wire.payload_bytes >= limits["min_payload_bytes"]
        and wire.chi_square > limits["max_chi_square"]
    ):
        yield (
            f"{_which(played)}: {wire.payload_bytes} payload bytes are not distributed as "
            f"ciphertext (chi-square {wire.chi_square}, at most {limits['max_chi_square']})."
            f"{_range(played)}"
        )


def _first_readable(played: PlayedStream) -> str:
    """Where a reader finds it: the frame's number in the capture, as Wireshark counts."""
    if played.cited is None or not played.cited.readable:
        return ""
    return f" The first is in frame {played.cited.readable} of {played.cited.file}."


def _range(played: PlayedStream) -> str:
    if played.cited is None or not played.cited.first:
        return ""
    cited = played.cited
    return f" They are in frames {cited.first} to {cited.last} of {cited.file}."


def _frames(streams: PlayedStreams) -> str:
    """Which frames of which capture were looked at, for people."""
    told = [
        f"{_which(played)}: frames {cited.first} to {cited.last} of {cited.file} "
        f"({cited.frames} frames) were examined; "
        + (
            f"video can be read from frame {cited.readable} on."
            if cited.readable
            else "no video in them can be read without a key."
        )
        for played in streams.streams
        if (cited := played.cited) is not None and cited.first
    ]
    return "\n".join(told) or "no media was captured"


def _too_little(played: PlayedStream, limits: dict[str, Any]) -> Iterator[str]:
    """What cannot be judged: a declared stream is not given, or too little of it came."""
    if played.declared and played.outcome == "refused":
        yield f"{_which(played)} is declared and was refused (see STREAM-001)."
    elif played.outcome == "not-measured":
        yield f"{_which(played)} was not looked at on the network: {played.reason}."
    elif played.outcome == "silent":
        yield f"{_which(played)} was set up, and no media arrived to be examined."
    elif played.wire is not None and played.wire.payload_bytes < limits["min_payload_bytes"]:
        yield f"{_which(played)} gave {played.wire.payload_bytes} payload bytes, too few to judge."
