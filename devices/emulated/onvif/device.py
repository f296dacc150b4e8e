"""Operations of the ONVIF device service: what the camera is, and its state as a whole."""

from __future__ import annotations

import json
from urllib.parse import quote
from xml.etree.ElementTree import Element

from devices.emulated.addresses import PORTS
from devices.emulated.onvif.call import Call, OnvifFault, Operation
from devices.emulated.onvif.security import told_versions
from devices.protocols.onvif_operations import services
from devices.protocols.soap import element, text

VERSION = ("26", "6")
_LOG_LINES = 200
_EVENTS = tuple(
    element(f"tt:{name}", value)
    for name, value in (
        ("WSSubscriptionPolicySupport", "false"),
        ("WSPullPointSupport", "true"),
        ("WSPausableSubscriptionManagerInterfaceSupport", "false"),
    )
)


def get_system_date_and_time(call: Call) -> Element:
    """The clock, which clients need before they can log in."""
    now = call.camera.clock.now()
    time = [element(f"tt:{n.title()}", str(getattr(now, n))) for n in ("hour", "minute", "second")]
    date = [element(f"tt:{n.title()}", str(getattr(now, n))) for n in ("year", "month", "day")]
    return element(
        "tds:GetSystemDateAndTimeResponse",
        element(
            "tds:SystemDateAndTime",
            element("tt:DateTimeType", "NTP"),
            element("tt:DaylightSavings", "false"),
            element("tt:TimeZone", element("tt:TZ", "UTC0")),
            element("tt:UTCDateTime", element("tt:Time", *time), element("tt:Date", *date)),
        ),
    )


def get_services(call: Call) -> Element:
    """Namespace and address of each service, with its capabilities where they are asked for."""
    wanted = text(call.arguments, "IncludeCapability") == "true"
    found = [
        element(
            "tds:Service",
            element("tds:Namespace", definition.namespace),
            element("tds:XAddr", address(call, name)),
            *([_included(call, name)] if wanted else []),
            element(
                "tds:Version", element("tt:Major", VERSION[0]), element("tt:Minor", VERSION[1])
            ),
        )
        for name, definition in services().items()
    ]
    return element("tds:GetServicesResponse", *found)


def _included(call: Call, name: str) -> Element:
    """What GetServiceCapabilities of a service answers, inside GetServices (Core, 8.1.2.2)."""
    answer = call.capabilities[name](call)
    assert isinstance(answer, Element)  # none of them waits for anything
    return element("tds:Capabilities", *answer)


def get_capabilities(call: Call) -> Element:
    """The old way to ask for services: device, events and media."""
    flags = ("DiscoveryResolve", "DiscoveryBye", "RemoteDiscovery", "SystemBackup")
    system = element(
        "tt:System",
        *[element(f"tt:{flag}", "false") for flag in flags],
        element("tt:SystemLogging", "true"),
        element("tt:FirmwareUpgrade", "true"),
        element("tt:SupportedVersions", element("tt:Major", VERSION[0]), element("tt:Minor", "0")),
    )
    streaming = element(
        "tt:StreamingCapabilities",
        element("tt:RTPMulticast", "false"),
        element("tt:RTP_TCP", "true"),
        element("tt:RTP_RTSP_TCP", "true"),
    )
    return element(
        "tds:GetCapabilitiesResponse",
        element(
            "tds:Capabilities",
            element("tt:Device", element("tt:XAddr", address(call, "device")), system),
            element("tt:Events", element("tt:XAddr", address(call, "events")), *_EVENTS),
            element("tt:Media", element("tt:XAddr", address(call, "media")), streaming),
        ),
    )


def get_service_capabilities(call: Call) -> Element:
    """What the device service can do."""
    tls = told_versions(call.camera.posture)
    return element(
        "tds:GetServiceCapabilitiesResponse",
        element(
            "tds:Capabilities",
            element("tds:Network", NTP="0", HostnameFromDHCP="false"),
            element(
                "tds:Security",
                UsernameToken="true",
                HttpDigest="true",
                DefaultAccessPolicy="true",
                MaxUsers="32",
                **{f"TLS{v}": str(v in tls).lower() for v in ("1.0", "1.1", "1.2")},
            ),
            element("tds:System", HttpFirmwareUpgrade="true", SystemLogging="true"),
        ),
    )


