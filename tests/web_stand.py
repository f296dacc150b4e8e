"""The emulated camera's web service in this process, and web servers that nobody here wrote."""

from __future__ import annotations

import asyncio
import hashlib
import http.server
import re
import secrets
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, ClassVar

from onvif_stand import StandInCamera, give_identity

from conformance import policy
from conformance.credentials.test_roles import test_roles_hold_on_the_web_interface
from devices.description import DeviceFile
from devices.emulated.addresses import PORTS, reserved_address
from devices.emulated.bench.provision import web_declaration
from devices.emulated.posture import Posture
from devices.emulated.tls_server import server_context
from devices.emulated.web import WebService
from devices.links.http.link import HttpLink
from devices.links.users import UserWay
from devices.observation import Observation
from devices.permit import Permit
from devices.secrets import Secrets

PASSWORD = "Quiet-Harbour-7"
DEVICE: dict[str, Any] = {
    "device": {
        "manufacturer": "Acme",
        "model": "C1",
        "hardware": "A",
        "serial": "1",
        "firmware": {"version": "1.0"},
    },
    "authorisation": {
        "granted_by": "the tests",
        "reference": "tests",
        "expires": date.today() + timedelta(days=1),
        "addresses": ["127.0.0.0/8"],
        "allow": ["settings", "lockout"],
    },
}


class Kept:
    """Stands in for the evidence recorder."""

    def __init__(self) -> None:
        self.observations: list[Observation] = []
        self.records: dict[str, Any] = {}

    def observe(self, observation: Any, name: str = "") -> Any:  # noqa: ARG002
        self.observations.append(observation)
        return observation

    def record(self, name: str, data: Any, media_type: str = "") -> None:  # noqa: ARG002
        self.records[name] = data


@dataclass
class Laboratory:
    """A web server under test with its device file and link."""

    device: DeviceFile
    secrets: Secrets = field(init=False)
    http: HttpLink = field(init=False)

    def __post_init__(self) -> None:
        granted = self.device.authorisation
        self.secrets = Secrets(self.device)
        permit = Permit(granted.addresses, granted.allow, granted.expires)
        self.http = HttpLink(self.device, permit, self.secrets)


class WebCamera(StandInCamera):
    """What the web service reads of a camera."""

    def tls_context(self) -> ssl.SSLContext:
        return server_context(self)


@contextmanager
def web_camera(
    folder: Path, posture: Posture | None = None, *, factory: bool = False
) -> Iterator[tuple[WebCamera, Laboratory]]:
    """Serve the emulated web interface on an address of its own."""
    posture = posture or Posture()
    with reserved_address() as address:
        trust = give_identity(folder / "flash", address, posture)
        camera = WebCamera(folder / "flash", address, posture)
        for user in [] if factory else ["probe-http"]:
            camera.accounts.create(user, PASSWORD, "viewer")
        if factory:
            (folder / "flash" / "data" / "accounts.json").unlink()
            camera.accounts.__init__(folder / "flash" / "data" / "accounts.json", posture)  # type: ignore[misc]
        with _running(lambda: WebService(camera)):  # type: ignore[arg-type]
            laboratory = Laboratory(_device_file(folder, address, camera, trust))
            try:
                yield camera, laboratory
            finally:
                laboratory.http.close()


def _device_file(folder: Path, address: str, camera: WebCamera, trust: Path) -> DeviceFile:
    content = {**DEVICE, **web_declaration(address, folder)}
    content["links"]["http"]["trust"] = str(trust)
    for name in list(content["accounts"]):
        password = camera.accounts.password(name) or PASSWORD
        path = folder / "secrets" / f"{name}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(password)
    return DeviceFile.model_validate(content)


@contextmanager
def _running(service: Callable[[], WebService]) -> Iterator[None]:
    ready: Future[Callable[[], object]] = Future()

    async def serve() -> None:
        made = service()
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        await made.start()
        ready.set_result(lambda: loop.call_soon_threadsafe(ended.set))
        await ended.wait()
        await made.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    end = ready.result(timeout=10)
    try:
        yield
    finally:
        end()
        thread.join(10)


def https(camera: WebCamera) -> str:
    return f"https://{camera.address}:{PORTS['https']}"


def clear(camera: WebCamera) -> str:
    return f"http://{camera.address}:{PORTS['http']}"


@contextmanager
def foreign_server(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve with the standard library on a loopback address; gives the URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@contextmanager
def raw_server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A TCP server that does to each connection what ``answer`` says; gives the URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def handle(connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(65536)
                answer(connection)
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def laboratory(url: str, folder: Path, **changes: Any) -> Laboratory:
    """A device file for a server at ``url`` with accounts admin and probe (PASSWORD each)."""
    secret = folder / "password"
    secret.write_text(PASSWORD)
    account = {"password": {"file": str(secret)}}
    content = {
        **DEVICE,
        "links": {"http": {"url": url, **changes.pop("http", {})}},
        "accounts": {
            "admin": {"username": "admin", **account},
            "probe": {"username": "probe", "role": "viewer", "purpose": "lockout", **account},
        },
        "declared": {"api": [{"path": "/cgi-bin/info.cgi", "roles": ["admin", "viewer"]}]},
    }
    return Laboratory(DeviceFile.model_validate(content | changes))


class Handler(http.server.BaseHTTPRequestHandler):
    """Keeps quiet and keeps connections."""

    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # head and body leave in one packet

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002
        return

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))


