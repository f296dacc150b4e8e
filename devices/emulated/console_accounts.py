"""Who may log in on the serial console: service accounts with passwords of each unit's label.

The passwords are burnt in with the unit's identity; at the first start their hashes are written to
``FLASH/data/console.passwd``, by the method of ``posture.console_hash``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from pathlib import Path

import bcrypt

from devices.emulated.flash import read_json, write_whole
from devices.emulated.posture import Posture

CONSOLE_USERS = ("service", "monitor")
_REALM = "console"
_COST, _LOW_ITERATIONS = 10, 1000
_ONE_SALT = b"$2b$10$LumivistaLumivistaLumu"


class ConsoleAccounts:
    """The service accounts of one unit."""

    def __init__(self, flash: Path, posture: Posture) -> None:
        self._path = flash / "data" / "console.passwd"
        self._label = flash / "otp" / "console.json"
        self._method = posture.console_hash

    def prepare(self) -> None:
        """Write the hashes at the first start after the factory; takes some tenths of a second."""
        if not self._path.exists():
            burnt: dict[str, str] = read_json(self._label, {})
            rows = [f"{name}:{_form(self._method, name, burnt[name])}\n" for name in sorted(burnt)]
            write_whole(self._path, "".join(rows).encode())

    def check(self, name: str, password: str, *, as_long: bool = False) -> bool:
        """Whether this service account has this password; ``as_long`` for one that is none."""
        try:
            rows = self._path.read_text("utf-8").splitlines()
        except OSError:
            return False
        known = dict(row.split(":", 1) for row in rows if ":" in row)
        if name not in known and as_long and known:
            _opens(next(iter(known.values())), name, password)
        return name in known and _opens(known[name], name, password)


def _form(method: str, name: str, password: str) -> str:
    if method == "sha1":
        return _sha1(password)
    if method == "ha1":
        return f"{_REALM}:{_ha1(name, password)}"
    if method == "pbkdf2-low":
        return _pbkdf2(password, os.urandom(16))
    salt = _ONE_SALT if method == "shared-salt" else bcrypt.gensalt(_COST)
    return bcrypt.hashpw(password.encode(), salt).decode()


def _opens(stored: str, name: str, password: str) -> bool:
    if stored.startswith("$2b$"):
        return bcrypt.checkpw(password.encode()[:72], stored.encode())
    if stored.startswith("$pbkdf2-"):
        salt = base64.b64decode(stored.split("$")[3])
        return hmac.compare_digest(_pbkdf2(password, salt), stored)
    form = f"{_REALM}:{_ha1(name, password)}" if ":" in stored else _sha1(password)
    return hmac.compare_digest(form, stored)


def _sha1(password: str) -> str:
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest()


def _ha1(name: str, password: str) -> str:
    text = f"{name}:{_REALM}:{password}".encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def _pbkdf2(password: str, salt: bytes) -> str:
    derived = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _LOW_ITERATIONS)
    salted, digest = (base64.b64encode(raw).decode() for raw in (salt, derived))
    return f"$pbkdf2-sha256${_LOW_ITERATIONS}${salted}${digest}"
