"""An emulated camera's web port with nothing but ONVIF, and a device file for it."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

from devices.description import DeviceFile
from devices.emulated.accounts import AccountStore
from devices.emulated.audit import AuditLog
from devices.emulated.clock import Clock, dial_of
from devices.emulated.lockout import Lockout
from devices.emulated.maker.manufacturer import make_manufacturer
from devices.emulated.onvif import add_onvif_routes
from devices.emulated.posture import Posture
from devices.emulated.settings import Settings
from devices.emulated.tls_server import server_context
from devices.emulated.unit import DeviceInformation, Unit, make_unit, reported
from devices.emulated.video.lens import Lens
from devices.links.onvif.link import OnvifLink
from devices.permit import Permit
from devices.secrets import Secrets

PASSWORDS = {
    "admin": "Quiet-Harbour-7",
    "operator": "Narrow-Bridge-8",
    "viewer": "Copper-Lantern-9",
    "probe": "Silver-Orchard-3",
}
ROLES = {"admin": "admin", "operator": "operator", "viewer": "viewer", "probe": "viewer"}


class StandInCamera:
    """What the ONVIF services read of a camera."""

    def __init__(self, flash: Path, address: str, posture: Posture) -> None:
        self.flash, self.address, self.posture = flash, address, posture
        self.unit: Unit = make_unit()
        self.lens = Lens(flash / "scene.txt")
        self.accounts = AccountStore(flash / "data" / "accounts.json", posture)
        self.lockout = Lockout(None, posture, exists=self.accounts.knows)
        self.audit = AuditLog(flash / "data" / "audit.jsonl")
        self.clock = Clock(dial_of(flash))
        self.settings = Settings(flash / "data" / "settings.json")
        self.requests: list[str] = []
        for name, password in PASSWORDS.items():
            self.accounts.create(name, password, ROLES[name])

    @property
    def reported(self) -> DeviceInformation:
        return reported(self.unit, "2.4.1", self.posture)

    def request_reboot(self) -> None:
        self.requests.append("reboot")

    def request_factory_reset(self) -> None:
        self.requests.append("factory reset")


@dataclass
class Stand:
    """A running stand-in: where it is, what trusts it, and a link to it."""

    camera: StandInCamera
    url: str
    trust: Path
    device: DeviceFile
    link: OnvifLink = field(init=False)

    def __post_init__(self) -> None:
        granted = self.device.authorisation
        permit = Permit(granted.addresses, granted.allow, granted.expires)
        self.link = OnvifLink(self.device, permit, Secrets(self.device))


def device_file(url: str, address: str, folder: Path, **extra: Any) -> DeviceFile:
    """A device file that leads to ``url``; passwords are files in ``folder``."""
    accounts: dict[str, Any] = {}
    for name, password in PASSWORDS.items():
        path = folder / f"{name}.password"
        path.write_text(password)
        purpose = "lockout" if name == "probe" else "test"
        accounts[name] = {
            "username": name,
            "role": ROLES[name],
            "purpose": purpose,
            "password": {"file": str(path)},
        }
    content = {
        "device": {
            "manufacturer": "Lumivista",
            "model": "LV-2100",
            "hardware": "B2",
            "serial": "LV00000001",
            "firmware": {"version": "2.4.1"},
        },
        "authorisation": {
            "granted_by": "the tests",
            "reference": "tests",
            "expires": date.today() + timedelta(days=1),
            "addresses": [address],
            "allow": ["settings", "lockout"],
        },
        "links": {"onvif": {"url": url}},
        "accounts": accounts,
    }
    return DeviceFile.model_validate(content | extra)


@contextmanager
def served(
    application: Callable[[], web.Application], address: str, context: ssl.SSLContext | None
) -> Iterator[int]:
    """Serve an aiohttp application in a thread of its own; gives the port."""
    ready: Future[tuple[int, Callable[[], object]]] = Future()

    async def serve() -> None:
        runner = web.AppRunner(application(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, address, 0, ssl_context=context).start()
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        ready.set_result((runner.addresses[0][1], lambda: loop.call_soon_threadsafe(ended.set)))
        await ended.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    port, end = ready.result(timeout=10)
    try:
        yield port
    finally:
        end()
        thread.join(10)


def give_identity(flash: Path, address: str, posture: Posture) -> Path:
    """Do what the factory does for TLS; returns the trust anchor's PEM file."""
    maker = make_manufacturer(flash.parent / "manufacturer")
    key, chain = maker.issue_device(make_unit(), address, posture)
    otp = flash / "otp"
    otp.mkdir(parents=True, exist_ok=True)
    (otp / "device-key.pem").write_bytes(key)
    (otp / "device-cert.pem").write_bytes(chain)
    return maker.device_trust


@contextmanager
def onvif_stand(folder: Path, address: str, posture: Posture | None = None) -> Iterator[Stand]:
    """Run the emulated ONVIF services at a loopback address."""
    posture = posture or Posture()
    flash = folder / "flash"
    trust = give_identity(flash, address, posture)
    camera = StandInCamera(flash, address, posture)

    def application() -> web.Application:
        app = web.Application()
        add_onvif_routes(app, camera)  # type: ignore[arg-type]
        return app

    with served(application, address, server_context(camera)) as port:
        url = f"https://{address}:{port}/onvif/device_service"
        yield Stand(camera, url, trust, device_file(url, address, folder))
