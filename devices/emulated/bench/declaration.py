"""The device file of an emulated camera, as its maker and the bench would write it.

It declares a compliant camera whatever the posture is: a fault is what the suite has to find.
"""

from __future__ import annotations

import hashlib
import sys
from datetime import date, timedelta
from typing import Any

import tomli_w

from devices.emulated.addresses import PORTS, RTP_PORTS, gateway_of
from devices.emulated.bench.bench import SCENE
from devices.emulated.bench.provision import web_declaration
from devices.emulated.cloud import CLOUD, TIME
from devices.emulated.maker.papers import paper_declaration
from devices.emulated.maker.production import CURRENT, NEWER, OLDER, OTHER_MODEL, Production
from devices.emulated.posture import Posture
from devices.emulated.rtsp.websocket import PATH as WEBSOCKET


def device_file(
    production: Production,
    address: str,
    *,
    serial_url: str,
    power_url: str,
    clock_url: str,
    timers_url: str,
    host_ports: tuple[list[int], list[int]],
) -> str:
    """The text of the device file; ``host_ports`` are the TCP and UDP ports of the machine."""
    content = _base(production, address)
    content["links"] = _links(production, address, serial_url)
    content["bench"] = _bench(production, address, power_url, host_ports)
    content["bench"] |= {
        "clock": {"url": clock_url, "counts": True, "timers": timers_url},
        "gateway": _gateway(production, address),
        "storage": _card_reader(production),
    }
    content["factory"] = {
        "password": {"file": str(production.copy_label())},
        "tls_key": "maker",
    }
    content["declared"] |= {"update": _update(production), "services": _services()}
    content["declared"]["streams"] = _streams(address)
    content["declared"]["outbound"] = _outbound()
    for fragment in (
        web_declaration(address, production.state),
        paper_declaration(production.papers),
    ):
        _merge(content, fragment)
    return _HEADER + tomli_w.dumps(content)


_HEADER = """\
# The device file of an emulated camera, written by `camproof emulate`.
# Passwords and keys are in the files that it names; none is in here.

"""


def _base(production: Production, address: str) -> dict[str, Any]:
    unit, image = production.unit, production.bundle(CURRENT)
    return {
        "schema_version": 1,
        "device": {
            "manufacturer": unit.manufacturer,
            "model": unit.model,
            "hardware": unit.hardware,
            "serial": unit.serial,
            "mac": unit.mac,
            "emulated": True,
            "firmware": {
                "version": CURRENT.version,
                "image": str(image),
                "sha256": hashlib.sha256(image.read_bytes()).hexdigest(),
            },
        },
        "authorisation": {
            "granted_by": "whoever started the emulated camera",
            "reference": "an emulated camera on a loopback address of this machine",
            "expires": date.today() + timedelta(days=30),
            "addresses": [address],
            "allow": ["settings", "lockout", "power", "firmware", "factory"],
        },
        "accounts": {
            "lab": {
                "username": "lab",
                "role": "admin",
                "key": {"file": str(production.secrets / "lab-key")},
                "services": ["ssh"],
            },
            "console": {
                "username": "service",
                "role": "operator",
                "purpose": "lockout",
                "password": {"file": str(production.secrets / "console.txt")},
                "services": ["serial", "ssh"],
            },
        },
        "declared": {
            "os_accounts": ["lab"],
            "sensors": ["image sensor"],
            "storage": [{"kind": "sd-card", "encrypted": True}],
        },
    }


def _links(production: Production, address: str, serial_url: str) -> dict[str, Any]:
    trust = str(production.papers / "device-trust.pem")
    onvif = f"https://{address}:{PORTS['https']}/onvif/device_service"
    return {
        "serial": {"url": serial_url, "baud": 115200},
        "ssh": {"host": address, "port": PORTS["ssh"], "account": "lab"},
        "http": {"trust": trust},
        "onvif": {"url": onvif, "trust": trust},
        "rtsp": {"trust": trust},
    }


def _bench(
    production: Production, address: str, power_url: str, host_ports: tuple[list[int], list[int]]
) -> dict[str, Any]:
    module = [sys.executable, "-m"]
    place = [address, str(production.state)]
    provision = [*module, "devices.emulated.bench.provision", *place]
    restore = [*module, "devices.emulated.bench.restore", *place, power_url]
    return {
        "power": {"url": power_url, "off_seconds": 0.0},
        "scene": {"file": str(production.state / SCENE)},
        "provision": {"command": provision, "seconds": 30.0},
        "restore": {"command": restore, "seconds": 60.0},
        "sources": ["127.0.0.77"],
        "boot_seconds": 15.0,
        "parallel": 7,  # as many ways as its streams are declared over
        "host_tcp_ports": host_ports[0],
        "host_udp_ports": host_ports[1],
    }


