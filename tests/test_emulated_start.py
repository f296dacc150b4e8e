"""An emulated camera starts in an interpreter of its own or by forking, and ends with its owner."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from devices.emulated.addresses import PORTS
from devices.emulated.bench.fork import ForkedProcess
from devices.emulated.bench.launch import EmulatedCamera

OWNER = """
import sys
import camproof.twin
from devices.emulated.bench.launch import EmulatedCamera
with EmulatedCamera({"picture": "frozen"}, unit=7, forked=True) as ready:
    print(ready.address, ready.power, flush=True)
    assert sys.stdin.readline() in {"end\\n", ""}
"""


def answers(address: str) -> bool:
    try:
        with socket.create_connection((address, PORTS["https"]), timeout=10):
            return True
    except OSError:
        return False


@pytest.mark.parametrize("way", ["ends", "is killed"])
def test_a_forked_camera_serves_and_ends_with_its_owner(way: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdin is not None
        assert owner.stdout is not None
        address, power = owner.stdout.readline().split()
        assert answers(address)
        for position in (b"0", b"1"):  # it is forked anew at each power-on
            request = urllib.request.Request(power, data=position, method="PUT")
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert answer.read() == position
        if way == "is killed":
            owner.kill()
        else:
            owner.stdin.write("end\n")
            owner.stdin.flush()
        # Its whole output ends with the last process that holds the pipe.
        owner.stdout.read()
        assert owner.wait(timeout=30) == (0 if way == "ends" else -9)
    gone = threading.Event()
    for _ in range(100):
        if not answers(address):
            return
        gone.wait(0.1)
    pytest.fail("the camera outlived its owner")


def test_a_spawned_camera_is_the_unit_asked_for(tmp_path: Path) -> None:
    with EmulatedCamera(unit=9, device_file=tmp_path / "u9.toml") as ready:
        assert 'serial = "LV00000009"' in ready.device_file.read_text()
    assert not answers(ready.address)


def test_a_forked_process_that_does_not_end_can_be_killed() -> None:
    blocks = threading.Event()

    def wait() -> None:
        blocks.wait()

    child = ForkedProcess(wait)  # type: ignore[arg-type]
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(timeout=0.05)
    child.kill()
    assert child.wait() == -9
    assert child.wait(timeout=1) == -9
