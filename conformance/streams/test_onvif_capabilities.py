"""STREAM-042: what a camera announces of its security over ONVIF is true."""

from __future__ import annotations

import re
from collections.abc import Iterator

from conformance.case import case
from conformance.verdict import Inconclusive
from devices.links.onvif.capabilities import OnvifCapabilities
from devices.links.ports.link import PortServices
from devices.links.tls.observation import TlsScan, TlsServer

_REDIRECT = re.compile(r"HTTP/\d\.\d 30[1278] ")


@case(
    "STREAM-042",
    severity="medium",
    needs=("onvif", "tls", "ports"),
    catches=("stream-onvif-capabilities-false", "stream-onvif-protocols-false"),
    applies_to=("onvif",),
)
def test_announced_security_is_true(
    onvif_capabilities: OnvifCapabilities, tls_scan: TlsScan, port_services: PortServices
) -> None:
    """The security that ONVIF announces is what the camera has.

    Method: read the security capabilities of the device service and of the Security Configuration
    service, the TLS versions that it says are enabled, the streaming capabilities of the media
    services, and GetNetworkProtocols. Compare them with the versions that the TLS endpoint of ONVIF
    accepts, with the logins that are asked for and taken, and with what answers on every open TCP
    port. A capability that is not spoken of is no statement. A version of TLS that is announced
    as enabled and not accepted leaves the verdict open; plain HTTP that only sends to another
    address does not count.
    Pass: no version of TLS is accepted that is not announced; no login is taken that is announced
    as unsupported; RTSP without TLS answers on no port, and plain HTTP on none, when
    GetNetworkProtocols does not name it; and where secure streaming is announced, a port has RTSP
    inside TLS.
    """
    said = onvif_capabilities
    servers = [s for s in tls_scan.servers if (s.host, s.port) == (said.host, said.port)]
    faults = [
        *(fault for server in servers for fault in _versions(said, server)),
        *_logins(said),
        *_ports(said, port_services),
        *_streaming(said, port_services),
    ]
    assert not faults, f"{'; '.join(faults)}."
    if not port_services.services:
        raise Inconclusive("no open port of the camera was named", "unreachable")
    if doubts := list(_doubts(said, servers)):
        raise Inconclusive(f"{'; '.join(doubts)}.", "insufficient")


def _versions(said: OnvifCapabilities, server: TlsServer) -> Iterator[str]:
    accepted = set(server.versions)
    for announced, how in (
        (said.supported_versions, "supported (TLSServerSupported)"),
        (said.enabled_versions, "enabled (GetEnabledTLSVersions)"),
    ):
        if announced is not None and (beyond := sorted(accepted - set(announced))):
            yield (
                f"{server.where} accepts {', '.join(beyond)}, and {', '.join(announced)} are "
                f"announced as {how}"
            )
    for version, supported in said.stated_versions.items():
        if not supported and version in accepted:
            yield f"{server.where} accepts {version}, which the device service says it does not"


def _logins(said: OnvifCapabilities) -> Iterator[str]:
    if said.logins.get("UsernameToken") is False and said.token_accepted:
        yield "A UsernameToken logs in, which the device service says it does not support"
    if said.logins.get("HttpDigest") is False and "DIGEST" in (said.challenges or ()):
        yield "HTTP digest is asked for, which the device service says it does not support"


def _ports(said: OnvifCapabilities, found: PortServices) -> Iterator[str]:
    if said.protocols is None:
        return
    named = {
        name: {port for p in said.protocols if p.name == name and p.enabled for port in p.ports}
        for name in ("HTTP", "RTSP")
    }
    rtsp = {s.port for s in found.services if s.protocol == "rtsp"}
    if beyond := sorted(rtsp - named["RTSP"]):
        ports = ", ".join(map(str, sorted(named["RTSP"]))) or "none"
        yield (
            f"RTSP without TLS answers on port {', '.join(map(str, beyond))}, and "
            f"GetNetworkProtocols names {ports}"
        )
    http = sorted(
        s.port for s in found.services if s.protocol == "http" and not _REDIRECT.match(s.words)
    )
    enabled = any(p.enabled and p.name == "HTTP" for p in said.protocols)
    if http and not enabled:
        yield (
            f"Plain HTTP answers on port {', '.join(map(str, http))}, and GetNetworkProtocols "
            "names none"
        )


def _streaming(said: OnvifCapabilities, found: PortServices) -> Iterator[str]:
    speaks = {service.protocol for service in found.services}
    if said.streaming.get("SecureRTSPStreaming") and speaks and "rtsps" not in speaks:
        unnamed = sorted(s.port for s in found.services if s.protocol in ("tls", "unknown"))
        if not unnamed:
            yield "SecureRTSPStreaming is announced, and no port has RTSP inside TLS"
    none = said.streaming.get("NoRTSPStreaming") or said.streaming.get("RTSPStreaming") is False
    if none and "rtsp" in speaks:
        yield "No RTSP streaming is announced, and a port answers RTSP without TLS"


def _doubts(said: OnvifCapabilities, servers: list[TlsServer]) -> Iterator[str]:
    spoken = said.stated_versions or said.supported_versions or said.enabled_versions
    if not spoken and not said.logins and not said.streaming and said.protocols is None:
        yield "the camera announces nothing of its security"
    if spoken and not servers:
        yield "versions of TLS are announced, and the ONVIF endpoint was not measured inside TLS"
    for server in servers:
        refused = [v for v in said.enabled_versions or () if v not in server.versions]
        if refused:
            yield f"{server.where} did not accept {', '.join(refused)}, announced as enabled"
    if said.protocols is None:
        yield "GetNetworkProtocols gives no answer to the test's account"
    if said.logins.get("HttpDigest") and said.challenges == ():
        yield "HTTP digest is announced, and a request without login was refused without asking it"