def _gateway(production: Production, address: str) -> dict[str, Any]:
    router, resolver = gateway_of(address)
    trust = production.manufacturer.cloud_trust
    return {
        "listen": "{}:{}".format(*router),
        "destination": "proxy-protocol",
        "dns": "{}:{}".format(*resolver),
        "dns_network": "198.18.0.0/15",  # of test networks (RFC 2544, C.2.2)
        "trusted": [{"certificate": str(trust), "key": str(trust.with_name("cloud-ca-key.pem"))}],
        "seconds": 3.0,
        "limit": 60.0,
    }


def _card_reader(production: Production) -> dict[str, Any]:
    reader = [sys.executable, "-m", "devices.emulated.bench.card_reader"]
    return {"command": [*reader, str(production.flash.with_name("card.img"))], "seconds": 30.0}


def _outbound() -> list[dict[str, Any]]:
    cloud = {"purpose": "events", "country": "VN", "protocol": "https", "encrypted": True}
    clock = {"purpose": "time", "country": "VN", "protocol": "ntp", "encrypted": False}
    return [
        {"host": CLOUD[0], "port": CLOUD[1]} | cloud,
        {"host": TIME[0], "port": TIME[1], "transport": "udp"} | clock,
    ]


def _services() -> list[dict[str, Any]]:
    rows = (
        ("https", "https", "web interface, API and ONVIF", True),
        ("http", "http-redirect", "redirects to https", False),
        ("rtsps", "rtsps", "video streams", True),
        ("ssh", "ssh", "maintenance by the laboratory", True),
    )
    media = {
        "name": "srtp",
        "transport": "udp",
        "port": RTP_PORTS[0],
        "last_port": RTP_PORTS[-1],
        "protocol": "srtp",
        "purpose": "streams while they are watched",
        "encrypted": True,
    }
    return [media] + [
        {
            "name": name,
            "port": PORTS[name],
            "protocol": protocol,
            "purpose": purpose,
            "encrypted": encrypted,
        }
        for name, protocol, purpose, encrypted in rows
    ]


def _streams(address: str) -> list[dict[str, Any]]:
    main: dict[str, Any]
    sub: dict[str, Any]
    base = f"rtsps://{address}:{PORTS['rtsps']}/live"
    transports = ["interleaved", "srtp-udp", "srtp-interleaved"]
    main = {"name": "main", "url": f"{base}/main", "codec": "h264", "width": 640, "height": 360}
    main |= {"backchannel": "pcmu", "transports": [*transports, "websocket"]}
    main["websocket_url"] = f"wss://{address}:{PORTS['https']}{WEBSOCKET}"
    sub = {"name": "sub", "url": f"{base}/sub", "codec": "h265", "width": 320, "height": 180}
    sub["transports"] = transports
    common = {"frame_rate": float(Posture().frame_rate)}
    return [
        main | common | {"metadata": True},
        sub | common | {"metadata": False},
        *_web_media(f"{address}:{PORTS['https']}/api"),
    ]


def _web_media(base: str) -> list[dict[str, Any]]:
    size = {"width": 640, "height": 360}
    video = {"codec": "h264", **size}
    hls = {"container": "hls", "url": f"https://{base}/live/index.m3u8"}
    return [
        {"name": "mjpeg", "url": f"https://{base}/live.mjpeg", "codec": "mjpeg", **size},
        {"name": "hls", **hls, **video},
        {"name": "websocket", "url": f"wss://{base}/live/socket", **video},
        {"name": "clips", "container": "clip", "url": f"https://{base}/recordings", **video},
    ]


def _update(production: Production) -> dict[str, Any]:
    return {
        "method": "onvif",
        "format": "swupdate",
        "trust": str(production.manufacturer.update_trust),
        "bundle": str(production.bundle(NEWER)),
        "bundle_version": NEWER.version,
        "older": str(production.bundle(OLDER)),
        "other_model": str(production.bundle(OTHER_MODEL)),
        "anti_rollback": True,
        "restart_seconds": 15.0,
    }


def _merge(into: dict[str, Any], fragment: dict[str, Any]) -> None:
    for key, value in fragment.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
