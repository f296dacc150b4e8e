"""Operations of the ONVIF media2 service, which knows H.265 and streams over RTSPS."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from devices.emulated.addresses import PORTS
from devices.emulated.onvif.call import Call, OnvifFault, Operation
from devices.emulated.onvif.streams import (
    FRAME_RATE,
    STREAMS,
    Stream,
    metadata_configuration,
    snapshot_uri,
    source_configuration,
    stream_named,
    stream_uri,
    told_stream,
)
from devices.emulated.rtsp.websocket import PATH
from devices.protocols.soap import children, element, text


def get_service_capabilities(call: Call) -> Element:
    """What the media2 service can do."""
    offered = call.camera.posture.rtsp_websocket
    socket = f"wss://{call.camera.address}:{PORTS['https']}{PATH}"
    return element(
        "tr2:GetServiceCapabilitiesResponse",
        element(
            "tr2:Capabilities",
            element("tr2:ProfileCapabilities", MaximumNumberOfProfiles=str(len(STREAMS))),
            element(
                "tr2:StreamingCapabilities",
                RTSPStreaming="true",
                RTPMulticast="false",
                RTP_RTSP_TCP="true",
                SecureRTSPStreaming="true",
                **({"RTSPWebSocketUri": socket} if offered else {}),
            ),
            SnapshotUri="true",
        ),
    )


def get_profiles(call: Call) -> Element:
    """The profiles; their configurations only as far as they are asked for."""
    token = text(call.arguments, "Token")
    types = {(node.text or "").strip() for node in children(call.arguments, "Type")}
    streams = [_existing(token)] if token else list(STREAMS)
    return element("tr2:GetProfilesResponse", *[_profile(call, s, types) for s in streams])


def get_video_source_configurations(call: Call) -> Element:  # noqa: ARG001
    """How the lens is used."""
    return element(
        "tr2:GetVideoSourceConfigurationsResponse", source_configuration("tr2:Configurations")
    )


def get_video_encoder_configurations(call: Call) -> Element:
    """How the picture is encoded, in each stream."""
    return element(
        "tr2:GetVideoEncoderConfigurationsResponse",
        *[_encoder(call, "tr2:Configurations", stream) for stream in STREAMS],
    )


def get_metadata_configurations(call: Call) -> Element:  # noqa: ARG001
    """What the metadata track carries."""
    configuration = metadata_configuration("tr2:Configurations")
    return element("tr2:GetMetadataConfigurationsResponse", configuration)


def get_stream_uri(call: Call) -> Element:
    """Where a profile's stream is played."""
    stream = _existing(text(call.arguments, "ProfileToken"))
    if text(call.arguments, "Protocol").endswith("Multicast"):
        reason = "no multicast address is configured"
        raise OnvifFault("Sender", "InvalidArgVal", "InvalidMulticastSettings", reason=reason)
    return element("tr2:GetStreamUriResponse", element("tr2:Uri", stream_uri(call, stream)))


def get_snapshot_uri(call: Call) -> Element:
    """Where a picture is fetched."""
    _existing(text(call.arguments, "ProfileToken"))
    return element("tr2:GetSnapshotUriResponse", element("tr2:Uri", snapshot_uri(call)))


def _existing(token: str) -> Stream:
    stream = stream_named(token)
    if stream is None:
        raise OnvifFault("Sender", "InvalidArgVal", "NoProfile", reason="no such profile")
    return stream


def _profile(call: Call, stream: Stream, types: set[str]) -> Element:
    configurations: list[Element] = []
    if types & {"All", "VideoSource"}:
        configurations.append(source_configuration("tr2:VideoSource"))
    if types & {"All", "VideoEncoder"}:
        configurations.append(_encoder(call, "tr2:VideoEncoder", stream))
    if stream.metadata and types & {"All", "Metadata"}:
        configurations.append(metadata_configuration("tr2:Metadata"))
    parts = [element("tr2:Name", stream.name)]
    if configurations:
        parts.append(element("tr2:Configurations", *configurations))
    return element("tr2:Profiles", *parts, token=stream.name, fixed="true")


def _encoder(call: Call, name: str, stream: Stream) -> Element:
    return element(
        name,
        element("tt:Name", f"{stream.name} encoder"),
        element("tt:UseCount", "1"),
        element("tt:Encoding", stream.codec),
        told_stream(call.camera, stream).resolution(),
        element(
            "tt:RateControl",
            element("tt:FrameRateLimit", str(FRAME_RATE)),
            element("tt:BitrateLimit", str(stream.kilobits)),
        ),
        element("tt:Quality", "3"),
        token=f"{stream.name}-encoder",
        GovLength=str(FRAME_RATE),
        Profile="Baseline" if stream.codec == "H264" else "Main",
    )


OPERATIONS: dict[str, Operation] = {
    "GetServiceCapabilities": get_service_capabilities,
    "GetProfiles": get_profiles,
    "GetVideoSourceConfigurations": get_video_source_configurations,
    "GetVideoEncoderConfigurations": get_video_encoder_configurations,
    "GetMetadataConfigurations": get_metadata_configurations,
    "GetStreamUri": get_stream_uri,
    "GetSnapshotUri": get_snapshot_uri,
}
