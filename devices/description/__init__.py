"""The device file: one TOML per camera, validated.

It identifies the camera, says who authorised the test, how the bench reaches it, which accounts
the test may use, what the manufacturer declares (ICS and IXIT of ETSI TS 103 701) and where its
papers are. Relative paths are relative to the device file. ``devices.device_file`` reads it.
"""

from devices.description.bench import (
    Bench,
    BenchCommand,
    CaptureMethod,
    Clock,
    Gateway,
    Power,
    SceneControl,
    SocketAddress,
    StorageMedium,
    TrustedCertificate,
)
from devices.description.declared import (
    TLS_PROTOCOLS,
    ApiResource,
    Declared,
    Lockout,
    NotApplicable,
    Outbound,
    PasswordRule,
    Service,
    Storage,
    Update,
)
from devices.description.file import DeviceFile, Documents
from devices.description.links import (
    Computed,
    HttpChallenge,
    HttpCsrf,
    HttpLink,
    HttpToken,
    Links,
    OnvifLink,
    Operation,
    RtspLink,
    SerialLink,
    SshLink,
    UploadOperation,
)
from devices.description.parts import Intrusion, NamedFile, Part, Port, Role, Secret, Transport
from devices.description.streams import MediaTransport, Stream, WebContainer
from devices.description.unit import Account, Authorisation, Device, Factory, Firmware

__all__ = [
    "TLS_PROTOCOLS",
    "Account",
    "ApiResource",
    "Authorisation",
    "Bench",
    "BenchCommand",
    "CaptureMethod",
    "Clock",
    "Computed",
    "Declared",
    "Device",
    "DeviceFile",
    "Documents",
    "Factory",
    "Firmware",
    "Gateway",
    "HttpChallenge",
    "HttpCsrf",
    "HttpLink",
    "HttpToken",
    "Intrusion",
    "Links",
    "Lockout",
    "MediaTransport",
    "NamedFile",
    "NotApplicable",
    "OnvifLink",
    "Operation",
    "Outbound",
    "Part",
    "PasswordRule",
    "Port",
    "Power",
    "Role",
    "RtspLink",
    "SceneControl",
    "Secret",
    "SerialLink",
    "Service",
    "SocketAddress",
    "SshLink",
    "Storage",
    "StorageMedium",
    "Stream",
    "Transport",
    "TrustedCertificate",
    "Update",
    "UploadOperation",
    "WebContainer",
]
