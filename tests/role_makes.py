"""Cameras of other makes that look at roles in ways of their own: sound, careless and hostile."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from web_stand import PASSWORD, Handler

ROLES = {"admin": "admin", "viewer": "viewer"}
SETTINGS = {"ssid": "Harbour", "psk": "Quiet-Bay-77", "gateway": "192.0.2.1", "dns": "192.0.2.53"}
ADMIN_PAGE = (
    b"<html><head><title>Network</title></head><body><h1>Wireless network</h1><form><table>"
    b"<tr><td>Name of the network</td><td><input name=ssid value='%s'></td></tr>"
    b"<tr><td>Key of the network</td><td><input name=psk value='%s'></td></tr>"
    b"<tr><td>Gateway address</td><td><input name=gw value='%s'></td></tr>"
    b"</table><button>Save these settings</button></form></body></html>"
)
FULL = ADMIN_PAGE % (b"Harbour", b"Quiet-Bay-77", b"192.0.2.1")
EMPTY = ADMIN_PAGE % (b"", b"", b"")
LOGIN_PAGE = (
    b"<html><head><title>Login</title></head><body><h1>Log in</h1><form><input name=user>"
    b"<input name=pass type=password><button>Log in</button></form></body></html>"
)


class Camera(Handler):
    """A session cookie, two users, a table of who may read what; ``acted`` is what was obeyed."""

    acted: ClassVar[list[str]]
    sessions: ClassVar[dict[str, str]]

    def __init_subclass__(cls) -> None:
        cls.acted, cls.sessions = [], {}

    def user(self) -> str:
        cookies = dict(
            pair.strip().partition("=")[::2] for pair in self.headers.get("Cookie", "").split(";")
        )
        return self.sessions.get(cookies.get("sid", ""), "")

    def role(self) -> str:
        return ROLES.get(self.user(), "")

    def say(self, content: Any, status: int = 200, **headers: str) -> None:
        body = json.dumps(content).encode()
        self.answer(status, body, Content_Type="application/json", **headers)

    def page(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.answer(status, body, Content_Type="text/html", **headers)

    def refuse(self) -> None:
        self.page(b"no", 403 if self.role() else 401)

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        path = self.path.partition("?")[0]
        if path == "/":
            return self.page(self.front())
        if path == "/api/info":
            if not self.role():
                return self.refuse()
            return self.say({"model": "C1", "firmware": "1.0.7", "uptime": secrets.randbelow(999)})
        if path == "/api/network":
            return self.network()
        if path == "/network.html":
            return self.network_page()
        return self.other(path)

    def front(self) -> bytes:
        return LOGIN_PAGE

    def network(self) -> None:
        return self.say(SETTINGS) if self.role() == "admin" else self.refuse()

    def network_page(self) -> None:
        return self.page(FULL) if self.role() == "admin" else self.refuse()

    def other(self, path: str) -> None:  # noqa: ARG002 - those that ask have it
        self.page(b"none", 404)

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
        body = self.body()
        if self.path == "/login":
            return self.log_in(json.loads(body))
        if self.path == "/logout":
            for sid in [s for s in self.sessions if s in self.headers.get("Cookie", "")]:
                del self.sessions[sid]
            return self.say({})
        return self.write(body)

    def log_in(self, given: dict[str, str]) -> None:
        if given["user"] not in ROLES or given["pass"] != PASSWORD:
            return self.page(b"no", 401)
        sid = secrets.token_hex(16)
        self.sessions[sid] = given["user"]
        return self.say({}, Set_Cookie=f"sid={sid}; HttpOnly; SameSite=Strict")

    def write(self, body: bytes) -> None:  # noqa: ARG002 - those that write have it
        self.refuse()


class BehindTheRedirect(Camera):
    """Redirects who is not the administrator to the login, and sends the page all the same."""

    def network_page(self) -> None:
        if self.role() == "admin":
            return self.page(FULL)
        return self.page(FULL, 302, Location="/")


class ShortRedirect(Camera):
    """The same with a few words, as servers send them, or with the login page."""

    def network_page(self) -> None:
        if self.role() == "admin":
            return self.page(FULL)
        if self.role():
            return self.page(LOGIN_PAGE, 302, Location="/")
        moved = b"<html><head><title>302 Found</title></head><body><h1>Found</h1></body></html>"
        return self.page(moved, 302, Location="/")


class RefusedShell(Camera):
    """One page for every path, in the refusals too: it is nobody's secret."""

    def network_page(self) -> None:
        self.page(EMPTY, 200 if self.role() == "admin" else 401)

    def other(self, path: str) -> None:  # noqa: ARG002
        self.page(EMPTY, 200 if self.role() == "admin" else 401)


