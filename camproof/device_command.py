"""``device``: write, document and validate device files."""

from __future__ import annotations

import argparse
import hashlib
import ipaddress
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import tomli_w
from rich.console import Console
from rich.prompt import Confirm, Prompt

from camproof.errors import CommandError, Exit
from camproof.targets import check_writable
from devices import device_file
from devices.errors import DeviceFileError
from devices.secrets import Secrets

Check = Callable[[str], str]
"""Returns what is wrong with an answer, or nothing."""


def act(console: Console, arguments: argparse.Namespace) -> Exit:
    """Do what ``camproof device ACTION`` asks."""
    if arguments.action == "schema":
        print(device_file.json_schema(), end="")
        return Exit.APPROVED
    if arguments.action == "check":
        return _check(console, arguments.device)
    return _new(console, arguments.path)


def _check(console: Console, paths: list[Path]) -> Exit:
    outcome = Exit.APPROVED
    for path in paths:
        lines = _wrong(path)
        for line in lines:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        if lines:
            outcome = Exit.USAGE
        else:
            console.print(f"{path}: a valid device file", highlight=False, soft_wrap=True)
    return outcome


def _wrong(path: Path) -> list[str]:
    """What is wrong with a device file, or not there yet, as lines for people."""
    try:
        device = device_file.load(path)
    except DeviceFileError as error:
        return str(error).splitlines()
    absent = [*Secrets(device).missing(), *device_file.absent_files(device)]
    faults = device_file.located(path, absent)
    if not faults:
        return []
    return [
        *(fault.text(path.absolute()) for fault in faults),
        f"{path}: what it refers to above is not there; the file itself is valid",
    ]


def _new(console: Console, path: Path) -> Exit:
    if path.exists():
        raise CommandError(f"{path} exists already; name another file")
    check_writable(path)  # before anybody answers twenty questions
    ask = _Interview(console)
    try:
        content = _content(ask)
    except EOFError as error:
        raise CommandError("the questions ended before the device file was complete") from error
    text = "# Written by `camproof device new`. See `camproof device schema` for every key.\n\n"
    path.write_text(text + tomli_w.dumps(content), encoding="utf-8")
    device_file.load(path)
    console.print(f"{path} is written; next: [bold]camproof doctor {path}[/bold]")
    return Exit.APPROVED


