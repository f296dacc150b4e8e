"""The serial console after the boot: init's messages, a login prompt, then the camera's shell."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from devices.emulated.maker.os_accounts import OsAccount, check_os_password, find_account
from devices.emulated.shell.kernel import Kernel
from devices.emulated.shell.shell import BANNER, Shell

if TYPE_CHECKING:
    from devices.emulated.camera import Camera

_FAILURE_DELAY = 0.3
"""Seconds before a refusal is answered, as login(1) waits, to slow down guessing."""
_LINE_LIMIT = 1024
_SUPERUSER = OsAccount("root", 0, 0, "/root", "/bin/sh", "")


class Console:
    """getty, login and a shell on the camera's UART.

    ``posture.serial_login`` is ``password`` (accounts of the operating system) or ``shell`` (no
    login at all); ``posture.serial_leaks_secrets`` prints a real secret while starting.
    """

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._uart = camera.uart
        self._typed: asyncio.Queue[int] = asyncio.Queue(maxsize=4096)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Print what init prints, then attend to the console."""
        self._uart.write("init: starting services\n")
        if self._camera.posture.serial_leaks_secrets:
            self._uart.write(f"camd: {self._secret()}\n")
        if self._uart.fileno() >= 0:
            asyncio.get_running_loop().add_reader(self._uart.fileno(), self._receive)
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
        while True:
            if self._camera.posture.serial_login == "shell":
                await self._session(_SUPERUSER)
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
        if await asyncio.to_thread(check_os_password, root, name, password):
            self._camera.audit.write("login", user=name, source="console")
            return find_account(root, name)
        await asyncio.sleep(_FAILURE_DELAY)
        self._camera.audit.write("login-failed", user=name, source="console")
        self._uart.write("Login incorrect\n")
        return None

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