class Emptied(Camera):
    """The viewer gets the administrator's page and object, without the values."""

    def network(self) -> None:
        if not self.role():
            return self.refuse()
        return self.say(SETTINGS if self.role() == "admin" else dict.fromkeys(SETTINGS, ""))

    def network_page(self) -> None:
        if not self.role():
            return self.refuse()
        return self.page(FULL if self.role() == "admin" else EMPTY)


class Masked(Camera):
    """The viewer gets the object with the key alone masked."""

    def network(self) -> None:
        if not self.role():
            return self.refuse()
        return self.say(SETTINGS if self.role() == "admin" else SETTINGS | {"psk": "********"})


class AnyCookie(Camera):
    """A program that looks whether there is a cookie, and not at what is in it."""

    def network(self) -> None:
        return self.say(SETTINGS) if "sid=" in self.headers.get("Cookie", "") else self.refuse()


class Shell(Camera):
    """200 and the login page for whatever is not found, and whoever is not let in."""

    def refuse(self) -> None:
        self.page(LOGIN_PAGE)

    def other(self, path: str) -> None:  # noqa: ARG002
        self.page(LOGIN_PAGE)


class LeakyShell(Shell):
    """The same, and the settings for any user."""

    def network(self) -> None:
        return self.say(SETTINGS) if self.role() else self.refuse()


class Envelopes(Camera):
    """Everything with 200 in one envelope, errors too."""

    def refuse(self) -> None:
        self.say({"code": 403, "message": "forbidden", "data": {}})

    def say(self, content: Any, status: int = 200, **headers: str) -> None:
        if "code" not in content:
            content = {"code": 0, "message": "ok", "data": content}
        super().say(content, status, **headers)

    def other(self, path: str) -> None:  # noqa: ARG002
        self.refuse()

    def network_page(self) -> None:
        return self.page(FULL) if self.role() == "admin" else self.refuse()


class LeakyEnvelopes(Envelopes):
    """The same, and the settings for any user."""

    def network(self) -> None:
        return self.say(SETTINGS) if self.role() else self.refuse()


class OneCall(Camera):
    """JSON-RPC: one address, operations told apart by the body, every answer with 200."""

    def write(self, body: bytes) -> None:
        if self.path != "/rpc":
            return self.page(b"none", 404)
        try:
            json.loads(body)
        except ValueError:
            error = {"code": -32700, "message": "Parse error"}
            return self.say({"jsonrpc": "2.0", "error": error, "id": None})
        return self.refuse()


class Obedient(Camera):
    """Its calls do by GET and POST whatever they are called, and ask nobody who he is."""

    def front(self) -> bytes:
        return (
            b"<html><a href='/cgi-bin/reboot.cgi'>restart</a><a href='/logout.cgi'>leave</a>"
            b"<form action='/goform/SetNetwork'></form><img src='/cgi-bin/ptz_move.cgi?left'>"
            b"<script>onclick = () => { location.href = '/cgi-bin/set_users.cgi?user=&pwd='; };"
            b"fetch('/cgi-bin/param.cgi?cmd=setwifi'); fetch('/api/users/delete?id=1');"
            b"fetch('/cgi-bin/get_status.cgi');</script></html>"
        )

    def other(self, path: str) -> None:
        if path == "/cgi-bin/get_status.cgi":
            return self.refuse()
        if path.count("/") > 1 and not any(digits in path for digits in self.made_up()):
            self.acted.append(f"{self.command} {self.path}")
        return self.say({"ok": True})

    def made_up(self) -> list[str]:
        """The name of a made-up neighbour has sixteen hexadecimal digits."""
        name = self.path.rpartition("/")[2].partition(".")[0]
        return [name] if len(name) == 16 and set(name) <= set("0123456789abcdef") else []

    def write(self, body: bytes) -> None:  # noqa: ARG002
        self.acted.append(f"{self.command} {self.path}")
        self.say({"ok": True})


