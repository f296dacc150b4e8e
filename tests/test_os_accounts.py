"""System accounts of the emulated camera: written, and judged at login, for real."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.emulated.maker.os_accounts import (
    check_os_password,
    read_accounts,
    write_accounts,
    write_start_scripts,
)
from devices.emulated.posture import Posture
from devices.links.ssh.tables import parse_accounts
from devices.protocols.unix_crypt import md5_crypt


def test_md5_crypt_is_what_the_c_library_has() -> None:
    """Values printed by `openssl passwd -1`."""
    assert md5_crypt("xc3511", "abcdefgh") == "$1$abcdefgh$/ehdsgh6T85pypwniuldr1"
    assert md5_crypt("a much longer password than sixteen", "xy") == "$1$xy$cEHxrWa7fGc1UnMezW.w51"
    assert md5_crypt("", "q") == "$1$q$VvUsiFTLyG0ZtK9Li3rzF/"


@pytest.mark.interop
@settings(max_examples=10, deadline=None)
@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40),
    st.text("./0123456789ABCxyz", min_size=1, max_size=8),
)
def test_md5_crypt_agrees_with_openssl(password: str, salt: str) -> None:
    if shutil.which("openssl") is None:
        pytest.fail("openssl is not installed: apt-get install openssl")
    command = ["openssl", "passwd", "-1", "-salt", salt, "-stdin"]
    said = subprocess.run(command, input=password, capture_output=True, text=True, check=True)
    assert md5_crypt(password, salt) == said.stdout.strip()


def test_on_a_compliant_camera_no_account_has_a_password(tmp_path: Path) -> None:
    write_accounts(tmp_path, Posture())
    assert {a.password for a in read_accounts(tmp_path)} == {"*"}
    assert [a.name for a in read_accounts(tmp_path) if a.can_log_in] == ["root", "lab"]
    assert not check_os_password(tmp_path, "root", "")
    assert not check_os_password(tmp_path, "root", "*")
    assert not check_os_password(tmp_path, "nosuch", "")
    assert (tmp_path / "etc/shadow").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("storage", ["yescrypt-like", "md5-crypt"])
def test_a_published_password_logs_in(tmp_path: Path, storage: str) -> None:
    write_accounts(tmp_path, Posture(extra_ssh_account="root:xc3511", password_storage=storage))
    assert check_os_password(tmp_path, "root", "xc3511")
    assert not check_os_password(tmp_path, "root", "xc3512")
    assert not check_os_password(tmp_path, "httpd", "xc3511")


def test_an_empty_password_needs_none(tmp_path: Path) -> None:
    write_accounts(tmp_path, Posture(os_empty_password=True))
    assert check_os_password(tmp_path, "guest", "")


def test_a_second_superuser_is_one(tmp_path: Path) -> None:
    write_accounts(tmp_path, Posture(os_extra_account="vstarcam:0"))
    assert [a.name for a in read_accounts(tmp_path) if a.uid == 0] == ["root", "vstarcam"]


@pytest.mark.parametrize("posture", [Posture(), Posture(password_storage="md5-crypt")])
def test_the_same_posture_gives_the_same_bytes(tmp_path: Path, posture: Posture) -> None:
    images = []
    for name in ("a", "b"):
        root = tmp_path / name
        write_accounts(root, posture)
        write_start_scripts(root, posture)
        files = sorted(p for p in root.rglob("*") if p.is_file())
        images.append([(p.relative_to(root), p.read_bytes(), p.stat().st_mode) for p in files])
    assert images[0] == images[1]


def test_the_link_reads_what_the_camera_writes(tmp_path: Path) -> None:
    write_accounts(tmp_path, Posture(extra_ssh_account="root:pass", os_empty_password=True))
    texts = [(tmp_path / "etc" / name).read_text() for name in ("passwd", "shadow")]
    schemes = {a.name: a.scheme for a in parse_accounts(*texts)}
    assert (schemes["root"], schemes["guest"], schemes["lab"]) == ("bcrypt", "empty", "locked")


@pytest.mark.parametrize(("kind", "script"), [("rcS", "rcS"), ("sd-card", "S70sdcard")])
def test_a_start_script_opens_telnet(tmp_path: Path, kind: str, script: str) -> None:
    write_start_scripts(tmp_path, Posture(startup_telnet=kind))
    assert "telnetd" in (tmp_path / "etc/init.d" / script).read_text()
