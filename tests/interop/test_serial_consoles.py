"""Serial consoles that nobody here wrote: U-Boot in QEMU, BusyBox's login on a pty.

And stored passwords as mkpasswd (libxcrypt) and htpasswd write them. What each must come to was
written down before the first run.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shutil
import socket
import subprocess
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from laboratory import device as device_of
from test_serial_link import link_to
from web_stand import Kept

from conformance import knowledge, policy
from conformance.credentials import test_serial_login, test_serial_start
from conformance.verdict import Inconclusive
from devices.identity.credential_stores import entries
from devices.links.guessing.guess import SurfaceGuessing
from devices.links.serial.link import SerialLink
from devices.links.serial.observations import BootLog
from devices.protocols.password_hashes import recognise
from devices.secrets import Secrets

pytestmark = pytest.mark.interop

UBOOT = Path("/usr/lib/u-boot/qemu_arm/u-boot.bin")
_FLASH, _ENVIRONMENT = 64 * 1024 * 1024, 0x40000  # qemu_arm_defconfig: CONFIG_ENV_SIZE
PASSWORD = "Right-pass-1"


class Board:
    """QEMU's ARM board with U-Boot; its console is a TCP port, its reset the monitor's."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        command = [
            "qemu-system-arm",
            "-M",
            "virt",
            "-cpu",
            "cortex-a15",
            "-accel",
            "tcg",
            "-m",
            "64",
        ]
        command += ["-display", "none", "-nic", "none", "-bios", str(UBOOT), "-monitor", "stdio"]
        command += ["-serial", f"tcp:127.0.0.1:{port},server=on,wait=on"]
        if environment is not None:
            command += ["-drive", f"if=pflash,unit=1,format=raw,file={_flash(folder, environment)}"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.url = f"socket://127.0.0.1:{port}"

    def begin(self) -> None:
        """Reset, as the bench's power does."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"system_reset\n")
        self._process.stdin.flush()

    def wait_ready(self) -> float:
        """There is nothing on it to wait for."""
        return 0.0

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.kill()
        self._process.stdin.close()
        self._process.wait(10)

    def link(self) -> SerialLink:
        deadline = time.monotonic() + 20
        while True:
            try:
                return link_to(self.url)
            except Exception:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                threading.Event().wait(0.1)


def _flash(folder: Path, environment: Mapping[str, str]) -> Path:
    """A flash image that begins with an environment as mkenvimage writes it."""
    text = b"".join(f"{key}={value}\0".encode() for key, value in environment.items())
    data = text.ljust(_ENVIRONMENT - 4, b"\0")
    path = folder / "flash.img"
    with path.open("wb") as stream:
        stream.write(zlib.crc32(data).to_bytes(4, "little") + data)
        stream.truncate(_FLASH)
    return path


def judge_start(board: Board, link: SerialLink, until: str) -> None:
    mark = link.mark()
    board.begin()
    link.wait_for(until, 30, mark)
    case: Any = test_serial_start.test_the_start_cannot_be_led_elsewhere
    case(
        boot_log=BootLog(text=link.text_since(mark), seconds=3.0),
        serial=link,
        cold_start=board,
        camera=board,
        device=device_of(bench={"boot_seconds": 20}, links={"serial": {"url": "x"}}),
        knowledge=knowledge.load,
        evidence=Kept(),
    )


needs_uboot = pytest.mark.skipif(
    not UBOOT.exists() or shutil.which("qemu-system-arm") is None,
    reason="needs qemu-system-arm and u-boot-qemu",
)


@contextlib.contextmanager
def started(folder: Path, environment: Mapping[str, str] | None) -> Iterator[tuple[Board, Any]]:
    board = Board(folder, environment)
    try:
        link = board.link()
        try:
            yield board, link
        finally:
            link.close()
    finally:
        board.close()


@needs_uboot
def test_u_boot_as_it_comes_fails(tmp_path: Path) -> None:
    """Expected: FAIL. It says "Hit any key", and gives a prompt whose help is long."""
    with started(tmp_path, None) as (board, link):
        with pytest.raises(AssertionError, match="names the keys that stop it") as raised:
            judge_start(board, link, "Hit any key to stop autoboot")
        assert "base" in str(raised.value) or "boot" in str(raised.value)


@needs_uboot
def test_u_boot_that_does_not_wait_is_not_stopped(tmp_path: Path) -> None:
    """Expected: INCONCLUSIVE. With bootdelay -2 nothing is announced; it has no kernel to start."""
    environment = {"bootdelay": "-2", "bootcmd": "echo starting the product"}
    with (
        started(tmp_path, environment) as (board, link),
        pytest.raises(Inconclusive, match="does not show that a kernel starts"),
    ):
        judge_start(board, link, "starting the product")


class BusyBoxLogin:
    """init's part: BusyBox's login on a pty, started again whenever it ends. Needs root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        (root / "bin").mkdir(parents=True)
        (root / "etc").mkdir()
        (root / "dev").mkdir()
        shutil.copy(shutil.which("busybox") or "", root / "bin" / "busybox")
        (root / "bin" / "sh").symlink_to("busybox")
        stored = _said(["mkpasswd", "-m", "sha512crypt", PASSWORD])
        (root / "etc" / "passwd").write_text("service:x:0:0::/:/bin/sh\n")
        (root / "etc" / "shadow").write_text(f"service:{stored}:1:0:99999:7:::\n")
        (root / "etc" / "group").write_text("service:x:0:\n")
        self._master, self._slave = pty.openpty()
        self.path = os.ttyname(self._slave)
        self._ended = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._respawn, daemon=True)
        self._thread.start()

    def _respawn(self) -> None:
        line = ["setsid", "--ctty", "chroot", str(self._root), "/bin/busybox", "login"]
        while not self._ended.is_set():
            self._process = subprocess.Popen(
                line, stdin=self._slave, stdout=self._slave, stderr=self._slave, cwd="/"
            )
            self._process.wait()

    def relay(self) -> tuple[str, socket.socket]:
        """A raw TCP port in front of the pty, as a terminal server has."""
        server = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._carry, args=(server,), daemon=True).start()
        return f"socket://127.0.0.1:{server.getsockname()[1]}", server

    def _carry(self, server: socket.socket) -> None:
        client, _ = server.accept()

        def up() -> None:
            with contextlib.suppress(OSError):
                while data := os.read(self._master, 4096):
                    client.sendall(data)

        threading.Thread(target=up, daemon=True).start()
        with client, contextlib.suppress(OSError):
            while data := client.recv(4096):
                os.write(self._master, data)

    def close(self) -> None:
        self._ended.set()
        if self._process is not None:
            self._process.kill()
        self._thread.join(10)
        os.close(self._slave)
        os.close(self._master)


@pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("busybox", "mkpasswd", "setsid"))),
    reason="login changes its user: needs root, busybox-static and whois",
)
def test_busybox_login_has_no_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Expected: FAIL. It waits three seconds for each refusal, and counts for nothing else."""
    monkeypatch.setenv("CONSOLE", PASSWORD)
    row = {"username": "service", "password": {"env": "CONSOLE"}, "services": ["serial"]}
    device = device_of(
        accounts={"console": row | {"purpose": "lockout"}},
        declared={"lockout": {"attempts": 2}},
        links={"serial": {"url": "x"}},
    )
    login = BusyBoxLogin(tmp_path / "root")
    url, server = login.relay()
    link = link_to(url)
    kept = Kept()
    try:
        with pytest.raises(AssertionError, match="accepted at once after 3 wrong ones"):
            test_serial_login.test_guessing_on_the_serial_console_is_stopped(
                serial=link,
                device=device,
                secrets=Secrets(device),
                lock_ends=None,  # it never locks
                knowledge=knowledge.load,
                policy=policy.load,
                evidence=kept,
            )
    finally:
        link.close()
        server.close()
        login.close()
    (found,) = kept.observations
    assert isinstance(found, SurfaceGuessing)
    assert [each.said for each in found.rounds[1].wrong] == ["refused"] * 3


def _said(command: list[str]) -> str:
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return run.stdout.strip()


METHODS = {
    "yescrypt": ("yescrypt", {"log2": 12, "r": 32}),
    "gost-yescrypt": ("gost-yescrypt", {"log2": 12, "r": 32}),
    "scrypt": ("scrypt", {"log2": 14, "r": 32, "p": 1}),
    "bcrypt": ("bcrypt", {"log2": 5}),
    "sha512crypt": ("sha512-crypt", {"rounds": 5000}),
    "sha256crypt": ("sha256-crypt", {"rounds": 5000}),
    "md5crypt": ("md5-crypt", {}),
    "descrypt": ("descrypt", {}),
    "nt": ("nt", {}),
}


@pytest.mark.skipif(shutil.which("mkpasswd") is None, reason="needs whois")
@pytest.mark.parametrize("method", METHODS)
def test_what_mkpasswd_writes_is_recognised(method: str) -> None:
    found = recognise(_said(["mkpasswd", "-m", method, PASSWORD]), bare=True)
    assert found is not None
    assert (found.scheme, dict(found.cost)) == METHODS[method]


@pytest.mark.skipif(shutil.which("htpasswd") is None, reason="needs apache2-utils")
@pytest.mark.parametrize(
    ("options", "scheme"),
    [
        (["-nbB"], "bcrypt"),
        (["-nbm"], "apr1-md5"),
        (["-nbs"], "sha1-base64"),
        (["-nbd"], "descrypt"),
        (["-nb5"], "sha512-crypt"),
    ],
)
def test_what_htpasswd_writes_is_recognised(options: list[str], scheme: str) -> None:
    said = _said(["htpasswd", *options, "admin", "Short-1"])
    (found,) = entries("/etc/nginx/.htpasswd", f"{said}\n".encode())
    assert (found.account, found.described().scheme) == ("admin", scheme)
    assert not re.search("Short-1", str(found.described()))
