"""`camproof restore` where things are not as they should be: journal, camera, folder."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from kill_stand import changes, permit_of

from camproof import left_open, restore
from camproof.cli import main
from camproof.resume import note_demonstration
from devices import device_file
from devices.description import DeviceFile
from devices.emulated.bench.launch import EmulatedCamera
from devices.errors import LoginRefused
from devices.journal import CHANGES, SECRETS, Journal, JournalError, Unit
from devices.links.onvif.link import OnvifLink
from devices.links.onvif.observations import Outcome
from devices.secrets import Secrets

OTHER = "127.0.0.191"


@pytest.fixture(scope="module")
def camera_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("camera") / "camera.toml"
    with EmulatedCamera(device_file=path):
        yield path


@pytest.fixture(scope="module")
def second_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("second") / "camera.toml"
    with EmulatedCamera(device_file=path, unit=2):
        yield path


def onvif(path: Path, journal: Journal | None = None) -> OnvifLink:
    device = device_file.load(path)
    return OnvifLink(device, permit_of(device, journal), Secrets(device))


def users(path: Path) -> set[str]:
    return {user.name for user in onvif(path).users().users}


def unit_of(device: DeviceFile) -> Unit:
    unit = device.device
    return Unit(unit.manufacturer, unit.model, unit.serial, unit.mac or "")


def left(folder: Path, path: Path, name: str = "Tr1alleft") -> None:
    """A user is made on a camera, by a run in this folder that was then killed."""
    folder.mkdir(exist_ok=True)
    journal = Journal(folder, device_file=path, unit=unit_of(device_file.load(path)))
    link = onvif(path, journal)
    made = link.create_user(link.default_account(), name, "Quiet-Harbour-7", "User")
    assert made.answer.outcome is Outcome.DATA
    journal.close()
    assert name in users(path)


def edited(path: Path, folder: Path, *pairs: tuple[str, str]) -> Path:
    text = path.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    other = folder / "edited.toml"
    other.write_text(text)
    return other


def test_a_damaged_line_keeps_nothing_else_from_being_undone(
    camera_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left(tmp_path / "run", camera_file)
    path = tmp_path / "run" / CHANGES
    first, second, rest = path.read_bytes().split(b"\n", 2)
    path.write_bytes(b"\n".join([first, b'{"chan\x00\xff', second, rest]) + b'{"change": {"id')
    assert main(["restore", str(tmp_path / "run")]) == 3
    said = capsys.readouterr().out
    assert "line 2 of changes.jsonl cannot be read" in said
    assert "undone: the user Tr1alleft was created over ONVIF; now it is deleted, over" in said
    assert "Tr1alleft" not in users(camera_file)
    with pytest.raises(JournalError, match="line 2"):  # a run does not go on with it
        Journal.read(tmp_path / "run")


@pytest.mark.parametrize("data", [b"GIF89a\n\x00\n", b"[1]\n[2]\n", b'{"a": 1}\n'])
def test_a_foreign_file_is_refused(
    data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / CHANGES).write_bytes(data)
    assert main(["restore", str(tmp_path)]) == 2
    assert "line 1: not an entry" in capsys.readouterr().err
    assert (tmp_path / CHANGES).read_bytes() == data


def test_a_journal_begun_and_not_written_is_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for data in (b"", b'{"device_file": "/no'):
        (tmp_path / CHANGES).write_bytes(data)
        assert main(["restore", str(tmp_path)]) == 0
        assert "nothing is open" in capsys.readouterr().out


def test_a_camera_that_is_off_is_waited_for_and_told(
    camera_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    device = device_file.load(camera_file)
    nowhere = edited(
        camera_file, tmp_path, (device.host, OTHER), ("boot_seconds = 15.0", "boot_seconds = 0.5")
    )
    folder = tmp_path / "run"
    left(folder, camera_file)
    assert main(["restore", str(folder), str(nowhere)]) == 3
    said = capsys.readouterr().out
    assert f"no declared service answers at {OTHER}: is the camera off, or has it moved" in said
    assert "delete the user Tr1alleft" in said
    assert [change.subject for change in changes(folder)] == ["Tr1alleft"]
    assert main(["restore", str(folder)]) == 0
    assert "Tr1alleft" not in users(camera_file)
    assert main(["restore", str(folder)]) == 0


def test_a_camera_that_moved_is_restored_by_a_device_file_with_its_new_address(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, folder = tmp_path / "state", tmp_path / "run"
    old, new = tmp_path / "old.toml", tmp_path / "new.toml"
    with EmulatedCamera(state=state, device_file=old):
        text = old.read_text()
        left(folder, old)
    old.write_text(text.replace("boot_seconds = 15.0", "boot_seconds = 0.2"))
    with EmulatedCamera(state=state, device_file=new, address=OTHER):
        assert "Tr1alleft" in users(new)
        assert main(["restore", str(folder)]) == 3
        assert "has it moved" in capsys.readouterr().out
        assert main(["restore", str(folder), str(new)]) == 0
        assert "Tr1alleft" not in users(new)


def test_nothing_is_undone_on_another_unit(
    camera_file: Path, second_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left(tmp_path / "run", camera_file)
    left(tmp_path / "other", second_file)
    first, second = device_file.load(camera_file), device_file.load(second_file)
    exchanged = edited(
        second_file,
        tmp_path,
        (f'serial = "{second.device.serial}"', f'serial = "{first.device.serial}"'),
    )
    folder = tmp_path / "run"
    assert main(["restore", str(folder), str(exchanged)]) == 3
    said = capsys.readouterr().out
    assert f"another unit answers at {second.host}" in said
    assert second.device.serial in said
    assert "Tr1alleft" in users(second_file)
    assert main(["restore", str(folder), str(second_file)]) == 2  # its file says so at once
    assert "name a device file of that unit" in capsys.readouterr().err
    assert main(["restore", str(folder), str(exchanged), "--same-unit"]) == 0
    assert "Tr1alleft" not in users(second_file)
    left(tmp_path / "other", second_file)
    shutil.rmtree(folder)
    assert main(["restore", str(tmp_path / "other")]) == 0
    link = onvif(camera_file)
    link.delete_user(link.default_account(), "Tr1alleft")


def test_a_unit_that_lets_nobody_ask_is_left_alone(
    camera_file: Path, second_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One login with another unit's password is enough: more could lock its owner out."""
    first, second = device_file.load(camera_file), device_file.load(second_file)
    folder = tmp_path / "run"
    left(folder, camera_file)
    exchanged = edited(camera_file, tmp_path, (first.host, second.host))
    assert main(["restore", str(folder), str(exchanged)]) == 3
    said = capsys.readouterr().out
    assert "whether it is the same unit cannot be asked" in said
    assert "Nothing is undone" in said
    assert main(["restore", str(folder)]) == 0


