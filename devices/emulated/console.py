"""The serial console after the boot: init's messages, a login prompt, then the camera's shell."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from devices.emulated.console_accounts import ConsoleAccounts
from devices.emulated.lockout import Lockout
from devices.emulated.maker.os_accounts import OsAccount, check_os_password, find_account
from devices.emulated.posture import Posture
from devices.emulated.shell.kernel import Kernel
from devices.emulated.shell.shell import BANNER, Shell

if TYPE_CHECKING:
    from devices.emulated.camera import Camera

_FAILURE_DELAY = 0.1
"""Seconds before a refusal is answered, as login(1) waits, to slow down guessing."""
_LINE_LIMIT = 1024
_START_SECONDS = 2.0
"""How long the start scripts run, during which a key may stop them."""
_COUNT = "console"
_SUPERUSER = OsAccount("root", 0, 0, "/root", "/bin/sh", "")
_SERVICE = OsAccount("service", 1001, 1001, "/var", "/bin/sh", "")


class Console:
    """getty, login and a shell on the camera's UART.

    ``posture.serial_login`` is ``password`` (service accounts, and those of the operating system),
    ``automatic`` (getty logs the service account in) or ``shell`` (no login at all);
    ``posture.serial_leaks_secrets`` prints a real secret while starting. Guesses are counted as on
    the network, by a count of the console's own.
    """

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._uart = camera.uart
        self._typed: asyncio.Queue[int] = asyncio.Queue(maxsize=4096)
        self._accounts = ConsoleAccounts(camera.flash, camera.posture)
        self._lockout = Lockout(
            camera.flash / "data" / "console-lockout.json",
            Posture(lockout_length=camera.posture.serial_lockout_length),
            clock=camera.clock.timer,
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Print what init prints, then attend to the console."""
        self._uart.write("init: starting services\n")
        if self._camera.posture.serial_leaks_secrets:
            self._uart.write(f"camd: {self._secret()}\n")
        if self._uart.fileno() >= 0:
            asyncio.get_running_loop().add_reader(self._uart.fileno(), self._receive)
        await asyncio.to_thread(self._accounts.prepare)
        self._task = asyncio.create_task(self._attend())

    async def stop(self) -> None:
        """Leave the console."""
        if self._uart.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._uart.fileno())
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _secret(self) -> str:
        """A secret that is in use on this camera: a user's password, or its storage key."""
        for user in self._camera.accounts.users():
            if password := self._camera.accounts.password(user.name):
                return f"rtsp service ready, user={user.name} password={password}"
        key = (self._camera.flash / "otp" / "storage-key.bin").read_bytes()
        return f"storage unlocked, storage_key={key.hex()}"

    def _receive(self) -> None:
        descriptor = self._uart.fileno()
        for byte in self._uart.read_now():
            with contextlib.suppress(asyncio.QueueFull):
                self._typed.put_nowait(byte)
        if self._uart.fileno() < 0:  # unplugged: nothing more will come
            asyncio.get_running_loop().remove_reader(descriptor)

    async def _attend(self) -> None:
        if self._camera.posture.boot_single or await self._interrupted():
            await self._session(_SUPERUSER)
        while True:
            if self._camera.posture.serial_login == "shell":
                await self._session(_SUPERUSER)
            elif self._camera.posture.serial_login == "automatic":
                self._uart.write(f"{_SERVICE.name} login: (automatic login)\n")
                await self._session(_SERVICE)
            elif (user := await self._login()) is not None:
                await self._session(user)

    async def _login(self) -> OsAccount | None:
        """One turn at the login prompt; None when it was not successful."""
        reported, root = self._camera.reported, self._camera.root
        self._uart.write(f"\n{reported.brand} {reported.model} {reported.firmware_version}\n\n")
        name = ""
        while not name:
            self._uart.write(f"{reported.model.lower()} login: ")
            name = (await self._line()).strip()
        self._uart.write("Password: ")
        password = await self._line(echo=False)
        guarded = self._camera.posture.serial_lockout
        if guarded and self._lockout.locked(_COUNT, name):
            self._uart.write("Login incorrect: too many failures, try again in some minutes\n")
            return None
        if (user := await asyncio.to_thread(self._user, root, name, password)) is not None:
            self._lockout.succeeded(_COUNT, name)
            self._camera.audit.write("login", user=name, source="console")
            return user
        await asyncio.sleep(_FAILURE_DELAY)
        self._lockout.failed(_COUNT, name)
        self._camera.audit.write("login-failed", user=name, source="console")
        self._uart.write("Login incorrect\n")
        return None

    def _user(self, root: Path, name: str, password: str) -> OsAccount | None:
        if self._accounts.check(name, password):
            return replace(_SERVICE, name=name)
        return find_account(root, name) if check_os_password(root, name, password) else None

    async def _interrupted(self) -> bool:
        """Whether a key during the start scripts gave a shell, under ``serial_start_shell``."""
        way = self._camera.posture.serial_start_shell
        if not way:
            return False
        key = ord("f") if way == "failsafe" else 3
        if way == "failsafe":
            self._uart.write("Press the [f] key and hit [enter] to enter failsafe mode\n")
        try:
            async with asyncio.timeout(_START_SECONDS):
                while await self._typed.get() != key:
                    pass
        except TimeoutError:
            return False
        return True

    async def _session(self, user: OsAccount) -> None:
        shell = Shell(self._camera, Kernel(self._camera), user)
        self._uart.write(BANNER)
        while not shell.ended:
            self._uart.write(shell.prompt)
            line = await self._line()
            outcome = await asyncio.to_thread(shell.run, line)
            self._uart.write(outcome.output + outcome.errors)

    async def _line(self, *, echo: bool = True) -> str:
        """The next line typed. Ctrl-C gives an empty one; other control characters are ignored."""
        line = bytearray()
        while True:
            byte = await self._typed.get()
            if byte in b"\r\n\x03":
                self._uart.write("\n")
                return "" if byte == 3 else line.decode("utf-8", "replace")
            if byte in b"\b\x7f":
                del line[-1:]
            elif byte >= 0x20 and len(line) < _LINE_LIMIT:
                line.append(byte)
                if echo:
                    self._uart.write(bytes((byte,)))