def get_device_information(call: Call) -> Element:
    """Manufacturer, model, firmware, serial number, hardware."""
    what = call.camera.reported
    return element(
        "tds:GetDeviceInformationResponse",
        element("tds:Manufacturer", what.manufacturer),
        element("tds:Model", what.model),
        element("tds:FirmwareVersion", what.firmware_version),
        element("tds:SerialNumber", what.serial),
        element("tds:HardwareId", what.hardware),
    )


def get_scopes(call: Call) -> Element:
    """How the camera introduces itself to discovery."""
    what = call.camera.reported
    items = (
        "type/video_encoder",
        "Profile/T",
        f"name/{quote(what.brand, safe='')}",
        f"hardware/{quote(what.model, safe='')}",
    )
    scopes = [
        element(
            "tds:Scopes",
            element("tt:ScopeDef", "Fixed"),
            element("tt:ScopeItem", f"onvif://www.onvif.org/{item}"),
        )
        for item in items
    ]
    return element("tds:GetScopesResponse", *scopes)


def get_system_log(call: Call) -> Element:
    """The newest lines of the audit log."""
    entries = call.camera.audit.entries()[-_LOG_LINES:]
    lines = [" ".join(str(value) for value in entry.values() if value) for entry in entries]
    log = element("tds:SystemLog", element("tt:String", "\n".join(lines)))
    return element("tds:GetSystemLogResponse", log)


def get_system_support_information(call: Call) -> Element:
    """What the maker's service desk asks for: settings and users, without secrets."""
    accounts = call.camera.accounts
    rows = [{"username": user.name, "role": user.role} for user in accounts.users()]
    if call.camera.posture.onvif_support_passwords:
        rows = [row | {"password": accounts.password(row["username"]) or ""} for row in rows]
    report = json.dumps({"settings": call.camera.settings.as_dict(), "users": rows})
    told = element("tds:SupportInformation", element("tt:String", report))
    return element("tds:GetSystemSupportInformationResponse", told)


def system_reboot(call: Call) -> Element:
    """Restart the camera."""
    call.camera.audit.write("reboot", user=call.caller.name if call.caller else "")
    call.camera.request_reboot()
    return element("tds:SystemRebootResponse", element("tds:Message", "Restarting"))


def set_system_factory_default(call: Call) -> Element:
    """Erase what was set up; Soft and Hard do the same here, the address is not a setting."""
    if text(call.arguments, "FactoryDefault") not in {"Soft", "Hard"}:
        raise OnvifFault("Sender", "InvalidArgVal", reason="FactoryDefault is Soft or Hard")
    call.camera.audit.write("factory-reset", user=call.caller.name if call.caller else "")
    call.camera.request_factory_reset()
    return element("tds:SetSystemFactoryDefaultResponse")


def address(call: Call, service: str) -> str:
    """The address of one of the camera's ONVIF services, as the posture has it."""
    servers = {
        "https": f"https://{call.authority}",
        "http": f"http://{call.camera.address}:{PORTS['http']}",
        "elsewhere": "https://192.0.2.77",  # of a network for documentation: nobody's
    }
    return f"{servers[call.camera.posture.onvif_xaddr]}/onvif/{service}_service"


OPERATIONS: dict[str, Operation] = {
    "GetSystemDateAndTime": get_system_date_and_time,
    "GetServices": get_services,
    "GetCapabilities": get_capabilities,
    "GetServiceCapabilities": get_service_capabilities,
    "GetDeviceInformation": get_device_information,
    "GetScopes": get_scopes,
    "GetSystemLog": get_system_log,
    "GetSystemSupportInformation": get_system_support_information,
    "SystemReboot": system_reboot,
    "SetSystemFactoryDefault": set_system_factory_default,
}
