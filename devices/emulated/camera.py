"""The emulated camera: one process, one asyncio loop, real services on one loopback address.

The zygote forks it for every power-on. It boots from its flash directory, starts its services and
runs until the power goes (SIGKILL), until it restarts itself (exit status REBOOT), or until the
bench that started it is gone (end of the lifeline).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from devices.emulated.accounts import AccountStore
from devices.emulated.audit import AuditLog
from devices.emulated.bench.exit_status import REBOOT
from devices.emulated.clock import Clock, dial_of
from devices.emulated.cloud import CloudClient
from devices.emulated.console import Console
from devices.emulated.firmware import boot
from devices.emulated.firmware.slots import Slots
from devices.emulated.listeners import Listeners
from devices.emulated.lockout import Lockout
from devices.emulated.posture import Posture
from devices.emulated.recorder import Recorder
from devices.emulated.rtsp.service import RtspService
from devices.emulated.settings import Settings
from devices.emulated.ssh.service import SshService
from devices.emulated.tls_server import server_context
from devices.emulated.uart import Uart
from devices.emulated.unit import DeviceInformation, Unit, reported
from devices.emulated.uplink import Route
from devices.emulated.video.lens import Lens
from devices.emulated.web import WebService

_KEPT = {
    "accounts": "accounts.json",
    "keys": "settings.json",
    "wifi": "wifi.json",
    "log": "audit.jsonl",
    "recordings": "recordings",
    "tls": "tls.pem",
}
"""What a posture's word means among the files of FLASH/data."""
_FAREWELL = 0.2  # s between the answer to a request and the restart that it asked for


class Service(Protocol):
    """What the camera starts and stops."""

    async def start(self) -> None:
        """Listen."""

    async def stop(self) -> None:
        """Stop listening and end every session."""


@dataclass(frozen=True)
class Specification:
    """What a power-on needs to know; a camera without ``card`` has no slot for one.

    ``scene`` is the file that says what is in front of the lens.
    """

    flash: Path
    scene: Path
    address: str
    posture: Posture
    route: Route | None = None
    card: Path | None = None


class Camera:
    """The running camera; services read everything they need from here."""

    def __init__(self, specification: Specification, slots: Slots, uart: Uart) -> None:
        self.flash = specification.flash
        self.address = specification.address
        self.posture = specification.posture
        self.lens = Lens(specification.scene)
        self.slots = slots
        self.root = slots.active_root()
        self.uart = uart
        data = self.flash / "data"
        data.mkdir(parents=True, exist_ok=True)
        self.unit = Unit.read(self.flash / "otp" / "unit.json")
        self.settings = Settings(data / "settings.json")
        self.accounts = AccountStore(data / "accounts.json", self.posture)
        self.clock = Clock(dial_of(self.flash))
        self.lockout = self._lockout(data / "lockout.json")
        self.audit = AuditLog(data / "audit.jsonl")
        self._ending = asyncio.Event()
        self._erase = False
        self._tls: ssl.SSLContext | None = None

    @property
    def reported(self) -> DeviceInformation:
        """What every service says about the camera."""
        return reported(self.unit, self.slots.version(), self.posture)

    def tls_context(self) -> ssl.SSLContext:
        """The TLS context of all services; made once for each power-on."""
        if self._tls is None:
            self._tls = server_context(self)
        return self._tls

    def _lockout(self, path: Path) -> Lockout:
        posture, clock = self.posture, self.clock
        by_day = posture.lockout_clock == "wall"
        return Lockout(
            path if posture.lockout_survives_reboot else None,
            posture,
            clock=(lambda: clock.time() + clock.ran_ahead()) if by_day else clock.timer,
            exists=self.accounts.knows,
        )

    def request_reboot(self) -> None:
        """Restart soon: after the answer to the request has gone out."""
        self.uart.write("reboot: Restarting system\n")
        asyncio.get_running_loop().call_later(_FAREWELL, self._ending.set)

    def request_factory_reset(self) -> None:
        """Erase everything that was set up or made since the factory, then restart."""
        self._erase = True
        self.request_reboot()

    async def run(self, services: Sequence[Service]) -> None:
        """Serve until a restart is asked for."""
        for service in services:
            await service.start()
        self.slots.confirm()
        self.uart.write("camera: all services are up\n")
        await self._ending.wait()
        for service in reversed(services):
            with contextlib.suppress(Exception):
                await asyncio.wait_for(service.stop(), timeout=2)
        if self._erase:
            self._erase_data()

    def _erase_data(self) -> None:
        """Erase what was set up or made since the factory; a posture forgets some of it."""
        data = self.flash / "data"
        kept = {_KEPT[word] for word in self.posture.reset_keeps}
        for path in data.iterdir() if kept else ():
            if path.name not in kept:
                path.unlink() if path.is_file() else shutil.rmtree(path, ignore_errors=True)
        if not kept:
            shutil.rmtree(data, ignore_errors=True)


def power_on(specification: Specification, uart_fd: int, lifeline_fd: int) -> int:
    """Boot and run one camera; returns the exit status. The process belongs to it alone."""
    threading.Thread(target=_follow, args=(lifeline_fd,), name="lifeline", daemon=True).start()
    uart = Uart(uart_fd)
    slots = boot.boot(specification.flash, uart, specification.posture)
    return asyncio.run(_serve(specification, slots, uart))


def _follow(lifeline_fd: int) -> None:
    """End with the bench: it alone holds the other end, and never writes to it."""
    os.read(lifeline_fd, 1)
    os._exit(0)


async def _serve(specification: Specification, slots: Slots, uart: Uart) -> int:
    camera = Camera(specification, slots, uart)
    rtsp = RtspService(camera)
    services: list[Service] = [
        WebService(camera, rtsp),
        rtsp,
        SshService(camera),
        Listeners(camera),
        Console(camera),
        CloudClient(camera, specification.route),
        Recorder(camera, specification.card),
    ]
    await camera.run(services)
    return REBOOT
