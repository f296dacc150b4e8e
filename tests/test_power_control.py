"""Power control: the relay's protocol, commands, and what fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from devices.description import DeviceFile
from devices.errors import BenchError, OutsideAuthorisation
from devices.links.power import ColdStart, PowerControl
from devices.permit import Permit
from devices.secrets import Secrets
from fixtures.camera import Camera
from fixtures.update import UpdateTrials


def control(power: dict[str, Any] | None, allow: tuple[str, ...] = ("power",)) -> PowerControl:
    device = DeviceFile.model_validate(
        {
            "device": {
                "manufacturer": "M",
                "model": "X",
                "hardware": "1",
                "serial": "1",
                "emulated": True,
                "firmware": {"version": "1"},
            },
            "authorisation": {
                "granted_by": "a test",
                "reference": "a test",
                "expires": date.today() + timedelta(days=1),
                "addresses": ["192.0.2.1"],
                "allow": list(allow),
            },
            "bench": {} if power is None else {"power": power},
        }
    )
    authorisation = device.authorisation
    permit = Permit(authorisation.addresses, authorisation.allow, authorisation.expires)
    return PowerControl(device, permit, Secrets(device))


class Relay(BaseHTTPRequestHandler):
    states: list[str]
    status = 200

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).states.append(body.decode())
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def relay() -> Iterator[tuple[str, type[Relay]]]:
    handler = type("OneRelay", (Relay,), {"states": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/relay/1", handler
        server.shutdown()
        thread.join()


def test_a_rest_relay_is_switched(relay: tuple[str, type[Relay]]) -> None:
    url, handler = relay
    control({"url": url}).cycle()
    assert handler.states == ["0", "1"]


def test_a_relay_that_says_no_is_a_bench_error(relay: tuple[str, type[Relay]]) -> None:
    url, handler = relay
    handler.status = 503
    with pytest.raises(BenchError, match="503"):
        control({"url": url}).off()


def test_a_relay_that_is_not_there_is_a_bench_error() -> None:
    with pytest.raises(BenchError, match="power relay"):
        control({"url": "http://127.0.0.1:9/relay/1"}).on()


def test_commands_switch_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    commands = {state: ["sh", "-c", f"echo {state} >> {log}"] for state in ("off", "on")}
    ColdStart(control(commands), None).begin()
    assert log.read_text().split() == ["off", "on"]


@pytest.mark.parametrize("command", [["false"], ["/does/not/exist"]])
def test_a_command_that_fails_is_a_bench_error(command: list[str]) -> None:
    with pytest.raises(BenchError, match=command[0]):
        control({"off": command, "on": command}).off()


def test_without_permission_nothing_is_switched(relay: tuple[str, type[Relay]]) -> None:
    url, handler = relay
    with pytest.raises(OutsideAuthorisation):
        control({"url": url}, allow=()).off()
    assert handler.states == []


def test_a_bench_that_cannot_restart_says_so() -> None:
    with pytest.raises(BenchError, match="cannot restart"):
        ColdStart(None, None).begin()
    with pytest.raises(BenchError, match=r"bench\.power"):
        control(None)


def test_without_power_control_the_camera_is_asked() -> None:
    asked: list[str] = []
    ColdStart(None, lambda: asked.append("reboot")).begin()
    assert asked == ["reboot"]


def test_an_interruption_leaves_the_camera_with_power(
    relay: tuple[str, type[Relay]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    url, handler = relay
    switch = control({"url": url})
    monkeypatch.setattr("devices.links.power.time.sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        switch.cycle()
    assert handler.states == ["0", "1"]


class Installing:
    """A camera, and its update link, that takes any bundle and is interrupted afterwards."""

    def __init__(self, bundle: Path) -> None:
        self.declared = SimpleNamespace(bundle=bundle)

    def link(self, _: str) -> Installing:
        return self

    def begin(self, *_: object) -> Future[object]:
        upload: Future[object] = Future()
        upload.set_result(SimpleNamespace(accepted=True))
        return upload

    def wait_gone(self, *_: object) -> bool:
        raise KeyboardInterrupt


def test_an_interrupted_power_cut_leaves_the_camera_with_power(
    relay: tuple[str, type[Relay]], tmp_path: Path
) -> None:
    url, handler = relay
    (tmp_path / "bundle").write_bytes(b"bundle")
    trials = UpdateTrials(cast("Camera", Installing(tmp_path / "bundle")))
    trials.install_seconds = 1.0
    with pytest.raises(KeyboardInterrupt):
        trials.cut_power(control({"url": url}), 0.5)
    assert handler.states == ["0", "1"]
