"""An emulated camera's RTSP service alone, servers that say what a test wants, device files."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from devices.description import DeviceFile
from devices.emulated.accounts import AccountStore
from devices.emulated.addresses import PORTS, reserved_address
from devices.emulated.audit import AuditLog
from devices.emulated.clock import Clock, dial_of
from devices.emulated.lockout import Lockout
from devices.emulated.maker.manufacturer import make_manufacturer
from devices.emulated.posture import Posture
from devices.emulated.rtsp.service import RtspService
from devices.emulated.tls_server import server_context
from devices.emulated.unit import DeviceInformation, Unit, make_unit, reported
from devices.emulated.video.lens import Lens
from devices.links.rtsp.access import RtspAccess
from devices.permit import Permit
from devices.secrets import Secrets

PASSWORDS = {"viewer": "Copper-Lantern-9", "guard": "Silver-Orchard-3", "admin": "Quiet-Harbour-7"}
EVERY_TRANSPORT = ["interleaved", "srtp-udp", "srtp-interleaved"]
STREAMS: list[dict[str, Any]] = [
    {"name": "main", "path": "/live/main", "codec": "h264", "width": 640, "height": 360},
    {"name": "sub", "path": "/live/sub", "codec": "h265", "width": 320, "height": 180},
]


class StandInCamera:
    """What the RTSP service reads of a camera."""

    def __init__(self, flash: Path, address: str, posture: Posture) -> None:
        self.flash, self.address, self.posture = flash, address, posture
        self.unit: Unit = make_unit()
        self.lens = Lens(flash / "scene.txt")
        self.accounts = AccountStore(flash / "data" / "accounts.json", posture)
        self.lockout = Lockout(None, posture, exists=self.accounts.knows)
        self.audit = AuditLog(flash / "data" / "audit.jsonl")
        self.clock = Clock(dial_of(flash))
        for name, password in PASSWORDS.items():
            self.accounts.create(name, password, "admin" if name == "admin" else "viewer")

    @property
    def reported(self) -> DeviceInformation:
        return reported(self.unit, "2.4.1", self.posture)

    def tls_context(self) -> ssl.SSLContext:
        return server_context(self)


@dataclass
class Stand:
    """A running service and a way to reach it."""

    camera: StandInCamera
    device: DeviceFile
    access: RtspAccess
    loop: asyncio.AbstractEventLoop

    def call(self, function: Callable[[], None]) -> None:
        """Call a function where the service runs, and wait for its end."""

        async def called() -> None:
            function()

        asyncio.run_coroutine_threadsafe(called(), self.loop).result(timeout=20)

    @property
    def url(self) -> str:
        """The service's URL without path."""
        return f"rtsps://{self.camera.address}:{PORTS['rtsps']}"


@contextmanager
def rtsp_stand(folder: Path, posture: Posture | None = None) -> Iterator[Stand]:
    """Run the service on an address of its own, in a thread, until the context ends."""
    posture = posture or Posture()
    flash = folder / "flash"
    (flash / "data").mkdir(parents=True)
    with reserved_address() as address:
        maker = make_manufacturer(folder / "maker")
        key, chain = maker.issue_device(make_unit(), address, posture)
        (flash / "otp").mkdir(exist_ok=True)
        (flash / "otp" / "device-key.pem").write_bytes(key)
        (flash / "otp" / "device-cert.pem").write_bytes(chain)
        camera = StandInCamera(flash, address, posture)
        device = device_file(f"rtsps://{address}:{PORTS['rtsps']}", folder)
        with running(RtspService(camera)) as loop:
            yield Stand(camera, device, access_to(device), loop)


@contextmanager
def running(service: RtspService) -> Iterator[asyncio.AbstractEventLoop]:
    """Run a service in an event loop of its own, which is yielded."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(service.start(), loop).result(timeout=20)
        yield loop
        asyncio.run_coroutine_threadsafe(service.stop(), loop).result(timeout=20)
    finally:
        asyncio.run_coroutine_threadsafe(_settle(), loop).result(timeout=20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=20)
        loop.close()


async def _settle() -> None:
    """Let connections that are closing end before their loop does."""
    own = asyncio.current_task()
    tasks = [task for task in asyncio.all_tasks() if task is not own]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_default_executor()
    await asyncio.sleep(0)


def device_file(
    server: str,
    folder: Path,
    *,
    streams: list[dict[str, Any]] | None = None,
    transports: list[str] | None = None,
) -> DeviceFile:
    """Return a device file whose streams are on ``server``, with passwords in ``folder``."""
    accounts: dict[str, Any] = {}
    for name, password in PASSWORDS.items():
        (folder / f"{name}.txt").write_text(password + "\n")
        accounts[name] = {
            "username": name,
            "role": "admin" if name == "admin" else "viewer",
            "password": {"file": str(folder / f"{name}.txt")},
        }
    accounts["guard"] |= {"purpose": "lockout", "services": ["rtsp"]}
    offered = transports or EVERY_TRANSPORT
    rows = [
        {k: v for k, v in s.items() if k != "path"}
        | {"url": server + s["path"], "transports": offered}
        for s in streams or STREAMS
    ]
    return DeviceFile.model_validate(
        {
            "device": {
                "manufacturer": "Lumivista",
                "model": "LV-2100",
                "hardware": "B2",
                "serial": "LV00000001",
                "firmware": {"version": "2.4.1"},
            },
            "authorisation": {
                "granted_by": "the tests",
                "reference": "T-1",
                "expires": date.today() + timedelta(days=2),
                "addresses": ["127.0.0.0/8"],
            },
            "links": {"rtsp": {"account": "viewer"}},
            "accounts": accounts,
            "declared": {"streams": rows, "lockout": {"attempts": 5, "seconds": 300}},
            "bench": {"parallel": 8},
        }
    )


def access_to(device: DeviceFile) -> RtspAccess:
    """Return the link's access to a device file's camera."""
    granted = device.authorisation
    permit = Permit(granted.addresses, granted.allow, granted.expires)
    return RtspAccess(device, permit, Secrets(device))


def changed(stand: Stand, **declared: Any) -> RtspAccess:
    """Return the access with the first stream alone, declared otherwise."""
    content = stand.device.model_dump(mode="json", by_alias=True)
    content["declared"]["streams"] = [content["declared"]["streams"][0] | declared]
    return access_to(DeviceFile.model_validate(content))


Handler = Callable[[socket.socket], None]


@contextmanager
def scripted_server(handler: Handler) -> Iterator[int]:
    """Run ``handler`` for each connection on a free port of 127.0.0.1; yields the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    opened: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            opened.append(connection)
            threading.Thread(target=_guarded, args=(handler, connection), daemon=True).start()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=5)
        for connection in opened:
            connection.close()


def _guarded(handler: Handler, connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        handler(connection)


def read_request(connection: socket.socket) -> str:
    """Return one request without body, empty at the end of the connection."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        more = connection.recv(4096)
        if not more:
            return ""
        data += more
    return data.decode()


def header(request: str, name: str) -> str:
    """Return a header of a request's text."""
    for line in request.splitlines():
        key, _, value = line.partition(":")
        if key.lower() == name.lower():
            return value.strip()
    return ""
