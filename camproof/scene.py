"""``scene``: shows a lens something that nobody can know beforehand."""

from __future__ import annotations

import argparse
import signal
import socket
from pathlib import Path

from rich.console import Console

from camproof.errors import CommandError, Exit
from devices.scene.code import fresh, spoken, well_formed
from devices.scene.poster import poster
from devices.scene.screen import Screen, ScreenServer

PORT = 8642
"""Where the page is served when nothing else is said."""


def show(console: Console, arguments: argparse.Namespace) -> Exit:
    """Write a picture or a lens file and end, or serve the page until interrupted."""
    code = _code(arguments.code)
    if arguments.png is not None:
        _write(arguments.png, poster(code, _size(arguments.size)))
        console.print(f"{spoken(code)} is in {arguments.png}", markup=False, soft_wrap=True)
    if arguments.lens is not None:
        _write(arguments.lens, code.encode())
        console.print(f"{spoken(code)} is in front of the lens", markup=False)
    if arguments.png is None and arguments.lens is None:
        _serve(console, arguments.listen, code if arguments.code is not None else "")
    return Exit.APPROVED


def _code(given: str | None) -> str:
    if given is None:
        return fresh()
    code = given.replace(" ", "").replace("-", "").upper()
    if not well_formed(code):
        raise CommandError(
            f"--code {given}: a code is eight of 0-9 and A-Z without I, L, O and U, such as "
            f"{spoken(fresh())!r}"
        )
    return code


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise CommandError(f"--size {text}: give width and height in pixels, such as 1920x1080")
    size = int(width), int(height)
    if not all(64 <= side <= 8192 for side in size):
        raise CommandError(f"--size {text}: each side is 64 to 8192 pixels")
    return size


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error


def _serve(console: Console, listen: str, code: str) -> None:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise CommandError(f"--listen {listen}: give address and port, such as 127.0.0.1:{PORT}")
    screen = Screen()
    screen.code = code
    try:
        server = ScreenServer((host.strip("[]"), int(port)), screen)
    except (OSError, socket.gaierror) as error:
        raise CommandError(f"--listen {listen}: {error.strerror or error}") from error
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _explain(console, server.url)
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            console.print("the scene is dark")


def _explain(console: Console, url: str) -> None:
    for line in (
        f"serving the scene at {url}; Ctrl-C ends it",
        "",
        "  1. show it full-screen on a screen in front of the lens:",
        f"       chromium --kiosk {url}",
        "  2. in the device file:",
        "       [bench.scene]",
        f'       url = "{url}"',
        "  3. camproof doctor DEVICE.toml says whether the screen shows what a run asks for",
    ):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
