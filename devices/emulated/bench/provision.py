"""First-use set-up of the emulated camera over HTTPS, and what its maker declares of the web part.

Run by the bench, not by the camera: it knows only what the network offers. Light imports, because
it stands between the power switch and the first test.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import socket
import ssl
import string
import sys
import time
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any

from devices.emulated.addresses import PORTS
from devices.errors import BenchError

DECLARATION = Path(__file__).parents[1] / "web" / "access.toml"
TIMEOUT = 10.0  # s
_PASSWORD_LENGTH = 20
_SYMBOLS = "-_.+="  # need no quoting in URLs' user part, shells or XML


def provision(address: str, ca_pem: str, secrets_dir: Path, ssh_public_key: str) -> None:
    """Take a camera from factory state to the declared state; does nothing to one that is there.

    ``ca_pem``: the authority of its certificate, as PEM text. Passwords are taken from
    ``secrets_dir/<account>.txt``, or made up and written there (mode 0600). ``ssh_public_key``:
    the OpenSSH public key line of the laboratory. Raises BenchError when the camera refuses.
    """
    accounts = _declaration()["accounts"]
    passwords = {name: _password(secrets_dir / f"{name}.txt") for name in accounts}
    try:
        with closing(_connect(address, ca_pem)) as connection:
            label = secrets_dir / "label.txt"
            read = label.read_text("ascii").strip() if label.exists() else ""
            _set_up(_Client(connection), passwords, ssh_public_key, read)
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        raise BenchError(f"provisioning {address}: {type(error).__name__}: {error}") from error


def _set_up(client: _Client, passwords: dict[str, str], ssh_public_key: str, label: str) -> None:
    if client.call("GET", "/api/status")["state"] != "factory":
        return
    first = {"username": "admin", "password": passwords["admin"]}
    client.call("POST", "/api/setup", first | {"label": label})
    client.token = client.call("POST", "/api/session", first)["csrf"]
    for name, account in _declaration()["accounts"].items():
        if name != "admin":
            row = {"username": name, "password": passwords[name], "role": account["role"]}
            client.call("POST", "/api/users", row)
    ssh = {"enabled": True, "authorized_keys": [ssh_public_key.strip()]}
    client.call("PUT", "/api/settings", {"ssh": ssh})
    client.call("DELETE", "/api/session")


def web_declaration(address: str, state_dir: Path) -> dict[str, Any]:
    """What the device file says about the web interface, as plain data to merge into it.

    ``links.http`` (without ``trust``, which the bench knows), ``accounts`` (passwords as file
    references into ``state_dir/secrets``), and ``declared`` with ``api``, ``passwords``,
    ``lockout``.
    """
    declaration = _declaration()
    accounts = {
        name: {
            "username": name,
            **account,
            "password": {"file": str(state_dir / "secrets" / f"{name}.txt")},
        }
        for name, account in declaration["accounts"].items()
    }
    link = {
        "url": f"https://{address}:{PORTS['https']}",
        "authentication": "session",
        "token": {"json_field": "csrf", "header": "X-CSRF-Token", "prefix": ""},
        "operations": declaration["operations"],
    }
    return {
        "links": {"http": link},
        "accounts": accounts,
        "declared": {
            "api": _resources(),
            "passwords": {"min_length": 8, "user_set": True},
            "lockout": {"attempts": 5, "seconds": 300, "scope": "account"},
        },
    }


def _declaration() -> dict[str, Any]:
    declaration: dict[str, Any] = tomllib.loads(DECLARATION.read_text("utf-8"))["declaration"]
    return declaration


def _resources() -> list[dict[str, Any]]:
    """The resources that exist once the camera is set up, as ``declared.api``."""
    rows = tomllib.loads(DECLARATION.read_text("utf-8"))["resource"]
    shown = ("method", "path", "roles", "purpose")
    return [{key: row[key] for key in shown} for row in rows if row.get("factory") != "only"]


def _password(path: Path) -> str:
    """The password in ``path``; a random one is written there first when there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(_random_password() + "\n")
    return path.read_text(encoding="ascii").splitlines()[0]


def _random_password() -> str:
    """A password of four kinds of character that starts with a letter."""
    kinds = (string.ascii_uppercase, string.ascii_lowercase, string.digits, _SYMBOLS)
    every = "".join(kinds)
    while True:
        password = "".join(secrets.choice(every) for _ in range(_PASSWORD_LENGTH))
        if password[0].isalpha() and all(set(password) & set(kind) for kind in kinds):
            return password


class _Client:
    """JSON calls on one connection that keeps the session cookie."""

    def __init__(self, connection: http.client.HTTPSConnection) -> None:
        self._connection = connection
        self._cookie = ""
        self.token = ""

    def call(self, method: str, path: str, value: Any = None) -> Any:
        """Return the JSON answer, None when it is empty; raises BenchError above status 299."""
        body = b"" if value is None else json.dumps(value).encode()
        headers = {"Content-Type": "application/json"} if body else {}
        if self._cookie:
            headers |= {"Cookie": self._cookie, "X-CSRF-Token": self.token}
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        data = answer.read(1_000_000)
        if answer.status > 299:
            said = data[:200].decode("utf-8", "replace")
            raise BenchError(f"provisioning: {method} {path}: {answer.status} {said}")
        if cookie := answer.getheader("Set-Cookie"):
            self._cookie = cookie.partition(";")[0]
        return json.loads(data) if data else None


def _connect(address: str, ca_pem: str) -> http.client.HTTPSConnection:
    """Connect, authenticating the camera if its certificate allows that.

    A camera whose certificate is at fault is set up all the same: finding the fault is the
    business of the tests that come afterwards.
    """
    context = ssl.create_default_context(cadata=ca_pem)
    connection = http.client.HTTPSConnection(
        address, PORTS["https"], timeout=TIMEOUT, context=context
    )
    try:
        connection.connect()
    except ssl.SSLError:
        connection.close()
        connection = http.client.HTTPSConnection(
            address, PORTS["https"], timeout=TIMEOUT, context=_tolerant()
        )
        connection.connect()
    return connection


def _tolerant() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def wait_for_service(address: str, seconds: float = 60.0) -> None:
    """Wait until the web interface accepts connections. Raises BenchError past ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((address, PORTS["https"]), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise BenchError(f"{address} offers no web interface after {seconds} s") from None
            time.sleep(0.02)
        else:
            return


def set_up(address: str, state: Path) -> None:
    """Wait for the camera of the bench folder ``state`` and provision it. Raises BenchError."""
    wait_for_service(address)
    trust = (state / "papers" / "device-trust.pem").read_text("ascii")
    public_key = (state / "secrets" / "lab-key.pub").read_text("ascii")
    provision(address, trust, state / "secrets", public_key)


def main() -> int:
    """The bench's command: ``... bench.provision ADDRESS STATE``; returns the exit code."""
    try:
        set_up(sys.argv[1], Path(sys.argv[2]))
    except (BenchError, OSError, IndexError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is a program
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
