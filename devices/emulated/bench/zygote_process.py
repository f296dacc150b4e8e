"""The zygote as the bench holds it: a process, and the socket that it takes orders from."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from typing import Protocol

_FAREWELL = 5.0  # s for it to end by itself


class _Process(Protocol):
    """What is needed of a child, spawned or forked."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""

    def kill(self) -> None:
        """End it."""


@dataclass
class ZygoteProcess:
    """A zygote that was started. ``control`` is our end of its socket.

    ``lifeline`` is the write end of a pipe that nobody writes to: its closing ends the cameras.
    """

    control: socket.socket
    lifeline: int
    process: _Process

    async def end(self) -> None:
        """Let go of it, and see to it that it ends. ``control`` is closed by who uses it."""
        os.close(self.lifeline)
        try:
            await asyncio.to_thread(self.process.wait, _FAREWELL)
        except subprocess.TimeoutExpired:
            self.process.kill()
            await asyncio.to_thread(self.process.wait)


def start(board_end: socket.socket, *, forked: bool) -> ZygoteProcess:
    """Start a zygote whose cameras have ``board_end`` as their serial port.

    ``forked``: from this process, which must have no threads and has loaded, or loads now, what
    a camera needs; else in a new interpreter, which loads it meanwhile.
    """
    ours, theirs = socket.socketpair()
    ended, lifeline = os.pipe()
    starting = _fork if forked else _spawn
    process = starting(theirs, board_end, ended)
    theirs.close()
    os.close(ended)
    return ZygoteProcess(ours, lifeline, process)


def _spawn(control: socket.socket, board_end: socket.socket, lifeline_fd: int) -> _Process:
    inherited = (control.fileno(), board_end.fileno(), lifeline_fd)
    return subprocess.Popen(
        [sys.executable, "-m", "devices.emulated.bench.zygote", *map(str, inherited)],
        pass_fds=inherited,
        stdin=subprocess.DEVNULL,
    )


def _fork(control: socket.socket, board_end: socket.socket, lifeline_fd: int) -> _Process:
    from devices.emulated.bench import zygote  # noqa: PLC0415 - heavy, and not for who spawns
    from devices.emulated.bench.fork import ForkedProcess  # noqa: PLC0415 - as above

    return ForkedProcess(lambda: zygote.become(control, board_end.fileno(), lifeline_fd))
