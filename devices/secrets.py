"""Secrets of a device file, fetched when needed, from the environment or a file."""

from __future__ import annotations

import base64
import json
import os
import re
import threading
from collections.abc import Iterator
from urllib.parse import quote, quote_plus
from xml.sax import saxutils

from devices.description import Account, DeviceFile, Role, Secret
from devices.errors import DeviceFileError
from devices.text import writable
from devices.trial_password import LENGTH, strong_password

SHORTEST = 4
"""A shorter secret is not redacted: that would redact half of every document."""


class Secrets:
    """Gives passwords and keys of the accounts; remembers them so that evidence can be redacted."""

    def __init__(self, device: DeviceFile) -> None:
        self._accounts = device.accounts
        self._initial = device.factory.password
        self._longest = device.declared.passwords.max_length or LENGTH
        self._known: dict[str, str] = {}  # value -> label
        self._lock = threading.Lock()
        self._marks: list[tuple[bytes, bytes]] = []

    def password(self, account: str) -> str:
        """The password of an account. Raises DeviceFileError when it cannot be had."""
        return self._fetch(account, "password", whole=False)

    def initial(self) -> str:
        """The initial password of the unit. Raises DeviceFileError when it cannot be had."""
        where = "factory.password"
        if self._initial is None:
            raise DeviceFileError(f"{where} is not given; give {{ env = ... }} or {{ file = ... }}")
        value = (_read(self._initial, where).splitlines() or [""])[0]
        if not value:
            raise DeviceFileError(f"{where} is empty")
        self._know({where: value})
        return value

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
        self._know({label: value})

    def trial_password(self) -> str:
        """A strong random password, not longer than this camera takes; redacted from now on."""
        password = strong_password(min(LENGTH, self._longest))
        self.remember("trial.password", password)
        return password

    def check(self) -> None:
        """Fetch every secret once. Raises DeviceFileError naming each that is missing."""
        if missing := self.missing():
            lines = [f"{'.'.join(where)}: {message}" for where, message in missing]
            raise DeviceFileError("\n".join(lines))

    def missing(self) -> list[tuple[tuple[str, ...], str]]:
        """The secrets that cannot be had: where they are named, and why not."""
        found: list[tuple[tuple[str, ...], str]] = []
        for name, account in self._accounts.items():
            for kind, fetch in (("password", self.password), ("key", self.key)):
                if getattr(account, kind) is None:
                    continue
                try:
                    fetch(name)
                except DeviceFileError as error:
                    why = str(error).removeprefix(f"accounts.{name}.{kind}").lstrip(": ")
                    found.append((("accounts", name, kind), why))
        if self._initial is not None:
            try:
                self.initial()
            except DeviceFileError as error:
                why = str(error).removeprefix("factory.password").lstrip(": ")
                found.append((("factory", "password"), why))
        return found

    def redact(self, data: bytes) -> bytes:
        """Replace every known secret, plain or in any usual way to write it, by its label."""
        for form, mark in self._marks:
            data = data.replace(form, mark)
        return data

    def blot(self, data: bytes) -> bytes:
        """The same, each label cut or filled up to the length of what it replaces."""
        for form, mark in self._marks:
            data = data.replace(form, mark[: len(form)].ljust(len(form), b"*"))
        return data

    def redact_text(self, text: str) -> str:
        """The same for text, which UTF-8 can hold afterwards."""
        return writable(self.redact(_bytes(text)).decode(errors="surrogateescape"))

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
        known = {f"{account}.{kind}": value}
        if kind == "password":  # as HTTP and RTSP Basic authentication write it
            known[f"{account}.basic"] = f"{self._accounts[account].username}:{value}"
        self._know(known)
        return value

    def _know(self, secrets: dict[str, str]) -> None:
        """Redact these values from now on, besides those that their labels stood for before."""
        with self._lock:  # links log in from several threads
            new = {value: label for label, value in secrets.items() if value not in self._known}
            if not new:
                return
            self._known |= new
            marks = dict(self._marks)
            for value, label in new.items():
                if len(value) >= SHORTEST:
                    marks |= dict.fromkeys(_forms(value), f"[redacted:{label}]".encode())
            # The longest first: what is inside another secret, or its plain form, comes later.
            self._marks = sorted(marks.items(), key=lambda item: -len(item[0]))


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
    """The ways in which programs write a secret. A key's last line break may be left out."""
    found = set()
    for text in {value, value.strip()}:
        if len(text) >= SHORTEST:
            raw = _bytes(text)
            found |= {raw, base64.b64encode(raw), base64.urlsafe_b64encode(raw)}
            found |= {_bytes(form) for form in _written(text)}
    return found


_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Lone surrogates that ``surrogateescape`` does not know."""


def _bytes(text: str) -> bytes:
    # The environment may hold any bytes; a camera may even send what stands for no byte.
    return _NO_BYTE.sub(lambda m: writable(m[0]), text).encode(errors="surrogateescape")


_BREAKS = str.maketrans({"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
"""How attributes of XML keep white space."""


def _written(text: str) -> Iterator[str]:
    for safe in ("", "/"):
        for quoted in (quote, quote_plus):
            form = quoted(text, safe=safe, errors="surrogateescape")
            yield form
            yield re.sub("%..", lambda code: code.group().lower(), form)
    for ascii_only in (True, False):
        form = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield form
        yield form.replace("/", "\\/")  # as PHP writes it
    for apostrophe in ("'", "&apos;", "&#39;", "&#x27;"):
        for quotation in ('"', "&quot;", "&#34;"):
            form = saxutils.escape(text, {"'": apostrophe, '"': quotation})
            yield form
            yield form.translate(_BREAKS)
            yield form.translate(_BREAKS).encode("ascii", "xmlcharrefreplace").decode()
            yield form.encode("ascii", "xmlcharrefreplace").decode()
    # Python, in assertions and exceptions: whether quotes are escaped depends on what is around.
    for apostrophe in ("'", "\\'"):
        yield apostrophe.join(repr(part + '"')[1:-2] for part in text.split("'"))
        yield apostrophe.join(repr(part + b'"')[2:-2] for part in _bytes(text).split(b"'"))
