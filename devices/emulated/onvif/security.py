"""Operations of the ONVIF Security Configuration service: what is said of the camera's TLS."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from devices.emulated.onvif.call import Call, Operation
from devices.emulated.posture import Posture
from devices.protocols.soap import element

_VERSIONS = ("1.0", "1.1", "1.2", "1.3")
_LOWEST = {"TLSv1": "1.0", "TLSv1.1": "1.1", "TLSv1.2": "1.2"}


def told_versions(posture: Posture) -> tuple[str, ...]:
    """The TLS versions that the camera says it accepts, which are those that it does."""
    lowest = _LOWEST[posture.tls_minimum] if posture.onvif_capabilities_true else "1.2"
    return _VERSIONS[_VERSIONS.index(lowest) :]


def get_service_capabilities(call: Call) -> Element:
    """What the service can do: it tells, and configures nothing."""
    server = element(
        "tas:TLSServerCapabilities",
        TLSServerSupported=" ".join(told_versions(call.camera.posture)),
        EnabledVersionsSupported="true",
        MaximumNumberOfTLSCertificationPaths="1",
    )
    capabilities = element("tas:Capabilities", element("tas:KeystoreCapabilities"), server)
    return element("tas:GetServiceCapabilitiesResponse", capabilities)


def get_enabled_tls_versions(call: Call) -> Element:
    """The TLS versions that are switched on."""
    versions = " ".join(told_versions(call.camera.posture))
    return element("tas:GetEnabledTLSVersionsResponse", element("tas:Versions", versions))


OPERATIONS: dict[str, Operation] = {
    "GetServiceCapabilities": get_service_capabilities,
    "GetEnabledTLSVersions": get_enabled_tls_versions,
}
