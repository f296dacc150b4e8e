"""Secrets of a device file, fetched when needed, from the environment or a file."""

from __future__ import annotations

import base64
import os
from urllib.parse import quote

from devices.description import Account, DeviceFile, Role, Secret
from devices.errors import DeviceFileError


class Secrets:
    """Gives passwords and keys of the accounts; remembers them so that evidence can be redacted."""

    def __init__(self, device: DeviceFile) -> None:
        self._accounts = device.accounts
        self._known: dict[str, str] = {}

    def password(self, account: str) -> str:
        """The password of an account. Raises DeviceFileError when it cannot be had."""
        return self._fetch(account, "password", whole=False)

    def key(self, account: str) -> str:
        """The private SSH key of an account, as text. Raises DeviceFileError."""
        return self._fetch(account, "key", whole=True)

    def account(
        self, *, role: Role = "admin", purpose: str = "test", service: str = ""
    ) -> tuple[str, Account] | None:
        """The first account with this role and purpose that may be used on ``service``."""
        for name, account in self._accounts.items():
            services = account.services or ["http", "onvif", "rtsp"]
            wanted = account.role == role and account.purpose == purpose
            if wanted and (not service or service in services):
                return name, account
        return None

    def remember(self, label: str, value: str) -> None:
        """Redact ``value`` from now on too (a password that a test case made up)."""
        self._known[label] = value

    def check(self) -> None:
        """Fetch every secret once. Raises DeviceFileError naming the first that is missing."""
        for name, account in self._accounts.items():
            if account.password is not None:
                self.password(name)
            if account.key is not None:
                self.key(name)

    def redact(self, data: bytes) -> bytes:
        """Replace every known secret, plain, URL-quoted or in Base64, by its label."""
        for label, value in sorted(self._known.items(), key=lambda item: -len(item[1])):
            if len(value) < 4:  # would redact half of every document
                continue
            mark = f"[redacted:{label}]".encode()
            for form in _forms(value):
                data = data.replace(form, mark)
        return data

    def redact_text(self, text: str) -> str:
        """The same for text."""
        return self.redact(text.encode(errors="surrogatepass")).decode(errors="surrogatepass")

    def _fetch(self, account: str, kind: str, *, whole: bool) -> str:
        where = f"accounts.{account}.{kind}"
        try:
            secret: Secret | None = getattr(self._accounts[account], kind)
        except KeyError:
            raise DeviceFileError(f"there is no account {account!r} in [accounts]") from None
        if secret is None:
            raise DeviceFileError(f"{where} is not given; give {{ env = ... }} or {{ file = ... }}")
        value = _read(secret, where)
        if not whole:
            value = value.splitlines()[0] if value else ""
        if not value:
            raise DeviceFileError(f"{where} is empty")
        self._known[f"{account}.{kind}"] = value
        if kind == "password":  # as HTTP and RTSP Basic authentication write it
            self._known[f"{account}.basic"] = f"{self._accounts[account].username}:{value}"
        return value


def _read(secret: Secret, where: str) -> str:
    if secret.env is not None:
        value = os.environ.get(secret.env)
        if value is None:
            raise DeviceFileError(f"{where}: the environment variable {secret.env} is not set")
        return value
    assert secret.file is not None  # the model admits exactly one of the two
    try:
        return secret.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DeviceFileError(f"{where}: {secret.file} cannot be read: {error}") from error


def _forms(value: str) -> set[bytes]:
    raw = value.encode()
    quoted = quote(value, safe="").encode()
    return {raw, quoted, base64.b64encode(raw)}
