"""Bodies of the ONVIF requests that the link sends."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from devices.protocols.onvif_operations import services
from devices.protocols.soap import element

PREFIXES = {"device": "tds", "media": "trt", "media2": "tr2", "events": "tev", "security": "tas"}

_LOGS = ("System", "Access")

STREAM_PROTOCOLS = {
    "media": ("UDP", "RTSP"),
    "media2": ("RtspsUnicast", "RtspUnicast", "RTSP"),
}
"""What a stream can be asked for, per service (Media, 5.15.1; Media2, 5.3.1)."""


OTHER_PROTOCOLS = {
    "media": ("multicast", "HTTP"),
    "media2": ("RtspMulticast", "RtspsMulticast", "RtspOverHttp"),
}
"""The rest of what a stream can be asked for: to many at once, and through the HTTP tunnel."""


def plain(service: str, operation: str) -> Element:
    """A request without arguments."""
    return element(f"{PREFIXES[service]}:{operation}")


def probe(service: str, operation: str, profile: str) -> Element:
    """A request that only reads; ``profile`` is used where one is needed."""
    if operation == "GetStreamUri":
        return stream_uri(service, profile, STREAM_PROTOCOLS[service][-1])
    if operation == "GetSnapshotUri":
        return snapshot_uri(service, profile)
    return plain(service, operation)


def get_services() -> Element:
    """GetServices without the capabilities of each."""
    return element("tds:GetServices", element("tds:IncludeCapability", "false"))


def get_capabilities() -> Element:
    """GetCapabilities of everything."""
    return element("tds:GetCapabilities", element("tds:Category", "All"))


def get_profiles(service: str) -> Element:
    """GetProfiles with the video encoder's configuration."""
    if service == "media2":
        return element("tr2:GetProfiles", element("tr2:Type", "VideoEncoder"))
    return plain(service, "GetProfiles")


def stream_uri(service: str, profile: str, protocol: str) -> Element:
    """GetStreamUri; ``protocol`` is one of STREAM_PROTOCOLS or OTHER_PROTOCOLS."""
    multicast = protocol == "multicast"
    if service == "media2":
        return element(
            "tr2:GetStreamUri",
            element("tr2:Protocol", protocol),
            element("tr2:ProfileToken", profile),
        )
    return element(
        "trt:GetStreamUri",
        element(
            "trt:StreamSetup",
            element("tt:Stream", "RTP-Multicast" if multicast else "RTP-Unicast"),
            element("tt:Transport", element("tt:Protocol", "UDP" if multicast else protocol)),
        ),
        element("trt:ProfileToken", profile),
    )


def snapshot_uri(service: str, profile: str) -> Element:
    """GetSnapshotUri."""
    prefix = PREFIXES[service]
    return element(f"{prefix}:GetSnapshotUri", element(f"{prefix}:ProfileToken", profile))


def create_pull_point() -> Element:
    """CreatePullPointSubscription for a minute, of everything that happens."""
    return element(
        "tev:CreatePullPointSubscription", element("tev:InitialTerminationTime", "PT60S")
    )


def pull_messages() -> Element:
    """PullMessages that waits for a second at most."""
    return element(
        "tev:PullMessages", element("tev:Timeout", "PT1S"), element("tev:MessageLimit", "10")
    )


def unsubscribe() -> Element:
    """Unsubscribe (WS-BaseNotification 1.3, 6.1.2)."""
    return element("wsnt:Unsubscribe")


def replay_uri(token: str) -> Element:
    """GetReplayUri."""
    transport = element("tt:Transport", element("tt:Protocol", "RTSP"))
    return element(
        "trp:GetReplayUri",
        element("trp:StreamSetup", element("tt:Stream", "RTP-Unicast"), transport),
        element("trp:RecordingToken", token),
    )


def create_user(name: str, password: str, level: str) -> Element:
    """CreateUsers for one user."""
    return element(
        "tds:CreateUsers",
        element(
            "tds:User",
            element("tt:Username", name),
            element("tt:Password", password),
            element("tt:UserLevel", level),
        ),
    )


def set_user(name: str, password: str, level: str) -> Element:
    """SetUser for one user."""
    return element(
        "tds:SetUser",
        element(
            "tds:User",
            element("tt:Username", name),
            element("tt:Password", password),
            element("tt:UserLevel", level),
        ),
    )


def telling() -> list[Element]:
    """Requests that only read, for what may hold secrets: users and logs."""
    logs = (element("tds:GetSystemLog", element("tds:LogType", kind)) for kind in _LOGS)
    return [plain("device", "GetUsers"), *logs, plain("device", "GetSystemUris")]


def delete_user(name: str) -> Element:
    """DeleteUsers for one user."""
    return element("tds:DeleteUsers", element("tds:Username", name))


def factory_default(*, hard: bool) -> Element:
    """SetSystemFactoryDefault."""
    kind = element("tds:FactoryDefault", "Hard" if hard else "Soft")
    return element("tds:SetSystemFactoryDefault", kind)


def service_name(namespace: str) -> str:
    """``device``, ``media``, ...; empty for a service that is not in the table."""
    return next((n for n, s in services().items() if s.namespace == namespace), "")