def digest_camera(
    *, attempts: int | None = 5, tells: bool = False, once: bool = False
) -> type[Handler]:
    """A camera with nothing but MD5 digest, as RFC 2617 has it, and a page for its parameters.

    ``attempts``: wrong passwords in a row that lock a user; None never locks. ``tells``: an
    unknown user gets another answer. ``once``: each nonce is good for one request, and the next
    challenge does not say that it was stale.
    """
    unused: set[str] = set()
    passwords = {"admin": PASSWORD, "probe": PASSWORD}
    failures: dict[str, int] = {}

    def md5(*parts: str) -> str:
        return hashlib.md5(":".join(parts).encode()).hexdigest()

    class DigestCamera(Handler):
        def do_GET(self) -> None:
            header = self.headers.get("Authorization", "")
            if not header.startswith("Digest "):
                return self.challenge()
            given = dict(re.findall(r'(\w+)="?([^",]*)"?', header.removeprefix("Digest ")))
            user = given.get("username", "")
            if once and given["nonce"] not in unused:
                return self.challenge()
            unused.discard(given["nonce"])
            if user not in passwords and tells:
                return self.answer(403, b"no such user")
            first = md5(user, "IP Camera", passwords.get(user, secrets.token_hex()))
            second = md5(self.command, self.path)
            expected = md5(first, given["nonce"], given["nc"], given["cnonce"], "auth", second)
            locked = attempts is not None and failures.get(user, 0) >= attempts
            if expected != given["response"] or locked:
                failures[user] = failures.get(user, 0) + 1
                return self.challenge()
            failures[user] = 0
            if self.path == "/cgi-bin/info.cgi":
                return self.answer(200, b"model=C1\n", Content_Type="text/plain")
            return self.answer(404)

        def challenge(self) -> None:
            nonce = secrets.token_hex(8)
            unused.add(nonce)
            challenge = f'Digest realm="IP Camera", nonce="{nonce}", algorithm=MD5, qop="auth"'
            self.answer(401, b"401", WWW_Authenticate=challenge)

    return DigestCamera


class SinglePage(Handler):
    """A single-page application: one page for every GET, and a JSON API with bearer tokens."""

    tokens: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        if self.path == "/cgi-bin/info.cgi":
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            if token not in self.tokens:
                return self.answer(401)
            return self.answer(200, b'{"model": "C1"}', Content_Type="application/json")
        page = b"<html><!-- %s --><div id=app></div></html>" % secrets.token_hex(8).encode()
        return self.answer(200, page, Content_Type="text/html")

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def do_POST(self) -> None:
        if self.path == "/login" and PASSWORD.encode() in self.body():
            token = secrets.token_hex(16)
            self.tokens.add(token)
            body = b'{"data": {"token": "%s"}}' % token.encode()
            return self.answer(200, body, Content_Type="application/json")
        if self.path == "/logout":
            self.tokens.discard(self.headers.get("Authorization", "").removeprefix("Bearer "))
            return self.answer(200)
        return self.answer(200, b'{"error": "denied"}', Content_Type="application/json")


class OneSession(Handler):
    """One session for each account, in a cookie; errors in JSON with 200; the login tells more.

    ``user_error`` and ``password_error`` are the refusals of an unknown user and of a wrong
    password; a refusal that begins with ``/`` is a redirection there.
    """

    alive: ClassVar[str] = ""
    user_error: ClassVar[str] = '{"code": 1, "nonce": "%s"}'
    password_error: ClassVar[str] = '{"code": 1, "nonce": "%s"}'

    def do_GET(self) -> None:
        if self.path not in {"/cgi-bin/info.cgi", "/api/users"}:
            return self.answer(200, b'{"error": "unknown"}', Content_Type="application/json")
        if not self.alive or f"sid={self.alive}" not in self.headers.get("Cookie", ""):
            if self.path == "/cgi-bin/info.cgi":
                return self.answer(401, b"no")
            body = b'{"error": "not logged in"}'
            return self.answer(200, body, Content_Type="application/json")
        return self.answer(200, b'{"users": ["admin"]}', Content_Type="application/json")

    def do_POST(self) -> None:
        body = self.body()
        if self.path != "/login":
            return self.answer(200)  # a logout that ends nothing
        if PASSWORD.encode() in body:
            type(self).alive = secrets.token_hex(16)
            cookie = f"sid={self.alive}; HttpOnly; SameSite=Strict"
            return self.answer(200, b"{}", Set_Cookie=cookie)
        known = b'"probe"' in body or b'"admin"' in body
        said = self.password_error if known else self.user_error
        if said.startswith("/"):
            return self.answer(302, b"", Location=said)
        said = said.replace("%s", secrets.token_hex(8))
        return self.answer(401, said.encode(), Content_Type="text/html")


ONE_SESSION: dict[str, Any] = {
    "authentication": "session",
    "operations": {
        "login": {
            "method": "POST",
            "path": "/login",
            "json": {"user": "{username}", "pass": "{password}"},
        },
        "logout": {"method": "POST", "path": "/logout"},
    },
}


SINGLE_PAGE: dict[str, Any] = {
    "authentication": "session",
    "token": {"json_field": "data.token"},
    "operations": {
        "login": {
            "method": "POST",
            "path": "/login",
            "json": {"user": "{username}", "pass": ["{password}"]},
        },
        "logout": {"method": "POST", "path": "/logout"},
    },
}


def judge_web_roles(lab: Laboratory, kept: Kept, user_ways: Sequence[UserWay] = ()) -> None:
    """CRED-009 on this camera."""
    test_roles_hold_on_the_web_interface(
        http=lab.http,
        device=lab.device,
        user_ways=user_ways,
        secrets=lab.secrets,
        evidence=kept,
        policy=policy.load,
    )
