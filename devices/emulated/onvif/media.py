"""Operations of the ONVIF media service. Media knows no H.265: the sub stream is media2's alone."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from devices.emulated.onvif.call import Call, OnvifFault, Operation
from devices.emulated.onvif.streams import (
    FRAME_RATE,
    SOURCE,
    STREAMS,
    Stream,
    metadata_configuration,
    no_multicast,
    snapshot_uri,
    source_configuration,
    stream_named,
    stream_uri,
    told_stream,
)
from devices.protocols.soap import element, text

_H264 = tuple(stream for stream in STREAMS if stream.codec == "H264")


def get_service_capabilities(call: Call) -> Element:  # noqa: ARG001 - every operation gets a call
    """What the media service can do."""
    return element(
        "trt:GetServiceCapabilitiesResponse",
        element(
            "trt:Capabilities",
            element("trt:ProfileCapabilities", MaximumNumberOfProfiles="1"),
            element("trt:StreamingCapabilities", RTP_RTSP_TCP="true", RTPMulticast="false"),
            SnapshotUri="true",
        ),
    )


def get_profiles(call: Call) -> Element:
    """All profiles."""
    profiles = [_profile(call, "trt:Profiles", stream) for stream in _H264]
    return element("trt:GetProfilesResponse", *profiles)


def get_profile(call: Call) -> Element:
    """One profile."""
    return element("trt:GetProfileResponse", _profile(call, "trt:Profile", _wanted(call)))


def get_video_sources(call: Call) -> Element:  # noqa: ARG001
    """The one lens."""
    main = STREAMS[0]
    resolution = element(
        "tt:Resolution",
        element("tt:Width", str(main.width)),
        element("tt:Height", str(main.height)),
    )
    rate = element("tt:Framerate", str(FRAME_RATE))
    source = element("trt:VideoSources", rate, resolution, token=SOURCE)
    return element("trt:GetVideoSourcesResponse", source)


def get_video_source_configurations(call: Call) -> Element:  # noqa: ARG001
    """How the lens is used."""
    return element(
        "trt:GetVideoSourceConfigurationsResponse", source_configuration("trt:Configurations")
    )


def get_video_encoder_configurations(call: Call) -> Element:
    """How the picture is encoded."""
    return element(
        "trt:GetVideoEncoderConfigurationsResponse",
        *[_encoder(call, "trt:Configurations", stream) for stream in _H264],
    )


def get_stream_uri(call: Call) -> Element:
    """Where a profile's stream is played."""
    if text(call.arguments, "StreamSetup", "Stream") == "RTP-Multicast":
        reason = "no multicast address is configured"
        raise OnvifFault("Sender", "InvalidArgVal", "InvalidMulticastSettings", reason=reason)
    return _media_uri("trt:GetStreamUriResponse", stream_uri(call, _wanted(call)))


def get_snapshot_uri(call: Call) -> Element:
    """Where a picture is fetched."""
    _wanted(call)
    return _media_uri("trt:GetSnapshotUriResponse", snapshot_uri(call))


def _media_uri(response: str, uri: str) -> Element:
    media_uri = element(
        "trt:MediaUri",
        element("tt:Uri", uri),
        element("tt:InvalidAfterConnect", "false"),
        element("tt:InvalidAfterReboot", "false"),
        element("tt:Timeout", "PT0S"),
    )
    return element(response, media_uri)


def _wanted(call: Call) -> Stream:
    stream = stream_named(text(call.arguments, "ProfileToken"))
    if stream not in _H264:
        raise OnvifFault("Sender", "InvalidArgVal", "NoProfile", reason="no such profile")
    return stream


def get_metadata_configurations(call: Call) -> Element:  # noqa: ARG001
    """What the metadata track carries."""
    configuration = metadata_configuration("trt:Configurations")
    return element("trt:GetMetadataConfigurationsResponse", configuration)


def _profile(call: Call, name: str, stream: Stream) -> Element:
    metadata = [metadata_configuration("tt:MetadataConfiguration")] if stream.metadata else []
    return element(
        name,
        element("tt:Name", stream.name),
        source_configuration("tt:VideoSourceConfiguration"),
        _encoder(call, "tt:VideoEncoderConfiguration", stream),
        *metadata,
        token=stream.name,
        fixed="true",
    )


def _encoder(call: Call, name: str, stream: Stream) -> Element:
    return element(
        name,
        element("tt:Name", f"{stream.name} encoder"),
        element("tt:UseCount", "1"),
        element("tt:Encoding", "H264"),
        told_stream(call.camera, stream).resolution(),
        element("tt:Quality", "3"),
        element(
            "tt:RateControl",
            element("tt:FrameRateLimit", str(FRAME_RATE)),
            element("tt:EncodingInterval", "1"),
            element("tt:BitrateLimit", str(stream.kilobits)),
        ),
        element(
            "tt:H264",
            element("tt:GovLength", str(FRAME_RATE)),
            element("tt:H264Profile", "Baseline"),
        ),
        no_multicast(),
        element("tt:SessionTimeout", "PT60S"),
        token=f"{stream.name}-encoder",
    )


OPERATIONS: dict[str, Operation] = {
    "GetServiceCapabilities": get_service_capabilities,
    "GetProfiles": get_profiles,
    "GetProfile": get_profile,
    "GetVideoSources": get_video_sources,
    "GetVideoSourceConfigurations": get_video_source_configurations,
    "GetVideoEncoderConfigurations": get_video_encoder_configurations,
    "GetMetadataConfigurations": get_metadata_configurations,
    "GetStreamUri": get_stream_uri,
    "GetSnapshotUri": get_snapshot_uri,
}
