"""What a camera says over ONVIF of its own security: TLS, logins, streaming, network protocols."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from devices.errors import Garbled
from devices.links.onvif import requests
from devices.links.onvif.observations import Outcome
from devices.links.onvif.session import OnvifSession
from devices.observation import Observation
from devices.protocols import soap
from devices.protocols.digest import parse_challenges

MAX_PROTOCOLS = 64


@dataclass(frozen=True)
class NetworkProtocol:
    """One entry of GetNetworkProtocols; ``name`` in upper case: HTTP, HTTPS, RTSP."""

    name: str
    enabled: bool
    ports: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class OnvifCapabilities(Observation):
    """What the camera announces; what it does not speak of is missing, and is no statement.

    ``host`` and ``port`` are the entry point's, ``protection`` that of the connection (``none``
    without TLS). ``stated_versions``: version of TLS -> supported or not, by the device service;
    ``supported_versions`` and ``enabled_versions``: by the Security Configuration service, None
    where it does not say. ``logins``: UsernameToken, HttpDigest -> supported or not.
    ``streaming``: capability -> supported or not, of every media service that says so.
    ``protocols``: GetNetworkProtocols, None where it is not answered.

    Seen beside: ``challenges`` are the schemes that an operation with login asks for (``DIGEST``),
    None where none asks; ``token_accepted`` whether a UsernameToken logs in.
    """

    host: str
    port: int
    protection: str
    stated_versions: Mapping[str, bool] = field(default_factory=dict)
    supported_versions: tuple[str, ...] | None = None
    enabled_versions: tuple[str, ...] | None = None
    logins: Mapping[str, bool] = field(default_factory=dict)
    streaming: Mapping[str, bool] = field(default_factory=dict)
    protocols: tuple[NetworkProtocol, ...] | None = None
    challenges: tuple[str, ...] | None = None
    token_accepted: bool | None = None


def read_capabilities(session: OnvifSession) -> OnvifCapabilities:
    """Read every statement, as the session's account where that is needed."""
    security = _section(session, "device", "Security")
    server = _section(session, "security", "TLSServerCapabilities")
    enabled = None
    if session.address("security") is not None:
        enabled = session.call("security", requests.plain("security", "GetEnabledTLSVersions")).body
    challenges, token = _logins_seen(session)
    listed = session.call("device", requests.plain("device", "GetNetworkProtocols"))
    return OnvifCapabilities(
        host=session.server.host,
        port=session.server.port,
        protection=session.protection.label,
        stated_versions=dict(_stated_versions(security)),
        supported_versions=_versions(server.get("TLSServerSupported"))
        if server is not None
        else None,
        enabled_versions=_versions(soap.text(enabled, "Versions")) if enabled is not None else None,
        logins=_booleans(security, ("UsernameToken", "HttpDigest")),
        streaming=_streaming(session),
        protocols=tuple(_protocols(listed.body)) if listed.body is not None else None,
        challenges=challenges,
        token_accepted=token,
    )


def _section(session: OnvifSession, service: str, name: str) -> Element | None:
    """A part of what GetServiceCapabilities answers; None where there is none."""
    if service != "device" and session.address(service) is None:
        return None
    reply = session.before_login(requests.plain(service, "GetServiceCapabilities"), service)
    if reply.body is None:
        return None
    return next((node for node in reply.body.iter() if soap.local(node) == name), None)


def _streaming(session: OnvifSession) -> dict[str, bool]:
    """Capabilities of streaming; what either media service says yes to is said yes to."""
    found: dict[str, bool] = {}
    for service in ("media", "media2"):
        section = _section(session, service, "StreamingCapabilities")
        names = ("RTSPStreaming", "NoRTSPStreaming", "SecureRTSPStreaming", "RTPMulticast")
        for name, value in _booleans(section, names).items():
            found[name] = found.get(name, False) or value
    return found


def read_websockets(session: OnvifSession) -> tuple[str, ...]:
    """Every RTSPWebSocketUri that the media services announce."""
    sections = [_section(session, s, "StreamingCapabilities") for s in ("media", "media2")]
    found = [node.get("RTSPWebSocketUri", "").strip() for node in sections if node is not None]
    return tuple(dict.fromkeys(uri for uri in found if uri))


def _logins_seen(session: OnvifSession) -> tuple[tuple[str, ...] | None, bool | None]:
    """The schemes that are asked for, and whether a token was taken; None where nothing tells."""
    gate = requests.plain("device", "GetNetworkInterfaces")
    refused = session.client.call(session.path("device"), gate)
    if refused.outcome is not Outcome.NOT_AUTHORISED:
        return None, None
    try:
        offered = parse_challenges(refused.challenges)
    except Garbled:
        offered = []
    accepted = session.call("device", gate).outcome is Outcome.DATA
    token = session.client.scheme == "UsernameToken" if accepted else None
    return tuple(sorted({challenge.scheme.upper() for challenge in offered})), token


def _stated_versions(security: Element | None) -> Iterator[tuple[str, bool]]:
    for name, value in _booleans(security, ("TLS1.0", "TLS1.1", "TLS1.2")).items():
        yield f"TLS {name.removeprefix('TLS')}", value


def _booleans(node: Element | None, names: tuple[str, ...]) -> dict[str, bool]:
    """Attributes that are xs:boolean, as far as they are there and well written."""
    values = {"true": True, "1": True, "false": False, "0": False}
    found = {name: node.get(name, "").strip().lower() if node is not None else "" for name in names}
    return {name: values[written] for name, written in found.items() if written in values}


def _versions(written: str | None) -> tuple[str, ...] | None:
    """``1.2 1.3`` as labels of the TLS link; None where nothing is written."""
    if not written or not written.strip():
        return None
    parts = re.findall(r"(?<![\d.])\d\.\d(?![\d.])", written)
    return tuple(dict.fromkeys(f"TLS {part}" for part in parts)) or None


def _protocols(body: Element) -> Iterator[NetworkProtocol]:
    for node in soap.children(body, "NetworkProtocols")[:MAX_PROTOCOLS]:
        ports = [(port.text or "").strip() for port in soap.children(node, "Port")]
        yield NetworkProtocol(
            soap.text(node, "Name").upper(),
            soap.text(node, "Enabled").lower() in {"true", "1"},
            tuple(int(p) for p in ports if p.isascii() and p.isdigit() and len(p) < 6),
        )
