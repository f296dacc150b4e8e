"""Operating-system accounts and start scripts of an emulated camera's root file system.

``write_accounts`` and ``write_start_scripts`` write into a root directory when the firmware is
built; the same posture gives the same bytes, so that a bundle, a slot and a software bill of
materials made from it agree. ``check_os_password`` judges a login against the shadow file as the
C library would, for SSH, telnet and the serial console.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import bcrypt

from devices.emulated.posture import Posture
from devices.emulated.ssh.demonstration_keys import VENDOR_PHRASE, derived_key, public_line
from devices.protocols.unix_crypt import md5_crypt, sha_crypt

LOCKED = "*"
NO_LOGIN = "/usr/sbin/nologin"
_LAST_CHANGE = 20454
"""Day of the last password change (days since 1970) in every shadow row: 2026-01-01."""
_BCRYPT_COST = 10
_BCRYPT_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True)
class OsAccount:
    """One row of ``/etc/passwd`` with its row of ``/etc/shadow``.

    ``password`` is the shadow file's second field: empty means that no password is asked.
    """

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    password: str

    @property
    def can_log_in(self) -> bool:
        """Whether the shell is one that lets a user work."""
        return Path(self.shell).name not in ("nologin", "false")


_BASE = (
    OsAccount("root", 0, 0, "/root", "/bin/sh", LOCKED),
    OsAccount("daemon", 1, 1, "/var", NO_LOGIN, LOCKED),
    OsAccount("httpd", 33, 33, "/var/www", NO_LOGIN, LOCKED),
    OsAccount("media", 34, 34, "/var/media", NO_LOGIN, LOCKED),
    OsAccount("nobody", 65534, 65534, "/", NO_LOGIN, LOCKED),
    OsAccount("lab", 1000, 1000, "/home/lab", "/bin/sh", LOCKED),
)


def write_accounts(root: Path, posture: Posture) -> None:
    """Write ``etc/passwd``, ``etc/shadow``, ``etc/group`` and the home directories."""
    accounts = _accounts(posture)
    etc = root / "etc"
    etc.mkdir(parents=True, exist_ok=True)
    _write(etc / "passwd", (f"{a.name}:x:{a.uid}:{a.gid}::{a.home}:{a.shell}" for a in accounts))
    _write(
        etc / "shadow",
        (f"{a.name}:{a.password}:{_LAST_CHANGE}:0:99999:7:::" for a in accounts),
        mode=0o644 if posture.shadow_readable else 0o600,
    )
    groups = {a.gid: a.name for a in reversed(accounts)}
    _write(etc / "group", (f"{name}:x:{gid}:" for gid, name in sorted(groups.items())))
    for account in accounts:
        if account.can_log_in:
            home = root / account.home.lstrip("/")
            home.mkdir(parents=True, exist_ok=True)
            home.chmod(0o700)
    if posture.authorized_key_of_vendor:
        ssh = root / "root" / ".ssh"
        ssh.mkdir(mode=0o700, exist_ok=True)
        key = public_line(derived_key(VENDOR_PHRASE))
        _write(ssh / "authorized_keys", [f"{key} service@vendor"], mode=0o600)
    if posture.password_storage == "plain":  # noqa: S105 - the name of a scheme
        # BusyBox httpd's own configuration file: path:user:password, in the clear.
        _write(etc / "httpd.conf", [f"/cgi-bin:service:{_made_up_password('service')}"])


def _accounts(posture: Posture) -> list[OsAccount]:
    accounts = {account.name: account for account in _BASE}

    def set_password(name: str, password: str) -> None:
        old = accounts.get(name)
        uid = old.uid if old else 1001 + len(accounts)
        home = old.home if old else f"/home/{name}"
        field = _hashed(name, password, posture)
        accounts[name] = OsAccount(name, uid, uid, home, "/bin/sh", field)

    if posture.password_storage == "md5-crypt":  # noqa: S105 - the name of a scheme
        set_password("lab", _made_up_password("lab"))
    for pair in filter(None, (posture.extra_ssh_account, posture.serial_password)):
        name, _, password = pair.partition(":")
        set_password(name, password)
    if posture.os_vendor_hash:
        name, _, field = posture.os_vendor_hash.partition(":")
        accounts[name] = replace(accounts[name], password=field)
    if posture.os_extra_account:
        name, _, uid = posture.os_extra_account.partition(":")
        field = _hashed(name, _made_up_password(name), posture)
        accounts[name] = OsAccount(name, int(uid), 0, "/root", "/bin/sh", field)
    if posture.os_empty_password:
        accounts["guest"] = OsAccount("guest", 1100, 1100, "/home/guest", "/bin/sh", "")
    return list(accounts.values())


def _made_up_password(name: str) -> str:
    """The same in every build, so that builds are reproducible; known to nobody's dictionary."""
    return hashlib.sha256(f"camproof emulated account {name}".encode()).hexdigest()[:20]


