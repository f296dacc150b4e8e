"""A run that is killed in the middle of guessing leaves word of it, and `restore` undoes it."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from camproof.cli import main
from devices import device_file
from devices.description import DeviceFile
from devices.emulated.bench.launch import EmulatedCamera
from devices.journal import CHANGES, SECRETS, Change, Journal
from devices.links.http.link import HttpLink
from devices.links.onvif.link import OnvifLink
from devices.permit import Permit
from devices.secrets import Secrets


def camproof(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "camproof", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def camera_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("camera") / "camera.toml"
    with EmulatedCamera(device_file=path):
        yield path


def permit_of(device: DeviceFile, journal: Journal | None = None) -> Permit:
    granted = device.authorisation
    return Permit(granted.addresses, granted.allow, granted.expires, journal)


def web(device: DeviceFile, journal: Journal | None = None) -> HttpLink:
    return HttpLink(device, permit_of(device, journal), Secrets(device))


def usernames(device: DeviceFile) -> set[str]:
    link = OnvifLink(device, permit_of(device), Secrets(device))
    return {user.name for user in link.users().users}


def wait_for(what: Callable[[], object], process: subprocess.Popen[str]) -> None:
    end, pause = time.monotonic() + 60, threading.Event()
    while not what():
        assert process.poll() is None, f"it ended before: {process.communicate()}"
        assert time.monotonic() < end, "it did not come"
        pause.wait(0.005)


def changes(folder: Path) -> list[Change]:
    return Journal.read(folder)[0].open() if (folder / CHANGES).exists() else []


def kill_when(
    device: Path, folder: Path, select: str, what: Callable[[], object], victim: str
) -> tuple[int, str]:
    """Kill a run: its test process alone, or all of it. Returns the exit code and what it said."""
    command = [sys.executable, "-m", "camproof", "run", str(device), "--select", select]
    command += ["--output", str(folder), "--no-allure"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        wait_for(what, run)
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        tests = [int(p) for p in children if b"pytest" in Path(f"/proc/{p}/cmdline").read_bytes()]
        assert len(tests) == 1
        if victim == "all":
            os.kill(run.pid, signal.SIGKILL)
        os.kill(tests[0], signal.SIGKILL)
        said, _ = run.communicate(timeout=60)
        return run.returncode, said


def test_an_account_of_the_device_file_that_a_killed_run_locked_is_opened(
    camera_file: Path, tmp_path: Path
) -> None:
    device, folder = device_file.load(camera_file), tmp_path / "run"

    def guesses() -> bool:
        return any(change.kind == "lock" for change in changes(folder))

    kill_when(camera_file, folder, "CRED-004", guesses, "all")
    locked = changes(folder)[0]
    secrets = Secrets(device)
    http = web(device)
    for _ in range(5):  # whatever the run had come to
        http.leave(http.log_in(locked.subject, "Wr0ng-password")[1])
    right = {account.username: name for name, account in device.accounts.items()}
    password = secrets.password(right[locked.subject])
    assert not http.log_in(locked.subject, password)[0].accepted
    assert main(["restore", str(folder), str(camera_file)]) == 0
    assert http.log_in(locked.subject, password)[0].accepted
    http.close()


def test_a_changed_password_becomes_its_own_again(
    camera_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    device = device_file.load(camera_file)
    journal = Journal(tmp_path, device_file=camera_file)
    http, secrets = web(device, journal), Secrets(device)
    name = next(
        n for n, a in device.accounts.items() if a.purpose == "lockout" and "http" in a.services
    )
    username, own = device.accounts[name].username, secrets.password(name)
    for old, new in ((own, "First-Lantern-1"), ("First-Lantern-1", "Second-Lantern-2")):
        _, client = http.log_in(username, old)
        http.perform(client, "change_password", username=username, password=old, new_password=new)
    _, client = http.log_in(username, "Second-Lantern-2")
    refused = {"username": username, "password": "Second-Lantern-2", "new_password": "weak"}
    assert http.perform(client, "change_password", **refused).status == 422
    assert stat.S_IMODE((tmp_path / SECRETS).stat().st_mode) == 0o600
    assert "Lantern" not in (tmp_path / CHANGES).read_text()
    journal.close()

    assert main(["restore", str(tmp_path)]) == 0
    assert "Lantern" not in "".join(capsys.readouterr())
    assert http.log_in(username, own)[0].accepted
    http.close()


def test_what_cannot_be_undone_is_left_to_a_person(
    camera_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = Journal(tmp_path, device_file=camera_file)
    journal.begin("lock", "somebody", "serial", seconds=3600)
    journal.begin("user", "Tr1algone", "onvif")
    journal.begin("clock")
    journal.close()
    assert main(["restore", str(tmp_path)]) == 3
    said = capsys.readouterr().out
    assert "the user is not there" in said
    assert "the clock is right" in said
    assert "a person has to do" in said
    assert "undone: the user Tr1algone was created over ONVIF; now the user is not there" in said
    assert "undone: the camera's clock was moved; now the clock is right" in said
    assert "somebody may be locked over the serial console" in said
    assert [change.kind for change in changes(tmp_path)] == ["lock"]


def test_the_lock_of_an_account_that_is_gone_is_not_waited_for(
    camera_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = Journal(tmp_path, device_file=camera_file)
    for via in ("http", "onvif", "rtsp"):
        journal.begin("lock", "Tr1algone", via, seconds=3600)
    journal.begin("lock", "operator", "onvif", seconds=3600)
    journal.close()
    assert main(["restore", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    for surface in ("the web interface", "ONVIF", "RTSP"):
        assert f"the lock of Tr1algone over {surface} has ended" in said
    assert "the lock of operator over ONVIF has ended" in said


def test_the_lock_of_an_address_outlives_the_account(
    camera_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = camera_file.read_text()
    assert 'scope = "account"\n' in text
    both = tmp_path / "both.toml"
    both.write_text(text.replace('scope = "account"\n', 'scope = "both"\n'))
    journal = Journal(tmp_path, device_file=both)
    journal.begin("lock", "Tr1algone", "http", seconds=3600)
    journal.close()
    assert main(["restore", str(tmp_path)]) == 3
    assert "Tr1algone may be locked over the web interface" in capsys.readouterr().out


def test_nothing_to_restore_and_no_device_file_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["restore", str(tmp_path)]) == 2
    assert CHANGES in capsys.readouterr().err
    journal = Journal(tmp_path, device_file=tmp_path / "gone.toml")
    journal.begin("power")
    journal.close()
    assert main(["restore", str(tmp_path)]) == 2
    assert "name it" in capsys.readouterr().err


def test_a_run_that_ends_leaves_nothing_open(camera_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    done = camproof(
        "run", camera_file, "--select", "CRED-004,CRED-005,CRED-006", "--output", folder,
        "--no-allure",
    )  # fmt: skip
    assert "left on the camera" not in done.stdout
    entered = [json.loads(line) for line in (folder / CHANGES).read_text().splitlines()]
    assert sum("change" in row for row in entered) >= 3
    assert changes(folder) == []
