"""Looking inside a camera: the commands are those that real shells understand."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from devices.errors import Garbled, NotOffered
from devices.identity.packages import Package
from devices.links import inside
from devices.links.reports import kernel_addresses
from devices.links.ssh.commands import CommandResult
from devices.links.ssh.observations import CommandRun


class LocalShell:
    """Stands for the SSH link: runs the same commands in a shell of this machine."""

    def __init__(self, prefix: str = "", files: dict[str, bytes] | None = None) -> None:
        self._prefix = prefix
        self._files = files or {}

    def run(self, command: str, *, seconds: float = 10) -> CommandRun:
        line = f"{self._prefix}{command}"
        done = subprocess.run(["sh", "-c", line], capture_output=True, timeout=seconds, check=False)
        return CommandRun(result=CommandResult(command, done.returncode, done.stdout, done.stderr))

    def read_file(self, path: str, *, limit: int = 0) -> bytes:
        del limit
        if path not in self._files:
            raise NotOffered(path)
        return self._files[path]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "a file").write_bytes(b"\x7fELF\0(c) XIONGMAI Ltd\0" + bytes(range(256)))
    (tmp_path / "bin" / "b").write_bytes(b"\0uc-httpd 1.0.0\0")
    (tmp_path / "bin" / "c").write_bytes(b"notXiongmaiX and buc-httpds")
    monkeypatch.setattr(inside, "PROGRAM_FOLDERS", (str(tmp_path / "bin"), "/does/not/exist"))
    return tmp_path / "bin"


SHELLS = ["", *(["busybox "] if shutil.which("busybox") else [])]


@pytest.mark.parametrize("prefix", SHELLS)
def test_texts_are_found_in_programs_as_whole_words(root: Path, prefix: str) -> None:
    shell: Any = LocalShell(prefix)
    found = inside.search_files(shell, ["Xiongmai", "uc-httpd", "a.c"])
    assert found.searched == 3
    assert {(hit.path, hit.text) for hit in found.found} == {
        (str(root / "a file"), "Xiongmai"),
        (str(root / "b"), "uc-httpd"),
    }
    assert found.complete


@pytest.mark.usefixtures("root")
def test_what_was_not_searched_is_a_shortfall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside, "MAX_FILES", 1)
    shell: Any = LocalShell()
    assert "2 files were not searched" in inside.search_files(shell, ["x"]).shortfall


@pytest.mark.parametrize("prefix", ["exit 127; ", "echo nothing; : "])
@pytest.mark.usefixtures("root")
def test_a_camera_without_find_does_not_offer_it(prefix: str) -> None:
    shell: Any = LocalShell(prefix)
    with pytest.raises(NotOffered, match="find"):
        inside.search_files(shell, ["x"])


def test_the_first_package_database_that_is_there_is_read() -> None:
    shell: Any = LocalShell(files={"/lib/apk/db/installed": b"P:musl\nV:1.2.5-r1\n"})
    found = inside.installed_packages(shell)
    assert (found.database, found.packages) == (
        "/lib/apk/db/installed",
        (Package("musl", "1.2.5-r1"),),
    )


def test_a_missing_and_a_broken_database_are_two_things() -> None:
    nothing: Any = LocalShell()
    with pytest.raises(NotOffered):
        inside.installed_packages(nothing)
    broken: Any = LocalShell(files={"/usr/lib/opkg/status": b"\xff\xfe"})
    with pytest.raises(Garbled):
        inside.installed_packages(broken)


def test_hardware_addresses_of_a_kernel() -> None:
    shell: Any = LocalShell(
        "printf '00:00:00:00:00:00\\n00:00:5e:00:53:01\\n00:00:5e:00:53:01\\n\\nx\\n' ; : "
    )
    assert kernel_addresses(shell) == ("00005E005301",)
    none: Any = LocalShell("exit 1; ")
    with pytest.raises(NotOffered):
        kernel_addresses(none)
