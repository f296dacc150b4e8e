"""A described login on a TCP port as a surface at which passwords can be tried."""

from __future__ import annotations

import json
import re
import socket
import ssl
import time

from devices.description import DeviceFile
from devices.description.tcp_login import TcpLogin
from devices.errors import TimedOut, Unreachable
from devices.links.guessing.surfaces import HUNG_UP, Try
from devices.permit import Permit

PREFIX = "tcp."
_SECONDS = 10.0
_MAX_BYTES = 64 * 1024


class TcpSurface:
    """Logs in by the steps of ``[links.tcp.NAME]``, a connection for each password."""

    def __init__(
        self, name: str, device: DeviceFile, permit: Permit, seconds: float = _SECONDS
    ) -> None:
        """See that somebody listens. Raises Unreachable, TimedOut, OutsideAuthorisation."""
        self._login: TcpLogin = device.links.tcp[name]
        self.kind = PREFIX + name
        self.name = f"{name} (port {self._login.port})"
        self._host = self._login.host or device.host
        self._permit, self._seconds = permit, seconds
        self._connect().close()

    def attempt(self, username: str, password: str) -> Try:
        """Go through the steps; an end of the connection after them is a refusal."""
        began = time.monotonic()
        values = {"username": self._escaped(username), "password": self._escaped(password)}
        login = self._login
        with self._connect() as connection:
            end = began + self._seconds
            for step in login.steps:
                if step.wait:
                    _read(connection, step.wait, end, self.name)
                text = re.sub(r"\{(username|password)\}", lambda m: values[m[1]], step.send)
                _send(connection, text.encode(), self.name)
            text, ended = _answer(connection, f"(?:{login.accepted})|(?:{login.refused})", end)
        seconds = round(time.monotonic() - began, 3)
        accepted = re.search(login.accepted, text, re.MULTILINE) is not None
        refused = re.search(login.refused, text, re.MULTILINE) is not None
        clear = accepted != refused or (ended and not accepted)
        said = "accepted" if accepted else "refused" if refused else "nothing described"
        said = HUNG_UP if ended and not accepted and not refused else said
        return Try(accepted and clear, 0, seconds, clear, said)

    def _escaped(self, value: str) -> str:
        return json.dumps(value)[1:-1] if self._login.form == "json" else value

    def _connect(self) -> socket.socket:
        address = self._permit.address(self._host)
        try:
            connection = socket.create_connection((address, self._login.port), self._seconds)
            if not self._login.encrypted:
                return connection
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            return context.wrap_socket(connection)
        except TimeoutError as error:
            raise TimedOut(f"{self.name}: no connection within {self._seconds:.0f} s") from error
        except OSError as error:
            raise Unreachable(f"{self.name}: {error}") from error


def _send(connection: socket.socket, data: bytes, where: str) -> None:
    try:
        connection.sendall(data)
    except OSError as error:
        raise Unreachable(f"{where}: {error}") from error


def _read(connection: socket.socket, pattern: str, end: float, where: str) -> None:
    """Read until the text matches. Raises TimedOut, Unreachable."""
    text, ended = _answer(connection, pattern, end)
    if re.search(pattern, text, re.MULTILINE):
        return
    if ended:
        raise Unreachable(f"{where} ends the connection before {pattern!r}; it said {text[:80]!r}")
    raise TimedOut(f"{where} does not say {pattern!r} in time; it said {text[:80]!r}")


def _answer(connection: socket.socket, pattern: str, end: float) -> tuple[str, bool]:
    """What is said until it matches, or the time or the limit is over; whether it ended then."""
    data = bytearray()
    while len(data) < _MAX_BYTES and (left := end - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            more = connection.recv(4096)
        except TimeoutError:
            break
        except OSError:
            more = b""
        data += more
        text = data.decode("utf-8", "replace")
        if not more or re.search(pattern, text, re.MULTILINE):
            return text, not more
    return data.decode("utf-8", "replace"), False
