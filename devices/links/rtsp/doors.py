"""Where RTSP might come through HTTP: the ports that are declared or named for either."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from devices.description import DeviceFile
from devices.links.ports.link import PortServices
from devices.links.rtsp.client import Endpoint

USUAL = (80, 8000, 8080)
"""Ports that servers of RTSP open for tunnels beside their own."""

_TLS = {
    **dict.fromkeys(("https", "rtsps", "wss"), True),
    **dict.fromkeys(("http", "http-redirect", "rtsp", "ws"), False),
}
_DEFAULT = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322, "ws": 80, "wss": 443}


def doors(device: DeviceFile, host: str, services: PortServices) -> list[Endpoint]:
    """Return the ports to ask for a tunnel, each with TLS or without.

    A port with TLS is asked without it as well: some servers speak both on one port.
    """
    found = [*_declared(device, host), *_named(services, host)]
    bench = set(device.bench.host_tcp_ports)
    usual = [Endpoint(host, port, encrypted=False) for port in USUAL if port not in bench]
    bare = [Endpoint(e.host, e.port, encrypted=False) for e in found]
    return list(dict.fromkeys([*found, *bare, *usual]))


def _declared(device: DeviceFile, host: str) -> Iterator[Endpoint]:
    for service in device.declared.services:
        if service.transport == "tcp" and service.on and service.protocol in _TLS:
            yield Endpoint(service.host or host, service.port, _TLS[service.protocol])
    links = (device.links.http, device.links.onvif)
    urls = [link.url for link in links if link is not None]
    for stream in device.declared.streams:
        urls += [url for url in (stream.url, stream.tunnel_url, stream.websocket_url) if url]
    for url in urls:
        parts = urlsplit(url)
        if parts.hostname and parts.scheme in _TLS:
            port = parts.port or _DEFAULT[parts.scheme]
            yield Endpoint(parts.hostname, port, _TLS[parts.scheme])


def _named(services: PortServices, host: str) -> Iterator[Endpoint]:
    for service in services.services:
        if service.protocol in _TLS:
            yield Endpoint(host, service.port, _TLS[service.protocol])
