"""The TLS endpoints that a device file declares or leads to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from devices.description import DeviceFile, Service

_OWN_ENCRYPTION = frozenset({"ssh", "sftp", "srtp", "ipsec", "wireguard"})
"""Encrypted protocols that do not run inside TLS."""

_DEFAULT_PORTS = {"https": 443, "rtsps": 322, "wss": 443}


@dataclass(frozen=True)
class TlsEndpoint:
    """One address to judge. ``trust``: PEM of the authority that is declared for it."""

    name: str
    protocol: str
    host: str
    port: int
    trust: Path | None = None


def tls_endpoints(device: DeviceFile) -> list[TlsEndpoint]:
    """Every declared encrypted TCP service with TLS, and what links and streams lead to."""
    found: dict[tuple[str, int], TlsEndpoint] = {}
    for endpoint in (*_services(device), *_urls(device)):
        found.setdefault((endpoint.host, endpoint.port), endpoint)
    return list(found.values())


def _services(device: DeviceFile) -> Iterator[TlsEndpoint]:
    for service in device.declared.services:
        listening = service.on and service.transport == "tcp"
        if listening and service.encrypted and service.protocol not in _OWN_ENCRYPTION:
            yield from _of_service(device, service)


def _of_service(device: DeviceFile, service: Service) -> Iterator[TlsEndpoint]:
    host = service.host or _default_host(device, service.protocol)
    trust = _trust(device, service.protocol)
    for port in range(service.port, (service.last_port or service.port) + 1):
        yield TlsEndpoint(service.name, service.protocol, host, port, trust)


def _urls(device: DeviceFile) -> Iterator[TlsEndpoint]:
    http, onvif = device.links.http, device.links.onvif
    urls = [
        ("web interface", http.url if http else ""),
        ("ONVIF", onvif.url if onvif else ""),
        *((f"stream {stream.name}", stream.url) for stream in device.declared.streams),
        *((f"stream {s.name}", s.websocket_url or "") for s in device.declared.streams),
    ]
    for name, url in urls:
        parts = urlsplit(url)
        if parts.scheme in _DEFAULT_PORTS and parts.hostname:
            port = parts.port or _DEFAULT_PORTS[parts.scheme]
            trust = _trust(device, parts.scheme)
            yield TlsEndpoint(name, parts.scheme, parts.hostname, port, trust)


def _default_host(device: DeviceFile, protocol: str) -> str:
    """The host of the link that uses the protocol, else of any link."""
    urls = [stream.url for stream in device.declared.streams]
    links = [link.url for link in (device.links.http, device.links.onvif) if link is not None]
    ordered = urls + links if protocol.startswith("rtsp") else links + urls
    for url in ordered:
        if host := urlsplit(url).hostname:
            return host
    if device.links.ssh is not None:
        return device.links.ssh.host
    return device.authorisation.addresses[0].partition("/")[0]


def _trust(device: DeviceFile, protocol: str) -> Path | None:
    http, onvif, rtsp = device.links.http, device.links.onvif, device.links.rtsp
    web = (http.trust if http else None) or (onvif.trust if onvif else None)
    media = rtsp.trust if rtsp else None
    return (media or web) if protocol.startswith("rtsp") else (web or media)
