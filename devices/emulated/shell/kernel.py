"""What the emulated camera's kernel knows: its sockets, taken from the real ones, and processes.

The socket tables are this process's own rows of ``/proc/net``, so a listener that a fault opens
stands in them because it really listens. The process table follows from the sockets and from what
the posture starts.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from devices.emulated.addresses import PORTS
from devices.emulated.maker.os_accounts import ssh_command
from devices.emulated.posture import Posture

TABLES = ("tcp", "tcp6", "udp", "udp6")
_LISTENING = {"tcp": "0A", "udp": "07"}
_HEADER = (
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt"
    "   uid  timeout inode"
)


class Board(Protocol):
    """What is needed of the camera here."""

    @property
    def address(self) -> str:
        """Its IP address."""

    @property
    def posture(self) -> Posture:
        """Its posture."""


@dataclass(frozen=True)
class Socket:
    """One listening (TCP) or bound (UDP) socket of the camera's own process."""

    protocol: str
    port: int
    row: str


@dataclass(frozen=True)
class Process:
    """One row of the process table."""

    pid: int
    user: str
    command: str

    @property
    def program(self) -> str:
        """The program's name, as ``netstat -p`` prints it."""
        return Path(self.command.split()[0]).name


class Kernel:
    """The kernel of one running camera."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._started = time.monotonic()

    def uptime(self) -> float:
        """Seconds since the power came on."""
        return time.monotonic() - self._started

    def socket_table(self, name: str) -> str:
        """``/proc/net/NAME`` for one of TABLES, with the camera's own sockets only."""
        rows = self._own_rows(name)
        return "\n".join([_HEADER, *(f"{n:4d}: {row}" for n, row in enumerate(rows))]) + "\n"

    def listening(self) -> list[Socket]:
        """Listening TCP sockets and UDP sockets without a peer, by protocol and port."""
        found: dict[tuple[str, int], Socket] = {}
        for name in TABLES:
            protocol = name.removesuffix("6")
            for row in self._own_rows(name):
                local, remote, state, *_ = row.split()
                if state == _LISTENING[protocol] and remote.endswith(":0000"):
                    port = int(local.rpartition(":")[2], 16)
                    found[protocol, port] = Socket(protocol, port, row)
        return [found[key] for key in sorted(found)]

    def processes(self) -> list[Process]:
        """The process table: kernel threads, init, and the programs behind the sockets."""
        table = [
            Process(1, "root", "init"),
            Process(2, "root", "[kthreadd]"),
            Process(9, "root", "[ksoftirqd/0]"),
            Process(64, "root", "[mmcqd/0]"),
            Process(118, "root", "/sbin/getty -L ttyS0 115200 vt100"),
        ]
        commands = {self.owner(s) for s in self.listening()}
        for number, (user, command) in enumerate(sorted(commands), start=131):
            table.append(Process(number, user, command))
        if self._board.posture.debug_process:
            table.append(Process(204, "root", "/usr/bin/gdbserver --multi /dev/ttyS1"))
        return table

    def owner(self, socket: Socket) -> tuple[str, str]:
        """User and command line of the program that holds a socket."""
        services = {
            PORTS["https"]: ("httpd", "/usr/sbin/httpd"),
            PORTS["http"]: ("httpd", "/usr/sbin/httpd"),
            PORTS["rtsps"]: ("media", "/usr/sbin/mediad"),
            PORTS["rtsp"]: ("media", "/usr/sbin/mediad"),
            PORTS["ssh"]: ("root", ssh_command(self._board.posture)),
        }
        if socket.protocol == "tcp" and socket.port in services:
            return services[socket.port]
        for listener in self._board.posture.listeners:
            kind, _, port = listener.partition(":")
            if int(port) == socket.port:
                return "root", _PROGRAMS[kind].format(port=port)
        return "media", "/usr/sbin/mediad"

    def _own_rows(self, name: str) -> list[str]:
        """Rows without their number, of sockets that this process holds and the camera's own."""
        try:
            rows = Path("/proc/net", name).read_text().splitlines()[1:]
        except OSError:  # a host without procfs: the emulation shows no sockets
            return []
        inodes, address = _own_inodes(), _hexadecimal(self._board.address)
        kept = []
        for row in rows:
            fields = row.split()
            local = fields[1].rpartition(":")[0]
            if fields[9] in inodes and (local == address or int(local, 16) == 0):
                kept.append(row.partition(": ")[2])
        return kept


_PROGRAMS = {
    "telnet": "telnetd -l /bin/login -p {port}",
    "ftp": "ftpd -w /mnt/sd -p {port}",
    "console": "/usr/bin/Sofia console {port}",
    "opener": "/usr/bin/dvrHelper {port}",
    "udp-echo": "/usr/bin/discoveryd {port}",
    "udp-silent": "/usr/bin/mcud {port}",
}
"""Command lines of the programs that faults start, by kind of listener."""


RELEASE, MACHINE = "5.10.61", "armv7l"
"""What ``uname -r`` and ``uname -m`` print."""


def _own_inodes() -> frozenset[str]:
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = str(entry.readlink())
        except OSError:  # closed meanwhile
            continue
        if target.startswith("socket:["):
            found.add(target[8:-1])
    return frozenset(found)


def _hexadecimal(address: str) -> str:
    """An IPv4 address as ``/proc/net/tcp`` writes it: little-endian hexadecimal."""
    return "".join(f"{int(part):02X}" for part in reversed(address.split(".")))
