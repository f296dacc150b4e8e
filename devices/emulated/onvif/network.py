"""Operations of the ONVIF device service that concern the network."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from devices.emulated.addresses import PORTS
from devices.emulated.onvif.call import Call, OnvifFault, Operation
from devices.emulated.settings import SettingsError
from devices.protocols.soap import element, text


def get_hostname(call: Call) -> Element:
    """The camera's name."""
    name = element("tt:Name", call.camera.settings.hostname)
    information = element("tds:HostnameInformation", element("tt:FromDHCP", "false"), name)
    return element("tds:GetHostnameResponse", information)


def set_hostname(call: Call) -> Element:
    """Give the camera another name."""
    try:
        call.camera.settings.update({"hostname": text(call.arguments, "Name")})
    except SettingsError as error:
        raise OnvifFault("Sender", "InvalidArgVal", "InvalidHostname", reason=str(error)) from error
    return element("tds:SetHostnameResponse")


def get_network_interfaces(call: Call) -> Element:
    """The one interface, with its hardware address."""
    camera = call.camera
    manual = element(
        "tt:Manual", element("tt:Address", camera.address), element("tt:PrefixLength", "8")
    )
    interface = element(
        "tds:NetworkInterfaces",
        element("tt:Enabled", "true"),
        element(
            "tt:Info",
            element("tt:Name", "eth0"),
            element("tt:HwAddress", camera.reported.mac),
            element("tt:MTU", "1500"),
        ),
        element(
            "tt:IPv4",
            element("tt:Enabled", "true"),
            element("tt:Config", manual, element("tt:DHCP", "false")),
        ),
        token="eth0",  # noqa: S106 - a name
    )
    return element("tds:GetNetworkInterfacesResponse", interface)


def get_network_protocols(call: Call) -> Element:
    """The protocols that have a place in this answer: HTTP, HTTPS and RTSP (with TLS)."""
    posture = call.camera.posture
    plain_rtsp = posture.rtsp_plain_port and posture.onvif_capabilities_true
    rows = [
        ("HTTP", PORTS["http"]),
        ("HTTPS", PORTS["https"]),
        ("RTSP", PORTS["rtsp"] if plain_rtsp else PORTS["rtsps"]),
    ]
    found = [
        element(
            "tds:NetworkProtocols",
            element("tt:Name", name),
            element("tt:Enabled", "true"),
            element("tt:Port", str(port)),
        )
        for name, port in rows
    ]
    return element("tds:GetNetworkProtocolsResponse", *found)


OPERATIONS: dict[str, Operation] = {
    "GetHostname": get_hostname,
    "SetHostname": set_hostname,
    "GetNetworkInterfaces": get_network_interfaces,
    "GetNetworkProtocols": get_network_protocols,
}
