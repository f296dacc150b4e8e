"""The bench around one emulated camera: power, serial console, and the camera's process.

It lives while the camera is switched off and on. The camera's processes are forked from a zygote;
cutting the power is SIGKILL, switching it on is a fresh process over the same flash directory.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from dataclasses import asdict
from pathlib import Path

from devices.emulated.addresses import gateway_of
from devices.emulated.bench import zygote_process
from devices.emulated.bench.clock_dial import ClockDial, TimerDial
from devices.emulated.bench.exit_status import REBOOT
from devices.emulated.bench.power_relay import PowerRelay
from devices.emulated.bench.serial_server import SerialServer
from devices.emulated.clock import dial_of
from devices.emulated.posture import Posture

HOST = "127.0.0.1"
"""Where the bench's own equipment listens: not on the camera's address."""


SCENE = "scene.txt"
"""File beside the flash that holds the code in front of the lens; none: the test pattern alone."""


class BenchFailure(Exception):
    """The emulated camera's process could not be started."""


class EmulatedBench:
    """One camera on its emulated bench. Its lens looks at what the file SCENE says."""

    def __init__(
        self, state: Path, address: str, posture: Posture, *, forked: bool = False
    ) -> None:
        """Set the bench up and start to load the camera's programs; the power is off.

        Outside of any event loop: ``forked`` forks (see ``zygote_process.start``). Unit and scene
        are in the folder ``state``.
        """
        flash = state / "flash"
        self._order = {
            "flash": str(flash),
            "scene": str(state / SCENE),
            "address": address,
            "posture": asdict(posture),
            "route": gateway_of(address),
            "card": str(state / "card.img"),
        }
        bench_end, self._board_end = socket.socketpair()
        self._zygote = zygote_process.start(self._board_end, forked=forked)
        self.serial = SerialServer(bench_end, HOST)
        self.power = PowerRelay(HOST, self.switch, lambda: self._pid is not None)
        self.clock = ClockDial(HOST, dial_of(flash))
        self.timers = TimerDial(HOST, dial_of(flash))
        self._reader: asyncio.StreamReader | None = None
        self._control: asyncio.StreamWriter | None = None
        self._pid: int | None = None
        self._started = asyncio.Event()
        self._stopped = asyncio.Event()
        self._stopped.set()
        self._watcher: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Switch the bench's own equipment on."""
        await self.serial.start()
        await self.power.start()
        await self.clock.start()
        await self.timers.start()
        self._reader, self._control = await asyncio.open_connection(sock=self._zygote.control)

    async def ready(self) -> None:
        """Wait until the programs are loaded. Raises BenchFailure when they cannot be."""
        await self._message()
        self._watcher = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Cut the power and take the bench down."""
        if self._watcher is not None:
            self._watcher.cancel()
        self._kill()
        (self._control or self._zygote.control).close()
        await self._zygote.end()
        await self.power.stop()
        await self.clock.stop()
        await self.timers.stop()
        await self.serial.stop()
        self._board_end.close()

    async def switch(self, on: bool) -> None:  # noqa: FBT001 - a relay's one argument
        """Switch the power; returns when the process runs, or is gone."""
        if on and self._stopped.is_set():
            self._send()
            await self._started.wait()
        elif not on:
            self._kill()
            await self._stopped.wait()

    def _send(self) -> None:
        assert self._control is not None  # open() came first
        self._started.clear()
        self._stopped.clear()
        self._control.write(json.dumps(self._order).encode() + b"\n")

    def _kill(self) -> None:
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    async def _watch(self) -> None:
        """Follow the camera's process; start it again when it asked for a restart."""
        while True:
            message = await self._message()
            if "pid" in message:
                self._pid = message["pid"]
                self._started.set()
            elif "exit" in message:
                self._pid = None
                self._stopped.set()
                if message["exit"] == REBOOT:
                    self._send()

    async def _message(self) -> dict[str, int]:
        assert self._reader is not None  # open() came first
        line = await self._reader.readline()
        if not line:
            raise BenchFailure("the emulated camera's programs could not be loaded; see above")
        message: dict[str, int] = json.loads(line)
        return message
