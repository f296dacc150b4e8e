"""The user accounts of the emulated camera: web interface, ONVIF and RTSP share them.

ONVIF (WS-UsernameToken) and HTTP/RTSP digest need the password itself on the camera's side, so
passwords are kept recoverable: sealed with AES-256-GCM under a key that is unique to the unit and
lies in its one-time-programmable area. The user name is bound to the seal as associated data, so
entries cannot be swapped between users.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from devices.emulated.flash import read_json, write_json, write_whole
from devices.emulated.label import label_password
from devices.emulated.posture import Posture

Role = Literal["admin", "operator", "viewer"]
ROLES: tuple[Role, ...] = get_args(Role)
MAX_PASSWORD = 128
MAX_USERS = 32
LABEL_USER = "admin"
"""Whose password the one on the label is, where it opens more than the set-up."""

_ROUNDS = 100_000
_COMMON = Path(__file__).with_name("common_passwords.txt")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_NONCE_BYTES = 12
_CLOUD_MASK = 0x5A
_KINDS = {
    "a capital letter": string.ascii_uppercase,
    "a small letter": string.ascii_lowercase,
    "a digit": string.digits,
    "another character": string.punctuation + " ",
}


class AccountError(ValueError):
    """A change of the accounts that the camera refuses; the message is for its user."""


@dataclass(frozen=True)
class User:
    """One account, without its secret."""

    name: str
    role: Role


@dataclass(frozen=True)
class _Entry:
    role: Role
    password: str
    previous: str = ""  # kept only under the posture old_password_survives


class AccountStore:
    """The accounts in one file; the camera is in its factory state while there are none.

    ``path`` is ``FLASH/data/accounts.json``; the sealing key is ``FLASH/otp/storage-key.bin``,
    made at first use, as a factory would burn it in.
    """

    def __init__(self, path: Path, posture: Posture) -> None:
        self._path = path
        self._posture = posture
        self._in_clear = posture.password_storage == "plain"  # noqa: S105 - a way, not a password
        self._seal = AESGCM(_storage_key(path.parent.parent / "otp" / "storage-key.bin"))
        self.label = label_password(path.parent.parent / "otp")
        self._entries = self._load()
        self._copies = {name: entry.password for name, entry in self._entries.items()}
        self._revoked: list[Callable[[str], None]] = []

    def on_revoked(self, listener: Callable[[str], None]) -> None:
        """Have ``listener`` called with the name of each user removed, or given a new password."""
        self._revoked.append(listener)

    def exists(self) -> bool:
        """Whether first-use set-up has been done; false is the factory state."""
        return bool(self._entries)

    def users(self) -> list[User]:
        """All accounts, by name."""
        return [User(name, entry.role) for name, entry in sorted(self._entries.items())]

    def knows(self, name: str) -> bool:
        """Whether somebody has this name."""
        return self._find(name) is not None

    def check(self, name: str, password: str) -> User | None:
        """The user when name and password are right, else None.

        An unknown name costs the same comparison as a known one.
        """
        entry = self._find(name) or _Entry("viewer", "")
        known = self._find(name) is not None
        right = _same(entry.password, password)
        if self._posture.old_password_survives and entry.previous:
            right = right or _same(entry.previous, password)
        return User(name, entry.role) if known and right else None

    def hash_for(self, surface: str, name: str, password: str) -> None:
        """Under a fault: a costly hash on ``surface`` (web, onvif, rtsp), of known names alone."""
        if surface in self._posture.login_slow_for_known and self._find(name) is not None:
            hashlib.pbkdf2_hmac("sha256", password.encode("utf-8", "replace"), b"salt", _ROUNDS)

    def password(self, name: str, service: str = "") -> str | None:
        """The clear password, for digest calculations; None for an unknown name.

        Under a fault ``service`` (``rtsp``, ``onvif``) has a list of users of its own, which no
        change and no removal reaches.
        """
        if service in self._posture.users_copied:
            return self._copies.get(name)
        entry = self._find(name)
        return entry.password if entry else None

    def role(self, name: str) -> Role | None:
        """The role of an account; None for an unknown name."""
        entry = self._find(name)
        return entry.role if entry else None

    def create(self, name: str, password: str, role: str, way: str = "create") -> None:
        """Add an account; raises AccountError when the name, password or role is not acceptable.

        ``way``: create, setup or onvif-create, as ``problem_with`` has it.
        """
        if not _NAME.fullmatch(name):
            raise AccountError("a user name is 1 to 32 letters, digits, dots, hyphens, underscores")
        if name in self._entries:
            raise AccountError("this user name is taken")
        if len(self._entries) >= MAX_USERS:
            raise AccountError(f"there are already {MAX_USERS} users")
        if problem := self.problem_with(name, password, way):
            raise AccountError(problem)
        self._entries[name] = _Entry(_role(role), password)
        self._copies[name] = password
        self._save()

    def set_password(self, name: str, password: str, way: str = "change") -> None:
        """Change a password; raises AccountError when the rule or the name forbids it.

        ``way``: change or onvif-set, as ``problem_with`` has it.
        """
        entry = self._own(name)
        if problem := self.problem_with(name, password, way):
            raise AccountError(problem)
        previous = entry.password if self._posture.old_password_survives else ""
        self._entries[name] = _Entry(entry.role, password, previous)
        self._save()
        if password != entry.password:
            self._tell_revoked(name)

    def set_role(self, name: str, role: str) -> None:
        """Change a role; raises AccountError, also when no administrator would be left."""
        entry = self._own(name)
        wanted = _role(role)
        if wanted != "admin":
            self._keep_an_admin(without=name)
        self._entries[name] = _Entry(wanted, entry.password, entry.previous)
        self._save()

    def delete(self, name: str) -> None:
        """Remove an account; raises AccountError, also for the last administrator."""
        self._own(name)
        self._keep_an_admin(without=name)
        del self._entries[name]
        self._save()
        self._tell_revoked(name)

    def problem_with(self, name: str, password: str, way: str = "create") -> str:
        """What breaks the password rule, as a sentence; empty when nothing does.

        ``way``: how the password comes in; a posture lets some of them pass anything.
        """
        if way in self._posture.password_rule_skipped:
            return "" if 0 < len(password) <= MAX_PASSWORD else "a password is needed"
        if len(password) < self._posture.password_min_length:
            return f"a password has at least {self._posture.password_min_length} characters"
        if len(password) > MAX_PASSWORD or not password.isprintable():
            return f"a password has at most {MAX_PASSWORD} characters, all printable"
        if self._posture.password_complexity:
            missing = [kind for kind, chars in _KINDS.items() if not set(password) & set(chars)]
            if missing:
                return f"a password needs {' and '.join(missing)}"
        if not self._posture.password_may_hold_username and self._holds(name, password):
            return "a password must not hold the user name"
        if self._posture.password_common_refused and password.lower() in _common_passwords():
            return "this password is too common"
        return ""

    def _holds(self, name: str, password: str) -> bool:
        if self._posture.password_username_inside:
            return name.lower() == password.lower()
        return name.lower() in password.lower()

    def _tell_revoked(self, name: str) -> None:
        for listener in self._revoked:
            listener(name)

    def _find(self, name: str) -> _Entry | None:
        factory_name, _, factory_password = self._posture.factory_account.partition(":")
        if not self._entries and factory_name and name == factory_name:
            return _Entry("admin", factory_password)
        by_label = self._posture.label_logs_in and self.label
        if not self._entries and by_label and name == LABEL_USER:
            return _Entry("admin", self.label)
        return self._entries.get(name)

    def _own(self, name: str) -> _Entry:
        try:
            return self._entries[name]
        except KeyError:
            raise AccountError("there is no such user") from None

    def _keep_an_admin(self, *, without: str) -> None:
        others = (entry for name, entry in self._entries.items() if name != without)
        if not any(entry.role == "admin" for entry in others):
            raise AccountError("the last administrator cannot be removed")

    def _save(self) -> None:
        rows = {
            name: {
                "role": entry.role,
                "password": self._sealed(name, entry.password),
                "previous": self._sealed(name, entry.previous) if entry.previous else "",
            }
            for name, entry in self._entries.items()
        }
        write_json(self._path, {"users": rows})
        if self._posture.kept_for_cloud:
            self._keep_for_cloud()

    def _keep_for_cloud(self) -> None:
        """As cameras do that hand the password on to a cloud: beside the sealed accounts."""
        name, entry = next((n, e) for n, e in self._entries.items() if e.role == "admin")
        raw = f"{name}\n{entry.password}\n".encode()
        masked = self._posture.kept_for_cloud == "xor"
        kept = bytes(byte ^ _CLOUD_MASK for byte in raw) if masked else base64.b64encode(raw)
        write_whole(self._path.with_name("cloud.bin"), kept)

    def _load(self) -> dict[str, _Entry]:
        rows = read_json(self._path, {}).get("users", {})
        return {
            name: _Entry(
                _role(row["role"]),
                self._opened(name, row["password"]),
                self._opened(name, row["previous"]) if row["previous"] else "",
            )
            for name, row in rows.items()
        }

    def _sealed(self, name: str, password: str) -> str:
        if self._in_clear:
            return password
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._seal.encrypt(nonce, password.encode(), name.encode())
        return base64.b64encode(nonce + sealed).decode("ascii")

    def _opened(self, name: str, stored: str) -> str:
        """The clear password; a seal that does not open closes its account, not the camera."""
        if self._in_clear:
            return stored
        try:
            raw = base64.b64decode(stored)
            return self._seal.decrypt(
                raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], name.encode()
            ).decode()
        except (InvalidTag, ValueError):
            return secrets.token_urlsafe(32)


def _role(role: str) -> Role:
    if role not in ROLES:
        raise AccountError(f"a role is one of {', '.join(ROLES)}")
    return role


@cache
def _common_passwords() -> frozenset[str]:
    return frozenset(_COMMON.read_text("utf-8").lower().split())


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode("utf-8", "replace"), right.encode("utf-8", "replace"))


def _storage_key(path: Path) -> bytes:
    if not path.exists():
        write_whole(path, AESGCM.generate_key(bit_length=256))
    return path.read_bytes()
