"""The file system that a user of the emulated camera's shell and SFTP sees. Read-only.

The root file system of the active slot, the data partition under ``/data``, and the files that a
kernel makes up under ``/proc`` and ``/sys``.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from devices.emulated.settings import Settings
from devices.emulated.shell.kernel import RELEASE, TABLES, Kernel
from devices.emulated.unit import DeviceInformation

LAB_KEYS = "/home/lab/.ssh/authorized_keys"
MAX_FILE = 16_000_000
ROOT_ONLY = frozenset({"/proc/1/environ"})
"""Files that a kernel makes up for root alone."""


class Inside(Protocol):
    """What is needed of the camera here."""

    @property
    def flash(self) -> Path:
        """Its flash directory."""

    @property
    def root(self) -> Path:
        """The root file system of the active slot."""

    @property
    def settings(self) -> Settings:
        """Its settings."""

    @property
    def reported(self) -> DeviceInformation:
        """What it says of itself."""


class FileView:
    """Absolute POSIX paths of the camera, mapped to files of the flash or made-up content.

    The list of processes is that of the moment of construction: make one for each command.
    """

    def __init__(self, camera: Inside, kernel: Kernel, uid: int = 0) -> None:
        self._uid = uid
        self._camera = camera
        self._kernel = kernel
        self._virtual = self._made_up()

    def read(self, path: str) -> bytes:
        """The content of a file. Raises FileNotFoundError, IsADirectoryError, PermissionError."""
        path = normal(path)
        if path in ROOT_ONLY and self._uid:
            raise PermissionError(path)
        made_up = self._virtual.get(path)
        if made_up is not None:
            return made_up().encode()
        real = self.real(path)
        if real is None or self.is_dir(path):
            raise IsADirectoryError(path) if self.is_dir(path) else FileNotFoundError(path)
        with real.open("rb") as stream:
            return stream.read(MAX_FILE)

    def exists(self, path: str) -> bool:
        """Whether there is a file or directory of this path."""
        path = normal(path)
        return path in self._virtual or self.is_dir(path) or self.real(path) is not None

    def is_dir(self, path: str) -> bool:
        """Whether the path is a directory."""
        path = normal(path)
        if any(name.startswith(_inside(path)) for name in self._virtual):
            return True
        real = self.real(path)
        return real is not None and real.is_dir()

    def names(self, path: str) -> list[str]:
        """Sorted names in a directory. Raises FileNotFoundError, NotADirectoryError."""
        path = normal(path)
        if not self.is_dir(path):
            raise NotADirectoryError(path) if self.exists(path) else FileNotFoundError(path)
        prefix = _inside(path)
        inside = (name[len(prefix) :] for name in self._virtual if name.startswith(prefix))
        found = {name.partition("/")[0] for name in inside}
        real = self.real(path)
        if real is not None and real.is_dir():
            found |= {entry.name for entry in real.iterdir()}
        if path == "/":
            found.add("data")
        return sorted(found)

    def real(self, path: str) -> Path | None:
        """The host's file behind a path; None when there is none or it leads out of its tree."""
        path = normal(path)
        base, rest = self._camera.root, path
        if path == "/data" or path.startswith("/data/"):
            base, rest = self._camera.flash / "data", path[len("/data") :]
        found = base / rest.lstrip("/")
        try:
            found.resolve().relative_to(base.resolve())
        except ValueError:
            return None
        return found if found.exists() else None

    def size(self, path: str) -> int:
        """Size in bytes; 0 for what a kernel makes up, as a kernel says."""
        real = self.real(path)
        return real.stat().st_size if real is not None and real.is_file() else 0

    def _made_up(self) -> dict[str, Callable[[], str]]:
        files: dict[str, Callable[[], str]] = {
            "/proc/1/environ": lambda: "HOME=/\0TERM=linux\0",
            "/proc/mounts": self._mounts,
            "/proc/uptime": lambda: f"{self._kernel.uptime():.2f} 0.00\n",
            "/proc/version": lambda: f"Linux version {RELEASE} (build@camera) #1 SMP\n",
            "/sys/class/net/eth0/address": lambda: self._camera.reported.mac.lower() + "\n",
        }
        for table in TABLES:
            files[f"/proc/net/{table}"] = partial(self._kernel.socket_table, table)
        for process in self._kernel.processes():
            is_thread = process.command.startswith("[")
            line = "" if is_thread else process.command.replace(" ", "\0") + "\0"
            files[f"/proc/{process.pid}/cmdline"] = partial(str, line)
            files[f"/proc/{process.pid}/comm"] = partial(str, process.program.strip("[]") + "\n")
        keys = self._camera.settings.ssh.authorized_keys
        if keys:
            files[LAB_KEYS] = partial(str, "".join(f"{key}\n" for key in keys))
        return files

    @staticmethod
    def _mounts() -> str:
        return (
            "/dev/root / squashfs ro,relatime 0 0\n"
            "proc /proc proc rw,nosuid,nodev,noexec 0 0\n"
            "sysfs /sys sysfs rw,nosuid,nodev,noexec 0 0\n"
            "tmpfs /tmp tmpfs rw,nosuid,nodev,noexec,size=8192k 0 0\n"
            "/dev/mmcblk0p4 /data ext4 rw,nosuid,nodev,noexec 0 0\n"
        )


def normal(path: str) -> str:
    """An absolute path without ``.``, ``..`` and doubled slashes."""
    return posixpath.normpath("/" + path.lstrip("/"))


def _inside(path: str) -> str:
    return "/" if path == "/" else path + "/"
