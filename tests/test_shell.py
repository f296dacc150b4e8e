"""The emulated camera's shell: the language, the applets, and that it shows nothing of the host."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.emulated.maker.os_accounts import find_account, write_accounts, write_start_scripts
from devices.emulated.posture import Posture
from devices.emulated.settings import Settings
from devices.emulated.shell.file_view import FileView
from devices.emulated.shell.kernel import Kernel
from devices.emulated.shell.language import ShellSyntaxError, parse
from devices.emulated.shell.shell import Shell
from devices.emulated.unit import DeviceInformation, make_unit, reported


@dataclass
class StandIn:
    flash: Path
    address: str = "127.0.0.1"
    posture: Posture = field(default_factory=Posture)

    @property
    def root(self) -> Path:
        return self.flash / "slot-a" / "rootfs"

    @property
    def settings(self) -> Settings:
        return Settings(self.flash / "data" / "settings.json")

    @property
    def reported(self) -> DeviceInformation:
        return reported(make_unit(), "2.4.1", self.posture)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    camera = StandIn(tmp_path)
    write_accounts(camera.root, camera.posture)
    write_start_scripts(camera.root, camera.posture)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "note").write_text("one\ntwo\nthree\n")
    (tmp_path / "otp").mkdir()
    (tmp_path / "otp" / "device-key.pem").write_text("secret of the unit")
    user = find_account(camera.root, "lab")
    assert user is not None
    return Shell(camera, Kernel(camera), user)


@pytest.mark.parametrize(
    ("line", "output", "status"),
    [
        ("echo a b", "a b\n", 0),
        ("echo 'a  b' \"$USER\" '$USER'", "a  b lab $USER\n", 0),
        ("cat /data/note | grep t | wc -l", "2\n", 0),
        ("head -n 1 /data/note; tail -1 /data/note", "one\nthree\n", 0),
        ("false && echo no || echo yes", "yes\n", 0),
        ("false; echo $?; true; echo $?", "1\n0\n", 0),
        ("cat /nothing 2>/dev/null || echo none", "none\n", 0),
        ("cat /nothing >/dev/null 2>&1", "", 1),
        ("nonesuch", "", 127),
        ("nonesuch 2>&1", "sh: nonesuch: not found\n", 127),
        ("cd /etc && pwd && cat hostnone 2>/dev/null", "/etc\n", 1),
        ("ls /etc/init.d/S*0httpd", "/etc/init.d/S40httpd\n", 0),
        ("echo '*' /data/no*", "* /data/note\n", 0),
        ("[ -f /data/note ] && test -d /data && echo ok", "ok\n", 0),
        ("find /data -type f -name 'no*'", "/data/note\n", 0),
        ("id", "uid=1000(lab) gid=1000(lab)\n", 0),
        ("X=5; echo $X ${X}", "5 5\n", 0),
        ("wc -c < /data/note", "14\n", 0),
        ("sha256sum /data/note | head -c 8", "b6285c57", 0),
        ("busybox cat /data/note | tail -n 1", "three\n", 0),
        ("sh -c 'echo inner'", "inner\n", 0),
        ("echo one # two", "one\n", 0),
        ("echo x > /etc/passwd", "", 1),
        ("exit 3; echo no", "", 3),
    ],
)
def test_lines(shell: Shell, line: str, output: str, status: int) -> None:
    outcome = shell.run(line)
    assert (outcome.output.decode(), outcome.status) == (output, status)


@pytest.mark.parametrize(
    "line", ["echo 'open", "| cat", "a ||", "a && ; b", "echo >", "(ls)", "a `b`", "echo $(ls)"]
)
def test_what_is_not_understood_is_a_syntax_error(shell: Shell, line: str) -> None:
    assert shell.run(line).status == 2


@pytest.mark.parametrize(
    "path",
    [
        "/../otp/device-key.pem",
        "/data/../../otp/device-key.pem",
        "/data/../otp/device-key.pem",
        "/proc/self/environ",
        "/etc/../../../otp/device-key.pem",
        "/escape/otp/device-key.pem",
    ],
)
def test_no_path_leads_out_of_the_camera(shell: Shell, path: str) -> None:
    (shell.camera.root / "escape").symlink_to(shell.camera.flash)
    assert shell.run(f"cat {path}").output == b""


def test_the_kernel_s_files(shell: Shell) -> None:
    view = FileView(shell.camera, shell.kernel)
    assert view.names("/proc/net") == ["tcp", "tcp6", "udp", "udp6"]
    assert b"local_address" in view.read("/proc/net/tcp")
    assert view.read("/sys/class/net/eth0/address") == b"00:00:5e:00:53:01\n"
    assert b"init" in shell.run("cat /proc/1/cmdline").output


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.text(max_size=60) | st.text("echocatls /&|;<>2'\"$*?[]{}\\\n", max_size=30))
def test_no_line_breaks_the_shell(shell: Shell, line: str) -> None:
    shell.ended = False
    outcome = shell.run(line)
    assert isinstance(outcome.status, int)


@given(st.text("ab '\"\\$|&;<>\n#", max_size=40))
def test_no_line_breaks_the_parser(line: str) -> None:
    try:
        parse(line)
    except ShellSyntaxError:
        return
