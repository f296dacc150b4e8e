"""The streams that both media services describe, and the addresses they hand out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.etree.ElementTree import Element

from devices.emulated.addresses import PORTS
from devices.emulated.onvif.call import Call
from devices.protocols.soap import element

if TYPE_CHECKING:
    from devices.emulated.camera import Camera

SOURCE = "lens"
FRAME_RATE = 25


@dataclass(frozen=True)
class Stream:
    """One stream; ``codec`` in ONVIF's words, ``kilobits`` per second at most.

    ``metadata``: it has a metadata track beside the video.
    """

    name: str
    codec: str
    width: int
    height: int
    kilobits: int
    metadata: bool = False

    def resolution(self) -> Element:
        """``tt:Resolution``."""
        return element(
            "tt:Resolution",
            element("tt:Width", str(self.width)),
            element("tt:Height", str(self.height)),
        )


STREAMS = (
    Stream("main", "H264", 640, 360, 2048, metadata=True),
    Stream("sub", "H265", 320, 180, 512),
)


def stream_named(token: str) -> Stream | None:
    """The stream whose profile has this token."""
    return next((stream for stream in STREAMS if stream.name == token), None)


def told_stream(camera: Camera, stream: Stream) -> Stream:
    """What the encoder configuration says of a stream: the truth, but for a fault."""
    if camera.posture.onvif_encoder_true:
        return stream
    return replace(stream, width=2 * stream.width, height=2 * stream.height)


def stream_uri(call: Call, stream: Stream) -> str:
    """The RTSP address of a stream, as the posture has it."""
    camera = call.camera
    authority = f"{camera.address}:{PORTS['rtsps']}"
    if camera.posture.stream_uri == "rtsp":
        return f"rtsp://{camera.address}:{PORTS['rtsp']}/live/{stream.name}"
    if camera.posture.stream_uri == "credentials" and call.caller is not None:
        name, password = call.caller.name, camera.accounts.password(call.caller.name) or ""
        authority = f"{quote(name, safe='')}:{quote(password, safe='')}@{authority}"
    return f"rtsps://{authority}/live/{stream.name}"


def snapshot_uri(call: Call) -> str:
    """The address of the snapshot, which takes HTTP digest."""
    return f"https://{call.authority}/api/snapshot"


def source_configuration(name: str) -> Element:
    """How the lens is used: its whole picture."""
    main = STREAMS[0]
    return element(
        name,
        element("tt:Name", "lens"),
        element("tt:UseCount", str(len(STREAMS))),
        element("tt:SourceToken", SOURCE),
        element("tt:Bounds", x="0", y="0", width=str(main.width), height=str(main.height)),
        token=f"{SOURCE}-configuration",
    )


def no_multicast() -> Element:
    """``tt:Multicast`` of a camera that sends nothing to groups."""
    return element(
        "tt:Multicast",
        element("tt:Address", element("tt:Type", "IPv4"), element("tt:IPv4Address", "0.0.0.0")),
        element("tt:Port", "0"),
        element("tt:TTL", "0"),
        element("tt:AutoStart", "false"),
    )


def metadata_configuration(name: str) -> Element:
    """What the metadata track carries: motion as analytics and as events."""
    return element(
        name,
        element("tt:Name", "metadata"),
        element("tt:UseCount", "1"),
        element("tt:Events"),
        element("tt:Analytics", "true"),
        no_multicast(),
        element("tt:SessionTimeout", "PT60S"),
        token="metadata",  # noqa: S106 - a name
    )
