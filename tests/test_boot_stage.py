"""The emulated boot loader: locked, open or behind a password; and the verification it reports."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.emulated.firmware.boot import boot
from devices.emulated.firmware.slots import Slots
from devices.emulated.maker.production import Production
from devices.emulated.posture import Posture
from devices.emulated.uart import Uart

_PATIENCE = 20.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    line = Production(tmp_path_factory.mktemp("line"), "127.0.5.1", Posture())
    line.make_unit()
    return line.flash


@pytest.fixture
def flash(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "flash", symlinks=True)
    return tmp_path / "flash"


class Bench:
    """The other end of the camera's UART, and the boot stage in a thread."""

    def __init__(self, flash: Path) -> None:
        self.flash = flash
        self.line, self._board = socket.socketpair()
        self.line.settimeout(_PATIENCE)
        self.said = ""
        self.slots: Slots | None = None
        self._thread: threading.Thread | None = None

    def power_on(self, posture: Posture) -> None:
        def run() -> None:
            self.slots = boot(self.flash, Uart(self._board.fileno()), posture)

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def expect(self, text: str) -> None:
        while text not in self.said:
            self.said += self.line.recv(4096).decode()

    def type(self, text: bytes) -> None:
        self.line.sendall(text)

    def close(self) -> None:
        self.line.close()
        if self._thread is not None:
            self._thread.join(0.2)  # a halted camera never ends
        self._board.close()

    def booted(self) -> Slots:
        assert self._thread is not None
        self._thread.join(_PATIENCE)
        assert self.slots is not None, self.said
        return self.slots


@pytest.fixture
def bench(flash: Path) -> Iterator[Bench]:
    made = Bench(flash)
    yield made
    made.close()


def test_a_locked_boot_loader_ignores_every_key(bench: Bench) -> None:
    bench.power_on(Posture())
    bench.type(b"\x03\r *" * 50)
    assert bench.booted().version() == "2.4.1"
    bench.expect("Booting Linux")
    assert "Hit any key" not in bench.said
    assert "Verifying slot a: 2.4.1 ... OK" in bench.said


def test_an_open_boot_loader_stops_the_boot_until_told_to_go_on(bench: Bench) -> None:
    bench.power_on(Posture(bootloader="prompt"))
    bench.expect("stop autoboot")
    bench.type(b" ")
    bench.expect("lv2100 # ")
    bench.type(b"printenv\r")
    bench.expect("bootdelay=1")
    bench.type(b"frobnicate\r")
    bench.expect("Unknown command 'frobnicate'")
    assert "Booting Linux" not in bench.said
    assert bench.slots is None
    bench.type(b"boot\r")
    assert bench.booted().running == "a"


def test_a_boot_loader_with_password_admits_nobody(bench: Bench) -> None:
    bench.power_on(Posture(bootloader="password"))
    bench.expect("stop autoboot")
    bench.type(b" ")
    for _ in range(3):
        bench.expect("Enter password: ")
        bench.said = ""
        bench.type(b"HI2105CHIP\r")
    bench.expect("Booting Linux")
    bench.booted()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("slot-a/rootfs/etc/banner", "not the signed one"),
        ("slot-a/manifest.json", "slot a: "),
    ],
)
def test_a_damaged_slot_halts_the_camera(bench: Bench, damage: str, reason: str) -> None:
    (bench.flash / damage).write_text("damaged")
    bench.power_on(Posture())
    bench.expect("system halted")
    assert reason in bench.said
    assert bench.slots is None


def test_a_camera_that_checks_no_payload_starts_a_changed_one(bench: Bench) -> None:
    (bench.flash / "slot-a/rootfs/etc/banner").write_text("changed")
    bench.power_on(Posture(update_payload_checked=False))
    assert bench.booted().running == "a"


def test_a_board_without_console_boots(flash: Path) -> None:
    assert boot(flash, Uart(None), Posture()).version() == "2.4.1"
