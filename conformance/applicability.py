"""What the device file must declare for a test case to apply.

NOT_APPLICABLE comes from the declaration alone. That a service declared absent is truly absent is
itself tested: what the port sweep finds and the device file does not declare fails BACKDOOR-001.
"""

from __future__ import annotations

from collections.abc import Callable

from conformance.verdict import NotApplicable
from devices.description import DeviceFile


def declares_service(device: DeviceFile, protocol: str) -> bool:
    """Whether a service of this protocol is declared, or a link of this name given."""
    declared = any(service.protocol == protocol for service in device.declared.services)
    return declared or getattr(device.links, protocol, None) is not None


def needs_service(device: DeviceFile, protocol: str) -> None:
    """Raise NotApplicable when no service of this protocol is declared and no link given."""
    if not declares_service(device, protocol):
        raise NotApplicable(f"the device file declares no {protocol} service")


def _service(protocol: str) -> Callable[[DeviceFile], str]:
    def absent(device: DeviceFile) -> str:
        declared = declares_service(device, protocol)
        return "" if declared else f"the device file declares no {protocol} service"

    return absent


def _web(device: DeviceFile) -> str:
    kinds = ("http", "https", "http-redirect")
    declared = any(declares_service(device, kind) for kind in kinds)
    return "" if declared else "the device file declares no web interface"


def _users(device: DeviceFile) -> str:
    if not _web(device) or declares_service(device, "onvif"):
        return ""
    return "the device file declares no web interface and no ONVIF, which administer users"


def _initial_password(device: DeviceFile) -> str:
    """Whether one is found where none is declared is seen in the factory state (CRED-001)."""
    if device.factory.password is not None or not device.declared.passwords.user_set:
        return ""
    return "the device file declares that users set every password, and gives no initial one"


def _first_use(device: DeviceFile) -> str:
    """What there is to ask before a password is set, besides the web interface as nobody."""
    if declares_service(device, "onvif") or not (why := _initial_password(device)):
        return ""
    return f"{why}; it declares no ONVIF, and what the web opens to nobody is judged by CRED-001"


def _streams(device: DeviceFile) -> str:
    played = any(s.over_rtsp or s.web_container == "mjpeg" for s in device.declared.streams)
    return "" if played else "the device file declares no stream over RTSP, and no MJPEG"


def _web_media(device: DeviceFile) -> str:
    if any(not stream.over_rtsp for stream in device.declared.streams) or not _web(device):
        return ""
    return "the device file declares no web interface and no video over HTTP or WebSocket"


def _rtsp_streams(device: DeviceFile) -> str:
    declared = any(stream.over_rtsp for stream in device.declared.streams)
    return "" if declared else "the device file declares no RTSP stream"


def _rtsp(device: DeviceFile) -> str:
    served = any(service.protocol in ("rtsp", "rtsps") for service in device.declared.services)
    declared = served or not _rtsp_streams(device)
    return "" if declared else "the device file declares no RTSP stream and no RTSP service"


def _pictures(device: DeviceFile) -> str:
    over_http = any(stream.web_container == "mjpeg" for stream in device.declared.streams)
    if over_http or not _web(device) or declares_service(device, "onvif"):
        return ""
    return "the device file declares no web interface, no ONVIF and no MJPEG over HTTP"


def _srtp(device: DeviceFile) -> str:
    if absent := _rtsp_streams(device):
        return absent
    offered = {name for stream in device.declared.streams for name in stream.transports}
    if any(name.startswith("srtp") for name in offered):
        return ""
    return "the device file declares no stream with an SRTP transport"


def _backchannel(device: DeviceFile) -> str:
    for stream in device.declared.streams:
        secure = any(transport.startswith("srtp") for transport in stream.transports)
        if stream.over_rtsp and stream.backchannel and secure:
            return ""
    return "the device file declares no audio back channel of a stream with SRTP"


def _update(device: DeviceFile) -> str:
    return "" if device.declared.update else "the device file declares no update mechanism"


def _tls_clients(device: DeviceFile) -> str:
    """With a gateway the test case looks itself whether there truly is none."""
    declared = any(e.over_tls or e.over_datagram_tls for e in device.declared.outbound)
    if declared or device.bench.gateway is not None:
        return ""
    return "the device file declares no endpoint that the camera contacts with TLS"


def _encrypted_storage(device: DeviceFile) -> str:
    """Without declared storage, a medium that the bench can read is looked at all the same."""
    kept = [entry for entry in device.declared.storage if entry.kind in ("sd-card", "internal")]
    if not kept and device.bench.storage is not None:
        return ""
    if not kept:
        return "the device file declares no storage on the camera"
    encrypted = any(entry.encrypted for entry in kept)
    return "" if encrypted else "the device file declares the storage as not encrypted"


CONDITIONS: dict[str, Callable[[DeviceFile], str]] = {
    "http": _web,
    "onvif": _service("onvif"),
    "ssh": _service("ssh"),
    "users": _users,
    "initial-password": _initial_password,
    "first-use": _first_use,
    "streams": _streams,
    "rtsp-streams": _rtsp_streams,
    "rtsp": _rtsp,
    "pictures": _pictures,
    "srtp": _srtp,
    "srtp-backchannel": _backchannel,
    "web-media": _web_media,
    "update": _update,
    "tls-clients": _tls_clients,
    "encrypted-storage": _encrypted_storage,
}
"""Name of a condition -> function that returns why it is absent, or an empty text."""


def absence(device: DeviceFile, case_id: str, conditions: tuple[str, ...]) -> str:
    """Why a test case does not apply to this camera, or an empty text when it does."""
    for entry in device.declared.not_applicable:
        if entry.case == case_id:
            return f"declared not applicable: {entry.reason}"
    return next((why for name in conditions if (why := CONDITIONS[name](device))), "")
