"""The bench's clock control: REST device and command, and permission."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from pydantic import ValidationError
from rtsp_stand import device_file

from devices.description import Clock as Declared
from devices.description import DeviceFile
from devices.emulated.bench.clock_dial import ClockDial
from devices.emulated.clock import Clock, dial_of
from devices.errors import BenchError, OutsideAuthorisation
from devices.links.clock import ClockControl
from devices.permit import Permit
from devices.secrets import Secrets


@pytest.fixture
def dial(tmp_path: Path) -> Iterator[ClockDial]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    device = ClockDial("127.0.0.1", dial_of(tmp_path))
    asyncio.run_coroutine_threadsafe(device.start(), loop).result(timeout=20)
    yield device
    asyncio.run_coroutine_threadsafe(device.stop(), loop).result(timeout=20)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(timeout=20)
    loop.close()


def control(tmp_path: Path, *allow: str, **clock: Any) -> ClockControl:
    plain = device_file("rtsps://127.0.0.1", tmp_path).model_dump(mode="json", by_alias=True)
    plain["bench"]["clock"] = clock or None
    device = DeviceFile.model_validate(plain)
    permit = Permit(["127.0.0.0/8"], allow, date.today() + timedelta(days=1))
    return ClockControl(device, permit, Secrets(device))


def test_the_dial_moves_the_clock_and_puts_it_right(tmp_path: Path, dial: ClockDial) -> None:
    clock = Clock(dial_of(tmp_path))
    bench = control(tmp_path, "settings", url=dial.url)
    assert clock.offset() == 0
    with bench.moved(300):
        assert clock.offset() == 300
        assert requests.get(dial.url, timeout=5).text == "300.0"
        assert (clock.now() - Clock().now()).total_seconds() == pytest.approx(300, abs=5)
    assert clock.offset() == 0


def test_the_clock_is_put_right_when_the_test_fails(tmp_path: Path, dial: ClockDial) -> None:
    bench = control(tmp_path, "settings", url=dial.url)
    with pytest.raises(RuntimeError), bench.moved(300):
        raise RuntimeError
    assert Clock(dial_of(tmp_path)).offset() == 0


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/clock", "soon", 400),
        ("PUT", "/clock", "nan", 400),
        ("PUT", "/clock", "1e300", 400),
        ("PUT", "/other", "3", 404),
        ("POST", "/clock", "3", 400),
    ],
)
def test_the_dial_refuses_nonsense(
    dial: ClockDial, method: str, path: str, body: str, status: int
) -> None:
    url = dial.url.replace("/clock", path)
    assert requests.request(method, url, data=body, timeout=5).status_code == status


def test_a_command_moves_the_clock(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = f"import sys; open({str(log)!r}, 'a').write(sys.argv[1] + ' ')"
    with control(tmp_path, "settings", command=[sys.executable, "-c", script, "{seconds}"]).moved(
        90
    ):
        assert log.read_text() == "90 "
    assert log.read_text() == "90 0 "


def test_what_fails_is_the_benchs_fault(tmp_path: Path, dial: ClockDial) -> None:
    wrong = control(tmp_path, "settings", url=dial.url + "/none")
    nobody = control(tmp_path, "settings", url="http://127.0.0.1:9/clock")
    failing = control(tmp_path, "settings", command=[sys.executable, "-c", "exit('no battery')"])
    absent = control(tmp_path, "settings", command=[str(tmp_path / "none")])
    for bench in (wrong, nobody, failing, absent):
        with pytest.raises(BenchError), bench.moved(5):
            pass
    with pytest.raises(BenchError, match=r"no \[bench.clock\]"):
        control(tmp_path, "settings")


def test_the_clock_is_not_moved_without_permission(tmp_path: Path, dial: ClockDial) -> None:
    bench = control(tmp_path, "lockout", url=dial.url)
    with pytest.raises(OutsideAuthorisation), bench.moved(5):
        pass
    assert not dial_of(tmp_path).exists()


def test_a_damaged_dial_is_no_offset(tmp_path: Path) -> None:
    (tmp_path / "rtc").mkdir()
    dial_of(tmp_path).write_bytes(b"\xff")
    assert Clock(dial_of(tmp_path)).offset() == 0


def test_a_device_file_gives_one_way() -> None:
    wrong: list[dict[str, Any]] = [{}, {"url": "http://x", "command": ["x"]}, {"command": []}]
    for given in wrong:
        with pytest.raises(ValidationError):
            Declared.model_validate(given)
