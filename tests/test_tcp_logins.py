"""Logins of a maker's own on TCP ports: described by lines or JSON, hostile, and not described."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laboratory import device as device_of
from test_guessing import guessing_of
from web_stand import PASSWORD, Kept

from conformance import policy
from conformance.credentials import test_guess_limits as limits
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.errors import DeviceError, LinkError
from devices.links.guessing.tcp import TcpSurface
from devices.links.surfaces import tcp_surface
from devices.permit import Permit

LINES = {
    "steps": [
        {"wait": "login:", "send": "{username}\r\n"},
        {"wait": "assword:", "send": "{password}\r\n"},
    ],
    "accepted": "^> ",
    "refused": "incorrect|locked",
}
JSON = {
    "steps": [{"send": '{"user": "{username}", "pass": "{password}"}\n'}],
    "form": "json",
    "accepted": '"ret": *100',
    "refused": '"ret": *20[0-9]',
}


class Lines(socketserver.StreamRequestHandler):
    """A prompt for the name, one for the password; three failures close the account."""

    failures = 0
    lock = 3

    def handle(self) -> None:
        self.wfile.write(b"camera login: ")
        self.rfile.readline(100)
        self.wfile.write(b"Password: ")
        word = self.rfile.readline(100).strip().decode()
        if type(self).failures >= self.lock:
            self.wfile.write(b"locked\r\n")
        elif word == PASSWORD:
            self.wfile.write(b"\r\n> ")
        else:
            type(self).failures += 1
            self.wfile.write(b"incorrect\r\n")


class Json(socketserver.StreamRequestHandler):
    """One object in, one object out."""

    def handle(self) -> None:
        given = json.loads(self.rfile.readline(1000))
        answer = {"ret": 100 if given["pass"] == PASSWORD else 205}
        self.wfile.write(json.dumps(answer).encode() + b"\n")


@contextmanager
def port(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def camera(number: int, folder: Path, described: dict[str, Any] | None, **service: Any) -> Any:
    secret = folder / "password"
    secret.write_text(PASSWORD)
    row = {"username": "guard", "password": {"file": str(secret)}, "services": ["tcp.control"]}
    tcp = {"control": {"port": number, **described}} if described else {}
    entry = {"name": "control", "port": number, "protocol": "vendor", "purpose": "of the maker"}
    content = device_of(
        accounts={"guard": row | {"purpose": "lockout"}},
        declared={
            "lockout": {"attempts": 3, "seconds": 300},
            "services": [{**entry, "encrypted": False, **service}],
        },
        links={"tcp": tcp},
    ).model_dump(mode="json", exclude_none=True)
    content["authorisation"]["allow"] = ["settings", "lockout"]
    return DeviceFile.model_validate(content)


def judge(device: DeviceFile) -> Kept:
    kept = Kept()
    with guessing_of(device) as guessing:
        limits.test_guessing_is_stopped_on_every_way_in(guessing, kept, policy.load)
    return kept


def test_a_login_by_lines_is_guessed(tmp_path: Path) -> None:
    with port(type("Fresh", (Lines,), {})) as number:
        kept = judge(camera(number, tmp_path, LINES))
    assert kept.observations[0].closed_after == 3  # type: ignore[attr-defined]
    with (
        port(type("Open", (Lines,), {"lock": 99})) as number,
        pytest.raises(
            AssertionError, match=r"control \(port \d+\): after 4 wrong passwords of guard"
        ),
    ):
        judge(camera(number, tmp_path, LINES))


@pytest.mark.parametrize(
    ("word", "taken"), [(PASSWORD, "accepted"), ("Wr0ng-word", "refused"), ("odd", "undecided")]
)
def test_a_described_login_is_a_surface_for_users(word: str, taken: str, tmp_path: Path) -> None:
    with port(type("Fresh", (Lines,), {})) as number:
        both = {"accepted": "incorrect"} if taken == "undecided" else {}
        device = camera(number, tmp_path, LINES | both)
        granted = device.authorisation
        permit = Permit(granted.addresses, granted.allow, granted.expires)
        surface = tcp_surface("control", device, permit)
        assert surface.takes("guard", word)[0] == taken
        assert surface.administers("guard", word) is None


def test_a_login_in_json_is_guessed(tmp_path: Path) -> None:
    with (
        port(Json) as number,
        pytest.raises(AssertionError, match="after 4 wrong passwords of guard"),
    ):
        judge(camera(number, tmp_path, JSON))


def test_a_port_that_nobody_described_is_inconclusive(tmp_path: Path) -> None:
    with port(Lines) as number, pytest.raises(Inconclusive, match=r"no way into the camera"):
        judge(camera(number, tmp_path, None))
    with port(Lines) as number, port(type("Fresh", (Lines,), {})) as described:
        device = camera(described, tmp_path, LINES, login=None)
        content = device.model_dump(mode="json", exclude_none=True)
        other = content["declared"]["services"][0] | {"port": number, "name": "sdk"}
        content["declared"]["services"].append(other)
        with pytest.raises(Inconclusive, match=r"sdk .* describe it under \[links\.tcp"):
            judge(DeviceFile.model_validate(content))
        type(described)
    with port(Lines) as number, port(type("Fresh", (Lines,), {})) as described:
        content["declared"]["services"][1] |= {"login": False}
        content["declared"]["services"][0]["port"] = described
        content["links"]["tcp"]["control"]["port"] = described
        judge(DeviceFile.model_validate(content))


def test_a_port_that_is_closed_is_inconclusive(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.getsockname()[1]
    with pytest.raises(Inconclusive, match="no way into the camera"):
        judge(camera(number, tmp_path, LINES))


@given(said=st.binary(max_size=200))
def test_whatever_is_answered_is_an_answer_or_a_link_error(
    said: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    class Says(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(said)

    with port(Says) as number:
        device = camera(number, tmp_path_factory.getbasetemp(), LINES)
        surface = TcpSurface("control", device, permit(device), seconds=0.3)
        with suppress(LinkError):
            assert surface.attempt("guard", PASSWORD).said


def test_nothing_outside_the_permit_is_reached(tmp_path: Path) -> None:
    device = camera(9, tmp_path, LINES | {"host": "192.0.2.1"})
    with pytest.raises(DeviceError, match="nothing was sent"):
        TcpSurface("control", device, permit(device))


def permit(device: DeviceFile) -> Permit:
    granted = device.authorisation
    return Permit(granted.addresses, granted.allow, granted.expires)
