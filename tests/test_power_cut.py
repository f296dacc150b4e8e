"""Power cuts during an update: a real process, a real SIGKILL, and a flash that boots again."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import random
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.emulated.firmware import boot
from devices.emulated.firmware.slots import Slots
from devices.emulated.firmware.updater import Updater, UpdateRefused
from devices.emulated.maker.production import CURRENT, NEWER, OLDER, Production
from devices.emulated.posture import Posture
from devices.emulated.uart import Uart
from devices.emulated.unit import Unit

CUTS = 10
_PATIENCE = 20.0
_FORK = multiprocessing.get_context("fork")


class Silent:
    """An audit log that keeps nothing."""

    def write(self, event: str, **details: str) -> None:
        """Keep nothing."""


class StandIn:
    """A camera as far as an update needs one."""

    def __init__(self, flash: Path, posture: Posture, uart: Uart, slots: Slots) -> None:
        self.flash, self.posture, self.uart, self.slots = flash, posture, uart, slots
        self.unit = Unit.read(flash / "otp" / "unit.json")
        self.audit = Silent()
        self.restarts = 0

    def request_reboot(self) -> None:
        """Count."""
        self.restarts += 1


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Production:
    line = Production(tmp_path_factory.mktemp("line"), "127.0.5.1", Posture())
    line.make_unit()
    return line


@pytest.fixture
def flash(production: Production, tmp_path: Path) -> Path:
    shutil.copytree(production.flash, tmp_path / "flash", symlinks=True)
    return tmp_path / "flash"


def power_on(flash: Path, posture: Posture, uart_fd: int, bundle: Path | None) -> None:
    """The camera's process: boot, confirm, and install a bundle if one is given."""
    uart = Uart(uart_fd)
    slots = boot.boot(flash, uart, posture)
    slots.confirm()
    uart.write(f"UP {slots.version()}\n")
    if bundle is not None:
        camera = StandIn(flash, posture, uart, slots)
        with contextlib.suppress(UpdateRefused):
            asyncio.run(Updater(camera).apply(bundle))  # type: ignore[arg-type]
        uart.write(f"DONE {camera.restarts}\n")


@contextlib.contextmanager
def running(
    flash: Path, posture: Posture, bundle: Path | None = None
) -> Iterator[tuple[Any, Callable[[str], str]]]:
    """A camera process, and a function that waits for a pattern on its console."""
    ours, theirs = socket.socketpair()
    process = _FORK.Process(target=power_on, args=(flash, posture, theirs.fileno(), bundle))
    process.start()
    theirs.close()
    ours.settimeout(_PATIENCE)
    said = ""

    def wait_for(pattern: str) -> str:
        nonlocal said
        while not (match := re.search(pattern, said)):
            data = ours.recv(4096)
            assert data, f"the camera ended; it said {said!r}"
            said += data.decode()
        return match.group()

    try:
        yield process, wait_for
    finally:
        process.kill()
        process.join(_PATIENCE)
        process.close()
        ours.close()


def version_after_power_on(flash: Path, posture: Posture) -> str:
    with running(flash, posture) as (_, wait_for):
        return wait_for(r"UP \S+(?=\r\n)|system halted").removeprefix("UP ")


def test_the_camera_boots_after_a_cut_at_any_moment(production: Production, flash: Path) -> None:
    moments = random.Random(20260302)
    bundle = production.bundle(NEWER)
    seen = set()
    for number in range(CUTS):
        with running(flash, Posture(), bundle) as (process, wait_for):
            wait_for(r"UP ")
            wait_for(rf"writing {number * 10 or 10} %|DONE" if number < CUTS - 1 else "DONE")
            process.join(moments.random() * 0.06)
            process.kill()
        version = version_after_power_on(flash, Posture())
        assert version in {CURRENT.version, NEWER.version}
        seen.add(version)
    assert NEWER.version in seen  # the last turn was not cut


def test_without_a_second_slot_a_cut_breaks_the_camera(production: Production, flash: Path) -> None:
    posture = Posture(update_atomic=False)
    with running(flash, posture, production.bundle(NEWER)) as (process, wait_for):
        wait_for(r"writing 30 %")
        process.kill()
    assert version_after_power_on(flash, posture) == "system halted"


def test_without_a_second_slot_an_uncut_update_works(production: Production, flash: Path) -> None:
    posture = Posture(update_atomic=False)
    with running(flash, posture, production.bundle(NEWER)) as (_, wait_for):
        wait_for("DONE 1")
    assert version_after_power_on(flash, posture) == NEWER.version


def test_a_release_before_the_installed_one_never_starts(
    production: Production, flash: Path
) -> None:
    with running(flash, Posture(), production.bundle(OLDER)) as (_, wait_for):
        wait_for("refused: 2.3.0 is older")
        wait_for("DONE 0")
    loose = Posture(update_rollback_refused=False)
    with running(flash, loose, production.bundle(OLDER)) as (_, wait_for):
        wait_for("DONE 1")
    assert version_after_power_on(flash, Posture()) == CURRENT.version  # the boot loader refuses
    with running(flash, loose, production.bundle(OLDER)) as (_, wait_for):
        wait_for("DONE 1")
    assert version_after_power_on(flash, loose) == OLDER.version


def test_an_acknowledged_update_that_is_not_applied(production: Production, flash: Path) -> None:
    posture = Posture(update_applies=False)
    with running(flash, posture, production.bundle(NEWER)) as (_, wait_for):
        wait_for("DONE 1")
    assert version_after_power_on(flash, posture) == CURRENT.version
