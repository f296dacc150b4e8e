"""The emulated firmware's root file system: reproducible, and faults change what they say."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest

from devices.emulated.maker.rootfs import PACKAGE_DATABASE, build_rootfs
from devices.emulated.posture import Posture
from devices.identity.packages import parse_packages


def _contents(root: Path) -> dict[str, tuple[str, int, int]]:
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.stat()
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        name = path.relative_to(root).as_posix()
        found[name] = (digest, stat.S_IMODE(status.st_mode), int(status.st_mtime))
    return found


@pytest.mark.parametrize(
    "posture", [Posture(), Posture(foreign_brand=True, sbom="vulnerable", debug_process=True)]
)
def test_two_builds_are_equal(tmp_path: Path, posture: Posture) -> None:
    first = build_rootfs(tmp_path / "first", "2.4.1", posture)
    second = build_rootfs(tmp_path / "second", "2.4.1", posture)
    assert _contents(first) == _contents(second)


def test_a_modified_firmware_differs_from_the_release_in_one_program(tmp_path: Path) -> None:
    posture = Posture(firmware_modified=True)
    running = _contents(build_rootfs(tmp_path / "running", "2.4.1", posture))
    released = _contents(build_rootfs(tmp_path / "released", "2.4.1", posture, released=True))
    assert [name for name in released if running[name] != released[name]] == ["usr/sbin/httpd"]
    assert running.keys() == released.keys()


def test_the_package_database_lists_what_is_there(tmp_path: Path) -> None:
    root = build_rootfs(tmp_path, "2.4.1", Posture())
    packages = {p.name: p.version for p in parse_packages((root / PACKAGE_DATABASE).read_text())}
    assert len(packages) >= 12
    assert packages["lumivista-web"] == "2.4.1"
    assert packages["xz"] != "5.6.1"
    for name in packages:
        listing = (root / "usr/lib/opkg/info" / f"{name}.list").read_text().split()
        assert listing
        assert all((root / path.lstrip("/")).is_file() for path in listing)


def test_the_vulnerable_component_is_really_shipped(tmp_path: Path) -> None:
    root = build_rootfs(tmp_path, "2.4.1", Posture(sbom="vulnerable"))
    packages = {p.name: p.version for p in parse_packages((root / PACKAGE_DATABASE).read_text())}
    assert packages["xz"] == "5.6.1"
    assert b"xz 5.6.1" in (root / "usr/lib/liblzma.so.5").read_bytes()


def test_a_foreign_brand_is_in_programs_and_pages(tmp_path: Path) -> None:
    own = build_rootfs(tmp_path / "own", "2.4.1", Posture())
    foreign = build_rootfs(tmp_path / "foreign", "2.4.1", Posture(foreign_brand=True))
    for path in ("usr/sbin/mediad", "var/www/index.html"):
        assert b"Xiongmai" in (foreign / path).read_bytes()
        assert b"Xiongmai" not in (own / path).read_bytes()