class _Interview:
    """Asks until an answer is acceptable."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def text(self, question: str, default: str = "", check: Check | None = None) -> str:
        while True:
            answer = Prompt.ask(question, console=self._console, default=default or None)
            value = (answer or "").strip()
            problem = (
                check(value) if check is not None else ("" if value else "an answer is needed")
            )
            if not problem:
                return value
            self._console.print(f"  {problem}", style="yellow")

    def optional(self, question: str) -> str:
        return (Prompt.ask(question, console=self._console, default="") or "").strip()

    def file(self, question: str, *, needed: bool) -> Path | None:
        """The absolute path of a file; relative answers count from where the question is asked."""
        answer = self.text(question) if needed else self.optional(question)
        if not answer:
            return None
        path = Path(answer).expanduser().absolute()
        if not path.is_file():
            self._console.print(f"  {path} is not there yet", style="yellow", soft_wrap=True)
        return path

    def yes(self, question: str, *, default: bool) -> bool:
        return Confirm.ask(question, console=self._console, default=default)


def _content(ask: _Interview) -> dict[str, Any]:
    host = ask.text("Address of the camera (IP)", check=_address)
    content: dict[str, Any] = {
        "schema_version": 1,
        "device": _identification(ask),
        "authorisation": _authorisation(ask, host),
        "links": {},
        "accounts": {},
        "declared": {"services": [], "streams": []},
    }
    _ask_web(ask, host, content)
    _ask_streams(ask, host, content)
    _ask_ssh(ask, host, content)
    serial = ask.optional("Serial console (pyserial URL or device path; empty: none)")
    if serial:
        content["links"]["serial"] = {"url": serial}
    return content


def _identification(ask: _Interview) -> dict[str, Any]:
    device: dict[str, Any] = {
        "manufacturer": ask.text("Manufacturer, as on the label"),
        "model": ask.text("Model"),
        "hardware": ask.text("Hardware revision"),
        "serial": ask.text("Serial number"),
        "firmware": {"version": ask.text("Firmware version")},
    }
    image = ask.file("Firmware image file of that version (empty: none)", needed=False)
    if image is not None:
        device["firmware"]["image"] = str(image)
        if image.is_file():
            device["firmware"]["sha256"] = hashlib.sha256(image.read_bytes()).hexdigest()
    return device


def _authorisation(ask: _Interview, host: str) -> dict[str, Any]:
    allow = []
    for kind, what in (
        ("settings", "change settings and put them back"),
        ("lockout", "lock test accounts by wrong passwords"),
        ("power", "switch the camera off and on"),
        ("firmware", "install firmware"),
        ("factory", "reset it to factory state"),
    ):
        if ask.yes(f"May the test {what}?", default=kind in {"settings", "lockout"}):
            allow.append(kind)
    expires = ask.text(
        "Authorised until (YYYY-MM-DD)", str(date.today() + timedelta(days=30)), _day
    )
    return {
        "granted_by": ask.text("Who authorises this test"),
        "reference": ask.text("Reference (order, contract, ticket)"),
        "expires": date.fromisoformat(expires),
        "addresses": [host],
        "allow": allow,
    }


def _ask_web(ask: _Interview, host: str, content: dict[str, Any]) -> None:
    user = ask.text("Administrator's user name", "admin")
    variable = ask.text("Environment variable that holds its password", "CAMERA_ADMIN")
    content["accounts"]["admin"] = {"username": user, "password": {"env": variable}}
    port = int(ask.text("HTTPS port", "443", _port))
    base = f"https://{_in_url(host)}:{port}"
    content["links"]["http"] = {"url": f"{base}/"}
    content["declared"]["services"].append(_service("https", port, "https", "web interface"))
    if ask.yes("Does it offer ONVIF?", default=True):
        path = ask.text("ONVIF device service path", "/onvif/device_service")
        content["links"]["onvif"] = {"url": base + path}


def _ask_streams(ask: _Interview, host: str, content: dict[str, Any]) -> None:
    port = int(ask.text("RTSPS port", "322", _port))
    content["declared"]["services"].append(_service("rtsps", port, "rtsps", "video streams"))
    content["links"]["rtsp"] = {}
    while path := ask.optional("Path of a stream, such as /live/main (empty: no more)"):
        width, _, height = ask.text("Its size", "1920x1080", _size).partition("x")
        stream = {
            "name": path.strip("/").replace("/", "-"),
            "url": f"rtsps://{_in_url(host)}:{port}/{path.lstrip('/')}",
            "codec": ask.text("Its codec", "h264", _codec),
            "width": int(width),
            "height": int(height),
        }
        content["declared"]["streams"].append(stream)


def _ask_ssh(ask: _Interview, host: str, content: dict[str, Any]) -> None:
    if not ask.yes("Does it offer SSH?", default=False):
        return
    port = int(ask.text("SSH port", "22", _port))
    user = ask.text("The laboratory's SSH user name")
    key = str(ask.file("File with its private key", needed=True))
    content["accounts"]["lab"] = {"username": user, "key": {"file": key}, "services": ["ssh"]}
    content["links"]["ssh"] = {"host": host, "port": port, "account": "lab"}
    content["declared"]["services"].append(_service("ssh", port, "ssh", "maintenance"))


def _service(name: str, port: int, protocol: str, purpose: str) -> dict[str, Any]:
    return {
        "name": name,
        "port": port,
        "protocol": protocol,
        "purpose": purpose,
        "encrypted": True,
    }


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host  # IPv6


def _address(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return "an IP address such as 192.0.2.10 is needed"
    return ""


def _port(value: str) -> str:
    return "" if value.isdigit() and 0 < int(value) < 65536 else "a port from 1 to 65535 is needed"


def _day(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError:
        return "a day such as 2026-12-31 is needed"
    return ""


def _size(value: str) -> str:
    width, _, height = value.partition("x")
    return "" if width.isdigit() and height.isdigit() else "a size such as 1920x1080 is needed"


def _codec(value: str) -> str:
    return "" if value in {"h264", "h265"} else "h264 or h265 is needed"
