"""OpenSSH and Dropbear as cameras, started as ``ssh_cameras.toml`` says.

Each runs in a namespace of mounts and processes of its own, with its own ``/etc/passwd``,
``/etc/shadow``, ``/etc/ssh/sshd_config`` and ``/home``: logins are real, and the accounts of the
machine are untouched.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from foreign_cameras import Expected

from devices.emulated.addresses import reserved_address

sys.path.append(str(Path(__file__).parents[1]))  # what is shared with the tests above
from ssh_servers import STRONG, await_port, found

TABLE = Path(__file__).with_name("ssh_cameras.toml")
PORT = 22
GUEST_PASSWORD = "Walnut-Harbour-27"
ROOT_PASSWORD = "admin"  # one of the two that are published most often
_NAMESPACE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_IDS = {"lab": 61001, "guest": 61002}
_SCRIPT = """\
set -e
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/shadow" /etc/shadow
mkdir -p /etc/ssh
[ -e /etc/ssh/sshd_config ] && mount --bind "$1/config" /etc/ssh/sshd_config
mount -t tmpfs -o mode=755 none /home
mkdir -p /home/lab/.ssh /home/guest
cp "$1/key.pub" /home/lab/.ssh/authorized_keys
chown -R 61001:61001 /home/lab
chown -R 61002:61002 /home/guest
chmod -R go= /home/lab
if [ -e /usr/lib/openssh/sftp-server ]; then
    cp /usr/lib/openssh/sftp-server /home/sftp-as-root
    chmod 4755 /home/sftp-as-root
fi
shift
exec "$@"
"""


@dataclass(frozen=True)
class SshCamera:
    """One row of the table."""

    name: str
    program: str
    expected: dict[str, Expected]
    settings: dict[str, str] = field(default_factory=dict)
    options: list[str] = field(default_factory=list)
    keys: list[tuple[str, int]] = field(default_factory=lambda: [("ed25519", 0), ("rsa", 3072)])
    root: str = "locked"
    strong: bool = True
    slow: bool = False  # for `tox -e slow`: minutes of delays, or like another row
    seconds: int = 0  # about; those that take longest begin first


def cameras() -> list[SshCamera]:
    """The table: every server with the verdicts that it deserves."""
    content = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return [_camera(dict(row), content["group"]) for row in content["camera"]]


def _camera(row: dict[str, Any], groups: dict[str, dict[str, Any]]) -> SshCamera:
    rows = dict(groups["all"])
    for group in row.pop("groups"):
        rows |= groups[group]
    rows |= row.pop("expected", {})
    return SshCamera(**row, expected={case: Expected(**values) for case, values in rows.items()})


def namespaces() -> bool:
    """Whether this machine lets us make the namespace that these servers need."""
    if os.geteuid() != 0:
        return False
    return subprocess.run([*_NAMESPACE, "true"], check=False, capture_output=True).returncode == 0


@contextmanager
def running(camera: SshCamera, folder: Path) -> Iterator[Path]:
    """Run a server of the table; yields the device file."""
    folder.mkdir(parents=True)
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key"))
    _write_accounts(camera, folder)
    with reserved_address() as address:
        command = _command(camera, folder, address)
        with (folder / "server.log").open("wb") as log:
            process = subprocess.Popen(
                [*_NAMESPACE, "sh", "-c", _SCRIPT, "sh", str(folder), *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            await_port(process, PORT, address)
            yield _device_file(camera, folder, address)
        finally:
            process.kill()  # with it goes all that runs in the namespace
            process.wait(timeout=10)


def _command(camera: SshCamera, folder: Path, address: str) -> list[str]:
    hosts = []
    for number, (kind, bits) in enumerate(camera.keys):
        path = str(folder / f"host{number}")
        size = ["-s" if camera.program == "dropbear" else "-b", str(bits)] if bits else []
        if camera.program == "dropbear":
            _run("dropbearkey", "-t", kind, *size, "-f", path)
        else:
            _run("ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-f", path)
        hosts.append(path)
    (folder / "config").touch()
    if camera.program == "dropbear":
        keys = [word for path in hosts for word in ("-r", path)]
        where = ["-p", f"{address}:{PORT}", "-P", str(folder / "pid")]
        return [found("dropbear"), "-F", "-E", *where, *keys, *camera.options]
    settings: dict[str, object] = {
        "ListenAddress": address, "Port": PORT, "PidFile": folder / "pid", "StrictModes": "no",
        "UsePAM": "no", "PasswordAuthentication": "no", "KbdInteractiveAuthentication": "no",
        **(STRONG if camera.strong else {}), **camera.settings,
    }  # fmt: skip
    lines = [f"{name} {value}" for name, value in settings.items()]
    lines += [f"HostKey {path}" for path in hosts]
    (folder / "config").write_text("\n".join(lines) + "\n", encoding="utf-8")
    Path("/run/sshd").mkdir(exist_ok=True)  # where a root-run sshd keeps its empty root
    return [found("sshd"), "-D", "-e", "-f", str(folder / "config")]


def _write_accounts(camera: SshCamera, folder: Path) -> None:
    """Accounts of the namespace; the laboratory's user may read the hashes."""
    passwd = Path("/etc/passwd").read_text(encoding="utf-8")
    passwd += "".join(f"{n}:x:{i}:{i}::/home/{n}:/bin/sh\n" for n, i in _IDS.items())
    (folder / "passwd").write_text(passwd, encoding="utf-8")
    root = {"locked": "*", "empty": "", "password": _hash(ROOT_PASSWORD)}[camera.root]
    hashes = {"root": root, "lab": "*", "guest": _hash(GUEST_PASSWORD)}
    names = [line.partition(":")[0] for line in passwd.splitlines()]
    lines = [f"{name}:{hashes.get(name, '*')}:20000:0:99999:7:::" for name in names]
    shadow = folder / "shadow"
    shadow.write_text("\n".join(lines) + "\n", encoding="utf-8")
    shadow.chmod(0o640)
    os.chown(shadow, 0, _IDS["lab"])


def _hash(password: str) -> str:
    done = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"],
        input=password, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def _device_file(camera: SshCamera, folder: Path, address: str) -> Path:
    (folder / "guest.txt").write_text(GUEST_PASSWORD + "\n")
    content = {
        "schema_version": 1,
        "device": {
            "manufacturer": camera.program,
            "model": camera.name,
            "hardware": "none",
            "serial": camera.name,
            "firmware": {"version": "1.0"},
        },
        "authorisation": {
            "granted_by": "the tests",
            "reference": "tests/interop",
            "expires": date.today() + timedelta(days=2),
            "addresses": [address],
            "allow": ["lockout"],
        },
        "links": {"ssh": {"host": address, "port": PORT, "account": "lab"}},
        "accounts": {
            "lab": {"username": "lab", "key": {"file": "key"}, "services": ["ssh"]},
            "guest": {
                "username": "guest",
                "role": "viewer",
                "purpose": "lockout",
                "password": {"file": "guest.txt"},
                "services": ["ssh"],
            },
        },
        "declared": {
            "services": [
                {
                    "name": "ssh",
                    "port": PORT,
                    "transport": "tcp",
                    "protocol": "ssh",
                    "purpose": "service",
                    "encrypted": True,
                }
            ],
            "os_accounts": ["lab", "guest"],
            "lockout": {"attempts": 2},
        },
    }
    path = folder / "camera.toml"
    path.write_text(tomli_w.dumps(content))
    return path


def _run(program: str, *words: str) -> None:
    done = subprocess.run([found(program), *words], check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(f"{program}: {done.stderr}")
