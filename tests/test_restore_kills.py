"""Runs stopped at each kind of change, in several ways, and restored: the camera is as before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from kill_stand import all_of, changes, console_of, killed

from camproof.cli import main
from devices import device_file
from devices.emulated.bench.launch import EmulatedCamera
from devices.journal import SECRETS

SLOW = {("CRED-027", "user"), ("CRED-029", "clock"), ("BACKDOOR-009", "start")}
SLOW |= {("CRED-054", "console"), ("CRED-047", "setting"), ("CRED-001", "factory")}
MOMENTS = [
    ("CRED-027", "lock", 3, "all"),
    ("CRED-027", "user", 2, "SIGINT"),
    ("CRED-004", "lock", 1, "SIGTERM"),
    ("CRED-002", "lock", 1, "all"),
    ("CRED-018", "lock", 1, "SIGTERM"),
    ("CRED-034", "password", 1, "tests"),
    ("CRED-029", "clock", 1, "all"),
    ("BACKDOOR-009", "power", 1, "all"),
    ("BACKDOOR-009", "start", 1, "all"),
    ("CRED-054", "console", 1, "all"),
    ("CRED-047", "setting", 1, "all"),
    ("CRED-001", "factory", 1, "all"),
    ("UPDATE-002", "firmware", 1, "all"),
]


@pytest.fixture(scope="module")
def camera_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("camera")
    path = folder / "camera.toml"
    with EmulatedCamera(device_file=path, state=folder / "state"):
        yield path


@pytest.fixture(scope="module")
def before(camera_file: Path) -> Mapping[str, object]:
    return all_of(camera_file)


@pytest.mark.parametrize(
    ("select", "kind", "number", "how"),
    [
        pytest.param(
            *m, id="-".join((m[0], m[1], m[3])), marks=[pytest.mark.slow] if m[:2] in SLOW else []
        )
        for m in MOMENTS
    ],
)
def test_a_run_that_is_stopped_is_restored(
    *,
    select: str,
    kind: str,
    number: int,
    how: str,
    camera_file: Path,
    before: Mapping[str, object],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "run"
    code, said = killed(camera_file, folder, select, (kind, number), how)
    left = changes(folder)
    if how != "all":  # who is left alive says what to do
        assert code in (3, 4)
        assert bool(left) == (f"camproof restore {folder}" in said)
    else:
        assert left  # of this kind, or of what came right after it
    done = main(["restore", str(folder)])
    said = "".join(capsys.readouterr())
    assert done == 0, said
    assert changes(folder) == []
    assert not (folder / SECRETS).exists()
    assert all_of(camera_file) == before
    if kind in ("console", "start"):
        assert console_of(camera_file) == ("login", "shell")
    assert main(["restore", str(folder)]) == 0
    assert "nothing is open" in capsys.readouterr().out


def test_an_interrupted_run_of_two_cameras_says_what_is_open_on_each(
    camera_file: Path,
    before: Mapping[str, object],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, second = tmp_path / "run", tmp_path / "second.toml"
    with EmulatedCamera(device_file=second, unit=2):
        other = all_of(second)
        _, said = killed(camera_file, folder, "CRED-027", ("lock", 2), "tests", str(second))
        each = [one for one in folder.iterdir() if one.is_dir()]
        assert len(each) == 2
        for one in each:
            assert bool(changes(one)) == (f"`camproof restore {one}`" in said)
        assert any(changes(one) for one in each)
        serials = {device_file.load(path).device.serial for path in (camera_file, second)}
        assert main(["restore", str(folder)]) == 0
        told = capsys.readouterr().out
        assert all(serial in told for serial in serials)
        assert not any(changes(one) for one in each)
        assert (all_of(camera_file), all_of(second)) == (before, other)