def test_an_authorisation_that_has_ended_is_told_before_anything_is_sent(
    camera_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    left(folder, camera_file)
    until = device_file.load(camera_file).authorisation.expires
    ended = date.today() - timedelta(days=1)
    expired = edited(camera_file, tmp_path, (f"expires = {until}", f"expires = {ended}"))
    assert main(["restore", str(folder), str(expired)]) == 2
    said = capsys.readouterr().err
    assert f"the authorisation ended on {ended}" in said
    assert f"extend [authorisation] in {expired}" in said
    assert main(["restore", str(folder)]) == 0


def test_nothing_is_undone_under_the_hands_of_a_run(
    camera_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    journal = Journal(tmp_path, device_file=camera_file)
    journal.begin("clock")
    monkeypatch.setattr(restore, "_PATIENCE", 0.3)
    assert main(["restore", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert "waiting for its end" in captured.out
    assert "still going on; nothing is undone under its hands" in captured.err
    journal.ended("clock")
    journal.close()
    assert main(["restore", str(tmp_path)]) == 0  # what stands there now, not before


def test_a_folder_that_cannot_be_written_is_told(
    camera_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever runs this may be root, whom no mode keeps from writing: a system call is replaced."""
    folder, opened = tmp_path / "run", os.open
    left(folder, camera_file)

    def refused(path: str | Path, flags: int, *more: Any, **named: Any) -> int:
        if str(path).endswith(CHANGES) and flags & os.O_RDWR:
            raise PermissionError(errno.EROFS, os.strerror(errno.EROFS))
        return opened(path, flags, *more, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refused)
        assert main(["restore", str(folder)]) == 2
    said = capsys.readouterr().err
    assert f"cannot be written: Read-only file system; copy {folder} to where" in said
    assert main(["restore", str(folder)]) == 0


def test_a_disk_that_is_full_leaves_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, device_file=tmp_path / "camera.toml")
    journal.begin("clock")
    whole, written = (tmp_path / CHANGES).read_bytes(), os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda number, data: written(number, data[:7]))
        with pytest.raises(JournalError, match="the disk is full"):
            journal.begin("power")
    assert (tmp_path / CHANGES).read_bytes() == whole
    assert [change.kind for change in journal.open()] == ["clock"]
    journal.begin("power")
    journal.close()
    assert [change.kind for change in changes(tmp_path)] == ["clock", "power"]


def test_an_account_of_the_device_file_is_never_deleted(
    camera_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = Journal(tmp_path, device_file=camera_file)
    journal.begin("user", "viewer", "onvif")
    journal.close()
    allowed = '    "factory",\n'
    path = edited(camera_file, tmp_path, (allowed, ""))
    assert main(["restore", str(tmp_path), str(path)]) == 3
    assert "which is not deleted" in capsys.readouterr().out
    assert "viewer" in users(camera_file)


def test_a_password_is_put_back_over_onvif(
    camera_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The web operations that change passwords are not described: SetUser is what is left."""
    text, change = camera_file.read_text(), "[links.http.operations.change_password"
    path = tmp_path / "poor.toml"
    path.write_text(_without(_without(text, f"{change}]"), f"{change}.json]"))
    device = device_file.load(path)
    secrets = Secrets(device)
    journal = Journal(tmp_path, device_file=path, unit=unit_of(device))
    link, own = onvif(path, journal), secrets.password("admin")
    link.set_user(link.default_account(), "viewer", "Other-Lantern-4", "User")
    link.set_own_user("admin", own, "Other-Lantern-5", "Administrator")
    journal.close()
    with pytest.raises(LoginRefused):
        onvif(path).takes("admin", own)
    assert main(["restore", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "by ONVIF SetUser" in said
    assert "Lantern" not in said
    for name in ("viewer", "admin"):
        assert onvif(path).takes(name, secrets.password(name)) is Outcome.DATA
    assert not (tmp_path / SECRETS).exists()


def test_what_no_way_undoes_is_told_by_surface_account_and_file(
    camera_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "poor.toml"
    path.write_text(
        _without(_without(camera_file.read_text(), "[bench.restore]"), "[links.serial]")
    )
    device = device_file.load(path)
    journal = Journal(tmp_path, device_file=path, unit=unit_of(device))
    journal.begin("password", "nobody-here", "http", secrets=["Own-Lantern-1", "New-Lantern-2"])
    journal.begin("setting", "the wireless network Trial", "http")
    journal.begin("console", via="serial")
    journal.close()
    assert main(["restore", str(tmp_path)]) == 3
    said = capsys.readouterr().out
    assert "on the web interface give nobody-here the password that it had before" in said
    assert f"may be in {tmp_path / SECRETS}, under" in said
    assert "set again what the wireless network Trial replaced" in said
    assert "the device file gives no [links.serial]" in said
    assert "log out on the serial console" in said
    assert "Lantern" not in said


def _without(text: str, table: str) -> str:
    start = text.index(table)
    end = text.find("\n[", start + 1)
    return text[:start] + (text[end + 1 :] if end >= 0 else "")


def test_every_camera_of_a_campaign_is_restored(
    camera_file: Path, second_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One whose journal is damaged keeps the other from nothing."""
    (tmp_path / left_open.CAMPAIGN).write_text(
        '{"cameras": [{"folder": "one"}, {"folder": "two"}, {"folder": "../outside"}]}'
    )
    left(tmp_path / "one", camera_file)
    left(tmp_path / "two", second_file)
    whole = (tmp_path / "one" / CHANGES).read_bytes()
    (tmp_path / "one" / CHANGES).write_bytes(b"nonsense\n")
    assert main(["restore", str(tmp_path)]) == 2
    assert "not restored" in capsys.readouterr().out
    assert "Tr1alleft" not in users(second_file)
    (tmp_path / "one" / CHANGES).write_bytes(whole)
    left(tmp_path / "two", second_file)
    both = [str(second_file), str(camera_file)]  # each for the unit that it names
    assert main(["restore", str(tmp_path), *both]) == 0
    assert "Tr1alleft" not in users(camera_file) | users(second_file)


def test_a_later_run_says_what_an_earlier_one_left(
    camera_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left(tmp_path / "earlier", camera_file)
    command = ["run", str(camera_file), "--select", "CRED-040", "--no-allure", "--output"]
    assert main([*command, str(tmp_path / "earlier")]) == 2
    assert f"camproof restore {tmp_path / 'earlier'}" in capsys.readouterr().err
    main([*command, str(tmp_path / "later")])
    said = capsys.readouterr().out
    assert f"an earlier run, in {tmp_path / 'earlier'}, is not undone" in said
    assert "the user Tr1alleft was created over ONVIF; delete it" in said
    assert main(["restore", str(tmp_path / "earlier")]) == 0


def test_a_run_that_goes_on_puts_back_first(
    camera_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    command = ["run", str(camera_file), "--select", "CRED-040", "--no-allure", "--output"]
    main([*command, str(folder)])
    left(folder, camera_file)
    capsys.readouterr()
    main([*command, str(folder), "--resume"])
    assert "undone: the user Tr1alleft" in capsys.readouterr().out
    assert "Tr1alleft" not in users(camera_file)
    with (folder / CHANGES).open("ab") as stream:
        stream.write(b"nonsense\n")
    assert main([*command, str(folder), "--resume"]) == 3
    assert "cannot resume: the camera is not as it was" in capsys.readouterr().err


def test_of_a_demonstration_nothing_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its device file and its camera went with it."""
    journal = Journal(tmp_path, device_file=tmp_path / "gone.toml")
    journal.begin("user", "Tr1alleft", "http")
    journal.close()
    note_demonstration(tmp_path, [], {})
    assert main(["restore", str(tmp_path)]) == 0
    assert "whose emulated camera is gone" in capsys.readouterr().out
    assert changes(tmp_path) == []
