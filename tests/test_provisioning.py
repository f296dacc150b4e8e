"""The bench sets a camera up again after a reset: whether it can, and whether it did."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from web_stand import DEVICE, PASSWORD, Handler, digest_camera, foreign_server

import fixtures.http  # noqa: F401 - enters the link where the camera finds it
from conformance.credentials.factory_visit import demand_provisioning
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.errors import BenchError
from devices.journal import Journal
from devices.permit import Permit
from devices.secrets import Secrets
from fixtures.camera import Camera

SCRIPT = "#!/bin/sh\ntouch done\n"


def script(folder: Path, text: str = SCRIPT) -> Path:
    path = folder / "provision.sh"
    path.write_text(text)
    path.chmod(0o755)
    return path


def device_for(url: str, folder: Path, command: list[str], password: str = PASSWORD) -> DeviceFile:
    secret = folder / "password"
    secret.write_text(password)
    content: dict[str, Any] = {
        **DEVICE,
        "links": {"http": {"url": url}},
        "accounts": {"admin": {"username": "admin", "password": {"file": "password"}}},
        "declared": {"api": [{"path": "/cgi-bin/info.cgi", "roles": ["admin"]}]},
        "bench": {"provision": {"command": command}, "boot_seconds": 2},
    }
    return DeviceFile.model_validate(content, context={"base": folder})


@contextmanager
def reset_camera(
    server: type[Handler], folder: Path, password: str = PASSWORD
) -> Iterator[tuple[Camera, Journal]]:
    """A camera that the journal holds to be in its factory state."""
    journal = Journal()
    with foreign_server(server) as url:
        device = device_for(url, folder, ["./provision.sh"], password)
        granted = device.authorisation
        permit = Permit(granted.addresses, granted.allow, granted.expires, journal)
        camera = Camera(device, permit, Secrets(device))
        journal.begin("factory", via="http")
        yield camera, journal
        camera.close()


def test_a_command_beside_the_device_file_is_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path)
    (elsewhere := tmp_path / "run").mkdir()
    monkeypatch.chdir(elsewhere)
    with reset_camera(digest_camera(), tmp_path) as (camera, journal):
        camera.provision()
    assert (elsewhere / "done").exists()
    assert not journal.open()


def test_arguments_that_are_files_beside_it_are_found_and_other_words_left(tmp_path: Path) -> None:
    (tmp_path / "set-up.py").touch()
    (tmp_path / "camera").touch()
    words = ["python3", "set-up.py", "camera", "192.0.2.7", "https://192.0.2.7/", "-v"]
    device = device_for("http://127.0.0.1:1/", tmp_path, words)
    assert device.bench.provision is not None
    expected = [words[0], os.fspath(tmp_path / "set-up.py"), *words[2:]]
    assert device.bench.provision.command == expected


def test_a_command_that_the_camera_refused_has_set_nothing_up(tmp_path: Path) -> None:
    script(tmp_path)
    with (
        reset_camera(digest_camera(), tmp_path, "An0ther-Password") as (camera, journal),
        pytest.raises(BenchError, match=r"ended without an error, but the camera is not set up"),
    ):
        camera.provision()
    assert [change.kind for change in journal.open()] == ["factory"]


def test_a_command_that_fails_is_told_with_what_it_said(tmp_path: Path) -> None:
    script(tmp_path, "#!/bin/sh\necho the relay is away >&2\nexit 3\n")
    with (
        reset_camera(digest_camera(), tmp_path) as (camera, journal),
        pytest.raises(BenchError, match=r"ended with 3: the relay is away"),
    ):
        camera.provision()
    assert journal.open()


@pytest.mark.parametrize("command", ["./not-there.sh", "camproof-has-no-such-program"])
def test_nothing_is_reset_where_the_command_is_not_there(command: str, tmp_path: Path) -> None:
    device = device_for("http://127.0.0.1:1/", tmp_path, [command])
    with pytest.raises(Inconclusive, match=f"no program {command}"):
        demand_provisioning(device)


def test_nothing_is_reset_without_a_command(tmp_path: Path) -> None:
    device = device_for("http://127.0.0.1:1/", tmp_path, ["true"])
    without = device.model_copy(
        update={"bench": device.bench.model_copy(update={"provision": None})}
    )
    with pytest.raises(Inconclusive, match=r"there is none"):
        demand_provisioning(without)