def _hashed(name: str, password: str, posture: Posture) -> str:
    seed = hashlib.sha256(f"salt {name} {password}".encode())
    if posture.password_storage == "md5-crypt":  # noqa: S105 - the name of a scheme
        return md5_crypt(password, seed.hexdigest()[:8])
    # Of the salt's 22nd character only two bits count; '.' has them clear.
    letters = "".join(_BCRYPT_ALPHABET[byte & 0x3F] for byte in seed.digest()[:21])
    salt = f"$2b${_BCRYPT_COST:02d}${letters}."
    return bcrypt.hashpw(password.encode(), salt.encode()).decode()


def read_accounts(root: Path) -> list[OsAccount]:
    """Read the accounts back; rows that are not seven fields with numbers are left out."""
    shadow: dict[str, str] = {}
    for row in _rows(root / "etc" / "shadow"):
        if len(row) >= 2:
            shadow[row[0]] = row[1]
    accounts = []
    for row in _rows(root / "etc" / "passwd"):
        if len(row) == 7 and row[2].isdigit() and row[3].isdigit():
            field = shadow.get(row[0], LOCKED) if row[1] == "x" else row[1]
            accounts.append(OsAccount(row[0], int(row[2]), int(row[3]), row[5], row[6], field))
    return accounts


def find_account(root: Path, user: str) -> OsAccount | None:
    """The account named ``user`` of this root file system, or None."""
    return next((a for a in read_accounts(root) if a.name == user), None)


def check_os_password(root: Path, user: str, password: str) -> bool:
    """Whether ``user`` may log in with ``password``, by the shadow file of this root.

    A locked account, an unknown hash scheme or a shell that refuses work never may.
    """
    account = find_account(root, user)
    if account is None or not account.can_log_in:
        return False
    stored = account.password
    if not stored:
        return True
    if stored.startswith("$1$"):
        salt = stored.split("$")[2]
        return hmac.compare_digest(md5_crypt(password, salt), stored)
    if stored.startswith("$2b$"):
        return bcrypt.checkpw(password.encode()[:72], stored.encode())
    if stored.startswith("$6$"):
        return hmac.compare_digest(sha_crypt(password, stored), stored)
    return _VENDOR_FORMS.get(stored) == password


_VENDOR_FORMS = {"absxcfbgXtb3o": "xc3511"}
"""descrypt forms of vendors whose password is public; this camera computes no DES."""


def write_start_scripts(root: Path, posture: Posture) -> None:
    """Write ``etc/inittab`` and ``etc/init.d``: what the camera starts by itself."""
    init = root / "etc" / "init.d"
    init.mkdir(parents=True, exist_ok=True)
    _write(
        root / "etc" / "inittab",
        [
            "::sysinit:/etc/init.d/rcS",
            "ttyS0::respawn:/sbin/getty -L ttyS0 115200 vt100",
            "::ctrlaltdel:/sbin/reboot",
            "::shutdown:/bin/umount -a -r",
        ],
    )
    rc_lines = ["#!/bin/sh", "mount -a", 'for script in /etc/init.d/S??*; do "$script" start; done']
    if posture.startup_telnet == "rcS":
        rc_lines.append("telnetd -l /bin/sh -p 2323 &")
    _write(init / "rcS", rc_lines, mode=0o755)
    for name, line in {**_SERVICES, "S60sshd": ssh_command(posture)}.items():
        _write(init / name, ["#!/bin/sh", '[ "$1" = start ] || exit 0', line], mode=0o755)
    if posture.startup_telnet == "sd-card":
        script = ["#!/bin/sh", "if [ -f /mnt/sd/telnet_on ]; then", "  telnetd -l /bin/sh &", "fi"]
        _write(init / "S70sdcard", script, mode=0o755)
    if posture.debug_process:
        line = "/usr/bin/gdbserver --multi /dev/ttyS1 &"
        _write(init / "S90debug", ["#!/bin/sh", line], mode=0o755)


def ssh_command(posture: Posture) -> str:
    """The SSH server's command line: -s where it takes no passwords (dropbear(8))."""
    takes = posture.ssh_password_login or posture.ssh_empty_password or posture.extra_ssh_account
    return "/usr/sbin/dropbear" if takes else "/usr/sbin/dropbear -s"


_SERVICES = {
    "S10network": "ifup -a",
    "S40httpd": "/usr/sbin/httpd",
    "S50mediad": "/usr/sbin/mediad",
}


def _rows(path: Path) -> list[list[str]]:
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return []
    return [line.split(":") for line in text.splitlines() if line]


def _write(path: Path, lines: Iterable[str], *, mode: int = 0o644) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    path.chmod(mode)