class OneProgram(Camera):
    """GET shows its form to the administrator; any other verb saves what anybody sends."""

    def other(self, path: str) -> None:
        if path != "/network.php":
            return super().other(path)
        return self.page(FULL) if self.role() == "admin" else self.refuse()

    def save(self) -> None:
        if self.command == "POST" and self.path in {"/login", "/logout"}:
            return self.do_POST_of_a_session()
        self.body()
        if self.path != "/network.php":
            return self.page(b"none", 405)
        self.acted.append(f"{self.command} {self.path}")
        return self.page(FULL)

    do_POST_of_a_session = Camera.do_POST  # noqa: N815
    do_POST = do_PATCH = do_PUT = do_DELETE = save  # noqa: N815


class InTheAddress(Handler):
    """In the manner of small thttpd cameras: user and password in every address, CGI by GET."""

    acted: ClassVar[list[str]] = []
    careless: ClassVar[bool] = False

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        parts = urlsplit(self.path)
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        user = given.get("usr", "")
        known = user in ROLES and given.get("pwd") == PASSWORD
        if self.careless and "pwd" in given:
            known, user = True, "admin"
        if not known:
            return self.answer(401, b"401 Unauthorized", Content_Type="text/html")
        if parts.path == "/get_status.cgi":
            return self.answer(200, b"var id='00A1';\nvar sys_ver='11.1';\n")
        if ROLES[user] != "admin":
            return self.answer(403, b"403 Forbidden", Content_Type="text/html")
        if parts.path == "/get_params.cgi":
            return self.answer(200, b"var ssid='Harbour';\nvar psk='Quiet-Bay-77';\n")
        if parts.path in {"/reboot.cgi", "/set_users.cgi"}:
            self.acted.append(self.path)
            return self.answer(200, b"ok.\n")
        return self.answer(404, b"none")


class CarelessInTheAddress(InTheAddress):
    """Looks whether a password is there."""

    careless = True


class Prefix(Camera):
    """A rule in the web server, by the beginning of the address, before a program that tidies it.

    ``tidies``: what the program does to an address before it looks what is meant.
    """

    tidies: ClassVar[str] = ""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        asked = self.requestline.split()[1]  # http.server itself has made one slash of two
        closed = asked.startswith("/api/")
        if closed and not self.role():
            return self.refuse()
        path = self.tidied(asked.partition("?")[0])
        if path == "/api/info":
            return self.say({"model": "C1", "firmware": "1.0.7"})
        if path == "/api/network":
            allowed = not closed or self.role() == "admin"
            return self.say(SETTINGS) if allowed else self.refuse()
        return self.page(b"none", 404)

    def tidied(self, path: str) -> str:
        if self.tidies == "slashes":
            path = re.sub("/+", "/", path)
        elif self.tidies == "dots":
            path = re.sub(r"(?:/\.)+/", "/", path)
        elif self.tidies == "code":
            path = unquote(path)
        elif self.tidies == "code twice":
            path = unquote(unquote(path))
        elif self.tidies == "case":
            path = path.lower()
        return path


class Suffix(Camera):
    """Files of a page are open to all: whatever ends, or goes on, like one."""

    cuts: ClassVar[str] = r"\.(?:css|js|png|jpg)$"

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        path = re.sub(self.cuts, "", self.path)
        if path != self.path and path == "/api/network":
            return self.say(SETTINGS)
        return super().do_GET()
