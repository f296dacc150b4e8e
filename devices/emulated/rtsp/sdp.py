"""The session description that the emulated camera answers DESCRIBE with."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence

from devices.emulated.video.source import CLOCK_RATE, FRAME_RATE, StreamDefinition

PAYLOAD_TYPE = 96  # the first dynamic one, RFC 3551, 6
JPEG_PAYLOAD_TYPE = 26  # RFC 3551, 6
TRACK = "trackID=0"
METADATA_PAYLOAD_TYPE = 98
METADATA_TRACK = "trackID=1"


def describe(
    stream: StreamDefinition,
    *,
    address: str,
    title: str,
    parameter_sets: Sequence[bytes],
    key_management: str,
    metadata_keys: str = "",
) -> bytes:
    """Return the SDP of one stream; SRTP is offered when ``key_management`` is given.

    ``metadata_keys`` are those of the metadata track, where the stream has one.
    """
    profile = "RTP/SAVP" if key_management else "RTP/AVP"
    number = payload_type(stream)
    lines = [
        "v=0",
        f"o=- {secrets.randbits(48)} 1 IN IP4 {address}",
        f"s={title}",
        "t=0 0",
        "a=range:npt=now-",
        "a=control:*",
        f"m=video 0 {profile} {number}",
        "c=IN IP4 0.0.0.0",
        *_coding(stream, parameter_sets),
        f"a=framerate:{FRAME_RATE}",
        f"a=framesize:{number} {stream.width}-{stream.height}",
        f"a=control:{TRACK}",
    ]
    if key_management:
        lines.append(f"a=key-mgmt:{key_management}")
    if stream.metadata:
        lines += _metadata(metadata_keys)
    return "\r\n".join([*lines, ""]).encode()


def payload_type(stream: StreamDefinition) -> int:
    """Return the RTP payload type of a stream's video."""
    return JPEG_PAYLOAD_TYPE if stream.codec == "mjpeg" else PAYLOAD_TYPE


def _coding(stream: StreamDefinition, parameter_sets: Sequence[bytes]) -> list[str]:
    if stream.codec == "mjpeg":
        return [f"a=rtpmap:{JPEG_PAYLOAD_TYPE} JPEG/{CLOCK_RATE}"]
    return [
        f"a=rtpmap:{PAYLOAD_TYPE} {stream.codec.upper()}/{CLOCK_RATE}",
        f"a=fmtp:{PAYLOAD_TYPE} {_format(stream, parameter_sets)}",
    ]


def _metadata(key_management: str) -> list[str]:
    """The section of the metadata track (ONVIF Streaming, 5.2.2.4)."""
    profile = "RTP/SAVP" if key_management else "RTP/AVP"
    lines = [
        f"m=application 0 {profile} {METADATA_PAYLOAD_TYPE}",
        "c=IN IP4 0.0.0.0",
        f"a=rtpmap:{METADATA_PAYLOAD_TYPE} vnd.onvif.metadata/{CLOCK_RATE}",
        f"a=control:{METADATA_TRACK}",
    ]
    return [*lines, f"a=key-mgmt:{key_management}"] if key_management else lines


def _format(stream: StreamDefinition, parameter_sets: Sequence[bytes]) -> str:
    encoded = [base64.b64encode(unit).decode("ascii") for unit in parameter_sets]
    if stream.codec == "h264":
        profile = parameter_sets[0][1:4].hex().upper()
        return (
            f"packetization-mode=1;profile-level-id={profile};"
            f"sprop-parameter-sets={','.join(encoded)}"
        )
    names = ("sprop-vps", "sprop-sps", "sprop-pps")
    return ";".join(f"{name}={text}" for name, text in zip(names, encoded, strict=True))
