"""What the device service says of the camera: who it is, its network, its users."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from devices.links.onvif import requests
from devices.links.onvif.observations import (
    NetworkInterface,
    OnvifDeviceInformation,
    OnvifNetwork,
    OnvifUser,
    OnvifUsers,
)
from devices.links.onvif.session import OnvifSession
from devices.protocols import soap


def device_information(session: OnvifSession) -> OnvifDeviceInformation:
    """Return what the camera says that it is. All here raise LinkError."""
    body = _answered(session, "GetDeviceInformation")
    return OnvifDeviceInformation(
        manufacturer=soap.text(body, "Manufacturer"),
        model=soap.text(body, "Model"),
        firmware_version=soap.text(body, "FirmwareVersion"),
        serial_number=soap.text(body, "SerialNumber"),
        hardware_id=soap.text(body, "HardwareId"),
    )


def network(session: OnvifSession) -> OnvifNetwork:
    """Return the network interfaces with their hardware addresses."""
    body = _answered(session, "GetNetworkInterfaces")
    return OnvifNetwork(
        interfaces=tuple(
            NetworkInterface(
                name=soap.text(node, "Info", "Name") or node.get("token", ""),
                mac=soap.text(node, "Info", "HwAddress"),
                addresses=tuple(
                    (address.text or "").strip()
                    for address in node.iter()
                    if soap.local(address) == "Address"
                ),
            )
            for node in soap.children(body, "NetworkInterfaces")
        )
    )


def users(session: OnvifSession) -> OnvifUsers:
    """Return the accounts that the camera lists."""
    body = _answered(session, "GetUsers")
    return OnvifUsers(
        users=tuple(
            OnvifUser(
                soap.text(node, "Username"),
                soap.text(node, "UserLevel"),
                password_shown=bool(soap.text(node, "Password")),
            )
            for node in soap.children(body, "User")
        )
    )


def _answered(session: OnvifSession, operation: str) -> Element:
    return session.call("device", requests.plain("device", operation)).demand(operation)
