"""The page that a bench's screen shows to a lens, and the address over which a run sets its code.

A browser in kiosk mode opens ``/`` and waits at ``/state`` for the next code. A run sends
``PUT /code`` with the code as text (empty: none) and is answered when a browser says that it has
painted it; ``GET /code`` tells which one is shown.
"""

from __future__ import annotations

import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from urllib.parse import parse_qs, urlsplit

from devices.scene.code import modules, spoken, well_formed

PAINT_SECONDS = 5.0
"""Longest wait for a browser to say that it shows a code."""

_POLL = 20.0  # s that a browser's question for something new is held
_MOST = 64  # bytes of a request's body
_NO_BROWSER = (
    "no browser shows the page: open it on the bench's screen, for example with "
    "`chromium --kiosk {url}`"
)


class Screen:
    """What is shown, and whether a browser has painted it. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._number = 1
        self._painted = 0
        self.code = ""

    def show(self, code: str, seconds: float = PAINT_SECONDS) -> bool:
        """Show this code; whether a browser has painted it within ``seconds``."""
        with self._changed:
            self.code = code
            self._number += 1
            number = self._number
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._painted >= number, seconds)

    def state(self, known: int, seconds: float = _POLL) -> dict[str, object]:
        """What to paint, as soon as it is not number ``known``, or as it is after ``seconds``."""
        with self._changed:
            self._changed.wait_for(lambda: self._number != known, seconds)
            rows = modules(self.code).astype(int).tolist() if self.code else []
            words = spoken(self.code) if self.code else ""
            return {"number": self._number, "rows": rows, "words": words}

    def painted(self, number: int) -> None:
        """A browser has painted this number."""
        with self._changed:
            if number <= self._number:
                self._painted = max(self._painted, number)
            self._changed.notify_all()


class ScreenServer(ThreadingHTTPServer):
    """Serves one screen on ``address``; ``url`` is for browsers and for the device file."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], screen: Screen) -> None:
        self.screen = screen
        super().__init__(address, _Handler)

    @property
    def url(self) -> str:
        """Where the page is."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}/"


class _Handler(BaseHTTPRequestHandler):
    server: ScreenServer
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        """The page, what it is to paint, or the code."""
        parts = urlsplit(self.path)
        if parts.path == "/":
            page = resources.files(__package__).joinpath("screen.html").read_bytes()
            self._answer(page, "text/html; charset=utf-8")
        elif parts.path == "/state":
            known = self._number(parse_qs(parts.query).get("known", ["0"])[0])
            state = self.server.screen.state(known)
            self._answer(json.dumps(state).encode(), "application/json")
        elif parts.path == "/code":
            self._answer(self.server.screen.code.encode())
        else:
            self._answer(b"there is nothing here", status=HTTPStatus.NOT_FOUND)

    def do_PUT(self) -> None:
        """Show a code."""
        body = self._body()
        if urlsplit(self.path).path != "/code" or body is None:
            self._answer(b"PUT /code takes a code", status=HTTPStatus.BAD_REQUEST)
            return
        code = body.decode("ascii", "replace").strip()
        if code and not well_formed(code):
            self._answer(b"this is no code of camproof", status=HTTPStatus.BAD_REQUEST)
        elif self.server.screen.show(code, PAINT_SECONDS if code else 0) or not code:
            self._answer(code.encode())
        else:
            told = _NO_BROWSER.format(url=self.server.url)
            self._answer(told.encode(), status=HTTPStatus.SERVICE_UNAVAILABLE)

    def do_POST(self) -> None:
        """A browser has painted."""
        parts = urlsplit(self.path)
        if parts.path != "/painted" or self._body() is None:
            self._answer(b"there is nothing here", status=HTTPStatus.NOT_FOUND)
            return
        number = self._number(parse_qs(parts.query).get("number", ["0"])[0])
        self.server.screen.painted(number)
        self._answer(b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing: the terminal is for people."""

    @staticmethod
    def _number(text: str) -> int:
        return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0

    def _body(self) -> bytes | None:
        """The request's body; None, and the end of the connection, when it is too long."""
        length = self._number(self.headers.get("Content-Length", "0"))
        if length > _MOST or self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            return None
        return self.rfile.read(length)

    def _answer(
        self, body: bytes, kind: str = "text/plain; charset=utf-8", status: int = HTTPStatus.OK
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)
