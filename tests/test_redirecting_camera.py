"""A camera of PHP pages: forms answered by 302, sessions from before the login, who is asked."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import pytest
from web_stand import PASSWORD, Handler, Kept, Laboratory, foreign_server, judge_web_roles
from web_stand import laboratory as laboratory_of

from conformance import policy
from conformance.credentials.test_sessions import (
    test_sessions_cannot_be_guessed_kept_or_ridden as judge_sessions,
)
from conformance.verdict import Inconclusive
from devices.errors import NotOffered
from devices.links.http.sessions import survey_sessions
from devices.links.users import WebUserWay

HTTP: dict[str, Any] = {
    "authentication": "session",
    "challenge": {"call": {"path": "/login.php"}, "fields": {"token": "input:token"}},
    "operations": {
        "login": {
            "method": "POST",
            "path": "/login.php",
            "form": {"user": "{username}", "pass": "{password}", "token": "{token}"},
        },
        "logout": {"path": "/logout.php", "success": [302]},
        "create_user": {
            "method": "POST",
            "path": "/users.php",
            "form": {"do": "add", "name": "{username}", "pass": "{password}"},
            "success": [302],
        },
        "delete_user": {
            "method": "POST",
            "path": "/users.php",
            "form": {"do": "del", "name": "{username}"},
            "success": [302],
        },
    },
}
API = [
    {"path": "/status.php", "roles": ["admin", "viewer"]},
    {"path": "/users.php", "roles": ["admin"]},
]


class Redirecting(Handler):
    """A camera of PHP pages that answers every form with 302.

    ``open_to_all``: whoever is logged in may list the users. ``renews``: a login gets an identifier
    of its own.
    """

    open_to_all: ClassVar[bool] = False
    renews: ClassVar[bool] = True
    passwords: ClassVar[dict[str, str]]
    roles: ClassVar[dict[str, str]]
    sessions: ClassVar[dict[str, str]]
    tokens: ClassVar[set[str]]

    @property
    def session(self) -> str:
        return self.headers.get("Cookie", "").removeprefix("PHPSESSID=")

    @property
    def role(self) -> str:
        return self.roles.get(self.sessions.get(self.session, ""), "")

    def cookie(self, session: str) -> str:
        return f"PHPSESSID={session}; Path=/; HttpOnly; SameSite=Strict"

    def to(self, place: str, **fields: str) -> None:
        self.answer(302, b"", Location=place, **fields)

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        path = urlsplit(self.path).path
        if path == "/login.php":
            self.tokens.add(token := secrets.token_hex(8))
            page = f"<form><input type=hidden name=token value='{token}'></form>"
            session = self.session or secrets.token_hex(16)
            fields = {"Content_Type": "text/html", "Set_Cookie": self.cookie(session)}
            self.answer(200, page.encode(), **fields)
        elif not self.role:
            self.to("/login.php")
        elif path == "/logout.php":
            self.sessions.pop(self.session, None)
            self.to("/login.php")
        else:
            self.page(path)

    def page(self, path: str) -> None:
        if path == "/status.php":
            self.answer(200, b'{"model": "C1"}', Content_Type="application/json")
        elif path != "/users.php":
            self.answer(404)
        elif self.role == "admin" or self.open_to_all:
            listed = repr(sorted(self.passwords)).encode()
            self.answer(200, listed, Content_Type="application/json")
        else:
            self.to("/denied.html")

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
        given = dict(parse_qsl(self.body().decode()))
        if self.path == "/login.php":
            self.log_in(given)
        elif self.role != "admin":
            self.to("/login.php")
        elif given["do"] == "add":
            self.passwords[given["name"]], self.roles[given["name"]] = given["pass"], "viewer"
            self.to("/users.php")
        else:
            self.passwords.pop(given["name"], None)
            self.roles.pop(given["name"], None)
            self.to("/users.php")

    def log_in(self, given: dict[str, str]) -> None:
        right = self.passwords.get(given["user"]) == given["pass"]
        if given["token"] not in self.tokens or not right:
            return self.to("/login.php?err=1")
        session = secrets.token_hex(16) if self.renews else self.session
        self.sessions[session] = given["user"]
        fields = {"Set_Cookie": self.cookie(session)} if self.renews else {}
        return self.to("/", **fields)


def redirecting(*, open_to_all: bool = False) -> type[Redirecting]:
    """A camera of its own, with the users admin and probe."""

    class Camera(Redirecting):
        passwords: ClassVar = {"admin": PASSWORD, "probe": PASSWORD}
        roles: ClassVar = {"admin": "admin", "probe": "viewer"}
        sessions: ClassVar = {}
        tokens: ClassVar = set()

    Camera.open_to_all = open_to_all
    return Camera


@contextmanager
def served(camera: type[Handler], folder: Path, *accounts: str) -> Iterator[Laboratory]:
    """The camera, with those of its accounts that the device file gives."""
    with foreign_server(camera) as url:
        lab = laboratory_of(url, folder, http=HTTP, declared={"api": API})
        for name in set(lab.device.accounts) - set(accounts):
            del lab.device.accounts[name]
        yield lab
        lab.http.close()


def test_a_login_that_leads_on_by_302_is_one(tmp_path: Path) -> None:
    with served(redirecting(), tmp_path, "admin", "probe") as lab:
        attempt, client = lab.http.log_in("admin", PASSWORD)
        lab.http.leave(client)
        wrong, client = lab.http.log_in("admin", "Wr0ng-Password")
        lab.http.leave(client)
    assert (attempt.accepted, wrong.accepted) == (True, False)
    assert attempt.answer.status == wrong.answer.status == 302


def test_a_declared_success_of_a_login_is_held_to(tmp_path: Path) -> None:
    login = HTTP["operations"]["login"] | {"success": [200]}
    http = HTTP | {"operations": HTTP["operations"] | {"login": login}}
    with foreign_server(redirecting()) as url:
        lab = laboratory_of(url, tmp_path, http=http, declared={"api": API})
        attempt, client = lab.http.log_in("admin", PASSWORD)
        lab.http.leave(client)
        lab.http.close()
    assert not attempt.accepted


@pytest.mark.parametrize("accounts", [("admin", "probe"), ("admin",)])
@pytest.mark.parametrize("open_to_all", [False, True])
def test_a_viewer_is_asked_whom_the_device_file_does_not_set_aside(
    *, open_to_all: bool, accounts: tuple[str, ...], tmp_path: Path
) -> None:
    """An account that may be locked, or a user who is made and removed again, stands in."""
    camera = redirecting(open_to_all=open_to_all)
    kept = Kept()
    with served(camera, tmp_path, *accounts) as lab:
        ways = [WebUserWay(lab.http, lab.secrets)]
        if open_to_all:
            with pytest.raises(AssertionError, match=r"viewer gets 200 from GET /users\.php"):
                judge_web_roles(lab, kept, ways)
        else:
            judge_web_roles(lab, kept, ways)
    (matrix,) = kept.observations
    assert {answer.role for answer in matrix.answers} == {"anonymous", "viewer", "admin"}  # type: ignore[attr-defined]
    assert set(camera.roles) == {"admin", "probe"}


def test_a_role_that_nobody_can_be_asked_as_is_inconclusive(tmp_path: Path) -> None:
    with (
        served(redirecting(), tmp_path, "admin") as lab,
        pytest.raises(Inconclusive, match="names the role viewer, as which nobody could be asked"),
    ):
        judge_web_roles(lab, Kept())


@pytest.mark.parametrize("renews", [True, False])
def test_an_identifier_that_was_given_before_the_login(*, renews: bool, tmp_path: Path) -> None:
    camera = redirecting()
    camera.renews = renews
    with served(camera, tmp_path, "admin", "probe") as lab:
        facts = survey_sessions(lab.http, "admin", "admin", PASSWORD)
    secure = tuple(replace(cookie, secure=True) for cookie in facts.cookies)  # without TLS
    facts = replace(facts, cookies=secure)
    assert [(cookie.name, cookie.http_only) for cookie in facts.cookies] == [("PHPSESSID", True)]
    if renews:
        judge_sessions(facts, policy.load)
    else:
        with pytest.raises(AssertionError, match="a visitor has before the login is the session's"):
            judge_sessions(facts, policy.load)


def test_a_logout_that_is_none_hides_no_finding(tmp_path: Path) -> None:
    """The identifier stays, and so does the session at an address that logs nobody out."""
    camera = redirecting()
    camera.renews = False
    logout = {"logout": {"path": "/status.php", "success": [204]}}
    http = HTTP | {"operations": HTTP["operations"] | logout}
    with foreign_server(camera) as url:
        lab = laboratory_of(url, tmp_path, http=http, declared={"api": API})
        facts = survey_sessions(lab.http, "admin", "admin", PASSWORD)
        lab.http.close()
    with pytest.raises(AssertionError, match="shares the session"):
        judge_sessions(facts, policy.load)
    others = replace(facts, given_kept=False, made_up_kept=False)
    cookies = tuple(replace(cookie, secure=True) for cookie in facts.cookies)
    with pytest.raises(NotOffered, match=r"status\.php is answered 200; it is no logout"):
        judge_sessions(replace(others, cookies=cookies), policy.load)


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        ({"path": "/x?name={user}"}, "{user} is filled by nothing"),
        ({"path": "/x", "form": {"role": "{role}"}}, "{role} is filled by nothing"),
        ({"path": "/x", "json": {"a": [{"b": "{username} {nonce}"}]}}, "{nonce} is filled"),
        ({"path": "/x", "headers": {"X": "{tok}"}}, "{tok} is filled by nothing"),
    ],
)
def test_a_placeholder_that_nothing_fills_is_told(
    operation: dict[str, Any], says: str, tmp_path: Path
) -> None:
    http = {"operations": {"create_user": operation}}
    with pytest.raises(ValueError, match=r"operations\.create_user: ") as raised:
        laboratory_of("http://127.0.0.1:1/", tmp_path, http=http)
    assert says in str(raised.value)
