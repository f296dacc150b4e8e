"""A camera of another make, put together from the manners that real ones have on the web."""

from __future__ import annotations

import json
import secrets
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from web_stand import PASSWORD, Handler

USERS = {"admin": "admin", "viewer": "viewer", "probe": "viewer"}
INFO = {"code": 0, "data": {"model": "C1", "firmware": "1.0"}}
LIST = {"code": 0, "data": [{"user": "admin"}, {"user": "viewer"}]}
DENIED = {"code": -1, "data": None}
CLOSED = {"/info": INFO, "/users": LIST}


class Memory:
    """What one such camera remembers."""

    def __init__(self) -> None:
        self.sessions: dict[str, str] = {}  # identifier -> user
        self.csrf: dict[str, str] = {}
        self.passwords = dict.fromkeys(USERS, PASSWORD)
        self.logins = 0
        self.worst = 0


class Make(Handler):
    """See ``make``."""

    manners: ClassVar[dict[str, Any]]
    memory: ClassVar[Memory]

    def handle_one_request(self) -> None:
        super().handle_one_request()
        if self.manners.get("drops"):
            self.close_connection = True

    def session(self) -> str:
        held = dict(
            pair.strip().partition("=")[::2] for pair in self.headers.get("Cookie", "").split(";")
        )
        if self.manners.get("named") and held.get("user") not in USERS:
            return ""
        found = [value for value in held.values() if value in self.memory.sessions]
        return found[0] if found else ""

    def say(self, content: Any, status: int = 200, **headers: str) -> None:
        body = json.dumps(content).encode()
        self.answer(status, body, Content_Type="application/json", **headers)

    def refuse(self) -> None:
        if self.manners.get("expired") and self.headers.get("Cookie"):
            return self.answer(200, b"<p>Your session has expired.</p>", Content_Type="text/html")
        if self.manners.get("refuses") == "envelope":
            return self.say(DENIED)
        return self.answer(401, b"no")

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        path = self.path.partition("?")[0]
        session = self.session()
        user = self.memory.sessions.get(session, "")
        if path == "/" and "leads" in self.manners:
            return self.answer(302, b"", Location=self.manners["leads"])
        if path in self.manners.get("pages", {}):
            return self.answer(200, self.manners["pages"][path], Content_Type="text/html")
        if path == "/csrf" and user:
            return self.say({"csrf": self.memory.csrf[session]})
        if path not in CLOSED and self.manners.get("refuses") != "envelope":
            return self.answer(404, b"none")
        if not user or (path == "/users" and USERS[user] != "admin"):
            return self.refuse() if not user else self.say(DENIED)
        headers: dict[str, str] = {}
        if self.manners.get("rolling"):
            headers["Set_Cookie"] = self.begin(self.memory.sessions.pop(session))
        return self.say(CLOSED.get(path, DENIED), 200, **headers)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def begin(self, user: str) -> str:
        self.memory.logins += 1
        maker = self.manners.get("token", lambda _: secrets.token_hex(16))
        identifier = maker(self.memory.logins)
        if self.manners.get("one"):
            self.memory.sessions.clear()
        self.memory.sessions[identifier] = user
        self.memory.csrf[identifier] = secrets.token_hex(8)
        self.memory.worst = max(self.memory.worst, len(self.memory.sessions))
        name = self.manners.get("name", lambda: "sid")()
        return f"{name}={identifier}; HttpOnly; SameSite=Strict"

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
        given = json.loads(self.body() or b"{}")
        session = self.session()
        if self.path == "/login":
            return self.login(given)
        if self.path == "/logout":
            value = self.memory.csrf.get(session, "none")
            if self.manners.get("csrf") and self.headers.get("X-CSRF") != value:
                return self.answer(403)
            if (status := self.manners.get("logout")) is not None:
                return self.answer(int(status))
            if not self.manners.get("kept"):
                self.memory.sessions.pop(session, None)
            return self.say({"code": 0})
        if self.path == "/password":
            return self.say({"code": 0})  # and changes nothing
        return self.refuse()

    def login(self, given: dict[str, str]) -> None:
        user = given.get("user", "")
        full = len(self.memory.sessions) >= self.manners.get("slots", 1000)
        if full or self.memory.passwords.get(user) != given.get("pass"):
            if self.manners.get("expired"):
                return self.say(DENIED, Set_Cookie=f"sid={secrets.token_hex(16)}")
            return self.say(DENIED) if self.manners.get("refuses") else self.answer(403, b"no")
        cookies = {"Set_Cookie": self.begin(user)}
        if self.manners.get("named"):
            cookies["Set-Cookie"] = f"user={user}"
        return self.say({"code": 0}, 200, **cookies)


def make(**manners: Any) -> tuple[type[Make], Memory]:
    """A camera with one cookie for a session, and these manners.

    ``refuses``: 401, or ``envelope`` (200 with DENIED, for every path). ``slots``: sessions that it
    has room for. ``one``: a login ends the sessions of all others. ``rolling``: each answer gives
    another cookie. ``kept``: a logout ends nothing. ``logout``: the status of a logout that is not
    carried out. ``expired``: 200 with a page to a session that it does not know. ``token``: how
    identifiers are made. ``name``: what the cookie is called. ``named``: a cookie with the user's
    name too. ``csrf``: a logout needs the value of /csrf. ``drops``: connections end after each
    answer, unsaid. ``leads``: what / answers. ``pages``: other paths.
    """
    memory = Memory()
    return type("Made", (Make,), {"manners": manners, "memory": memory}), memory


LOGIN = {
    "method": "POST",
    "path": "/login",
    "json": {"user": "{username}", "pass": "{password}"},
}
DESCRIBED: dict[str, Any] = {
    "authentication": "session",
    "operations": {"login": LOGIN, "logout": {"method": "POST", "path": "/logout"}},
}
DECLARED: dict[str, Any] = {
    "api": [
        {"path": "/info", "roles": ["admin", "viewer"]},
        {"path": "/users", "roles": ["admin"]},
    ]
}


class InAddress(Handler):
    """Its session's token, or the login itself, in every address; JSON in lists, all with 200."""

    token = secrets.token_hex(16)

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        parts = urlsplit(self.path)
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        known = given.get("token") == self.token or given.get("pwd") == PASSWORD
        if parts.path != "/info" or not known:
            return self.say([{"code": 1, "error": {"detail": "please login first"}}])
        return self.say([{"code": 0, "value": {"model": "C1"}}])

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
        (given,) = json.loads(self.body())
        if given["param"].get("password") != PASSWORD:
            return self.say([{"code": 1, "error": {"detail": "please login first"}}])
        return self.say([{"code": 0, "value": {"Token": {"name": self.token}}}])

    def say(self, content: Any) -> None:
        self.answer(200, json.dumps(content).encode(), Content_Type="application/json")
