"""The emulated camera's web service, asked over real sockets by requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import requests
from web_stand import PASSWORD, Laboratory, WebCamera, clear, https, web_camera

from devices.emulated.bench.provision import provision
from devices.emulated.posture import Posture

CLOSED = ["/api/users", "/api/settings", "/api/device", "/api/snapshot", "/api/audit"]
KEY = "ssh-ed25519 " + "A" * 68 + " lab"


class Browser:
    """A requests session that sends the CSRF token, as the page does."""

    def __init__(self, camera: WebCamera, trust: str) -> None:
        self.url, self.session = https(camera), requests.Session()
        self.session.verify = trust
        self.session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.session.request(method, self.url + path, json=body, timeout=10, **more)

    def log_in(self, name: str, password: str = PASSWORD) -> requests.Response:
        answer = self.call("POST", "/api/session", {"username": name, "password": password})
        if answer.ok:
            self.session.headers["X-CSRF-Token"] = answer.json()["csrf"]
        return answer


def trust_of(laboratory: Laboratory) -> str:
    assert laboratory.device.links.http is not None
    return str(laboratory.device.links.http.trust)


@pytest.fixture(scope="module")
def compliant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[WebCamera, str]]:
    with web_camera(tmp_path_factory.mktemp("camera")) as (camera, laboratory):
        yield camera, trust_of(laboratory)


@pytest.fixture
def browser(compliant: tuple[WebCamera, str]) -> Iterator[Browser]:
    with Browser(*compliant) as made:
        yield made


def passwords(camera: WebCamera, name: str) -> str:
    password = camera.accounts.password(name)
    assert password is not None
    return password


@pytest.mark.parametrize("path", CLOSED)
def test_closed_resources_ask_for_a_login(browser: Browser, path: str) -> None:
    assert browser.call("GET", path).status_code == 401


def test_the_page_and_its_parts_are_served_with_security_headers(browser: Browser) -> None:
    page = browser.call("GET", "/")
    assert "LV-2100" in page.text
    assert "%BRAND%" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Frame-Options"] == "DENY"
    assert "Server" not in page.headers
    for path in ("/ui/app.js", "/ui/style.css", "/ui/icon.svg"):
        assert browser.call("GET", path).status_code == 200
    assert browser.call("GET", "/ui/../api/users").status_code == 401
    assert browser.call("GET", "/ui/%2e%2e%2faccess.toml").status_code == 404


def test_a_session_cookie_is_protected_and_new_at_every_login(
    compliant: tuple[WebCamera, str], browser: Browser
) -> None:
    camera, _ = compliant
    first = browser.log_in("viewer", passwords(camera, "viewer"))
    cookie = first.headers["Set-Cookie"]
    assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"))
    old = dict(browser.session.cookies)
    browser.log_in("viewer", passwords(camera, "viewer"))
    assert dict(browser.session.cookies) != old
    assert browser.call("GET", "/api/device").status_code == 200
    with Browser(*compliant) as other:
        other.session.cookies.update(old)
        assert other.call("GET", "/api/device").status_code == 401


def test_logout_ends_the_session_on_the_camera(
    compliant: tuple[WebCamera, str], browser: Browser
) -> None:
    browser.log_in("viewer", passwords(compliant[0], "viewer"))
    kept = dict(browser.session.cookies)
    assert browser.call("DELETE", "/api/session").status_code == 204
    with Browser(*compliant) as other:
        other.session.cookies.update(kept)
        assert other.call("GET", "/api/device").status_code == 401


def test_changes_need_the_token_of_the_session(
    compliant: tuple[WebCamera, str], browser: Browser
) -> None:
    browser.log_in("admin", passwords(compliant[0], "admin"))
    del browser.session.headers["X-CSRF-Token"]
    assert browser.call("PUT", "/api/settings", {"hostname": "x"}).status_code == 403
    answer = browser.session.post(browser.url + "/api/session", data="a=b", timeout=10)
    assert answer.status_code == 415


def test_roles(compliant: tuple[WebCamera, str]) -> None:
    expected = {"viewer": [403, 403, 200, 200, 403], "operator": [403, 200, 200, 200, 403]}
    for role, statuses in expected.items():
        with Browser(*compliant) as browser:
            browser.log_in(role, passwords(compliant[0], role))
            assert [browser.call("GET", path).status_code for path in CLOSED] == statuses
            assert browser.call("POST", "/api/factory-reset", {}).status_code == 403
            assert browser.call("POST", "/api/firmware").status_code == 403


@pytest.mark.parametrize("body", ["", "[]", "{", "[" * 40000, '"x"', '{"username": 1}'])
def test_broken_bodies_are_refused(browser: Browser, body: str) -> None:
    answer = browser.session.post(
        browser.url + "/api/session",
        data=body,
        headers={"Content-Type": "application/json"},
        timeout=10,
    )
    assert answer.status_code == 400


def test_users_are_made_and_removed_with_their_sessions(
    compliant: tuple[WebCamera, str], browser: Browser
) -> None:
    browser.log_in("admin", passwords(compliant[0], "admin"))
    row = {"username": "cleo", "password": PASSWORD, "role": "viewer"}
    assert browser.call("POST", "/api/users", row | {"password": "short"}).status_code == 422
    assert browser.call("POST", "/api/users", row | {"role": "root"}).status_code == 422
    assert browser.call("POST", "/api/users", row).status_code == 201
    with Browser(*compliant) as cleo:
        assert cleo.log_in("cleo").status_code == 201
        assert browser.call("DELETE", "/api/users/cleo").status_code == 204
        assert cleo.call("GET", "/api/device").status_code == 401
    assert browser.call("DELETE", "/api/users/admin").status_code == 409


def test_a_changed_password_ends_all_sessions(
    compliant: tuple[WebCamera, str], browser: Browser
) -> None:
    camera = compliant[0]
    camera.accounts.create("dora", PASSWORD, "viewer")
    with Browser(*compliant) as other:
        other.log_in("dora")
        browser.log_in("dora")
        change = {"old_password": "wrong", "new_password": "Narrow-Bridge-8"}
        assert browser.call("PUT", "/api/account/password", change).status_code == 403
        change["old_password"] = PASSWORD
        assert browser.call("PUT", "/api/account/password", change).status_code == 204
        assert other.call("GET", "/api/device").status_code == 401
    assert browser.log_in("dora").status_code == 401
    assert browser.log_in("dora", "Narrow-Bridge-8").status_code == 201
    camera.accounts.delete("dora")


def test_guessing_locks_known_and_unknown_names_alike(
    compliant: tuple[WebCamera, str], browser: Browser
) -> None:
    for name in ("probe", "nobody"):
        statuses = [browser.log_in(name, f"Wrong-{n}-x").status_code for n in range(6)]
        assert statuses == [401] * 5 + [429]
    assert browser.log_in("probe").status_code == 429
    events = [entry["event"] for entry in compliant[0].audit.entries()]
    assert "login-failed" in events
    assert "login-locked" in events


def test_the_snapshot_takes_digest_too(compliant: tuple[WebCamera, str], browser: Browser) -> None:
    digest = requests.auth.HTTPDigestAuth("viewer", passwords(compliant[0], "viewer"))
    answer = browser.call("GET", "/api/snapshot", auth=digest)
    assert answer.status_code == 200
    assert answer.content.startswith(b"\xff\xd8\xff")
    wrong = requests.auth.HTTPDigestAuth("viewer", "Wrong-1-x")
    assert browser.call("GET", "/api/snapshot", auth=wrong).status_code == 401


def test_restart_and_reset_need_their_words(
    compliant: tuple[WebCamera, str], browser: Browser
) -> None:
    camera = compliant[0]
    browser.log_in("admin", passwords(camera, "admin"))
    assert browser.call("POST", "/api/factory-reset", {"confirm": "yes"}).status_code == 422
    assert camera.requests == []
    words = {"confirm": "erase all user data"}
    assert browser.call("POST", "/api/factory-reset", words).status_code == 202
    assert browser.call("POST", "/api/reboot", {}).status_code == 202
    assert camera.requests == ["factory reset", "reboot"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_plain_http_redirects_and_takes_nothing(
    compliant: tuple[WebCamera, str], method: str
) -> None:
    camera = compliant[0]
    answer = requests.request(
        method,
        clear(camera) + "/api/session?x=1",
        headers={"Host": "elsewhere.example"},
        data=b"{}",
        allow_redirects=False,
        timeout=10,
    )
    assert answer.status_code == 308
    assert answer.headers["Location"] == https(camera) + "/api/session?x=1"


def test_the_factory_state_opens_the_set_up_alone(tmp_path: Path) -> None:
    with web_camera(tmp_path, factory=True) as (camera, laboratory):
        trust = trust_of(laboratory)
        with Browser(camera, trust) as browser:
            assert browser.call("GET", "/api/status").json() == {"state": "factory"}
            assert browser.call("GET", "/").status_code == 200
            assert [browser.call("GET", path).status_code for path in CLOSED] == [403] * 5
            assert browser.log_in("admin", "admin").status_code == 403
        secrets = tmp_path / "secrets"
        provision(camera.address, Path(trust).read_text(), secrets, KEY)
        names = {user.name: user.role for user in camera.accounts.users()}
        assert names["admin"] == "admin"
        assert names["probe-rtsp"] == "viewer"
        assert camera.settings.ssh.authorized_keys == (KEY,)
        provision(camera.address, Path(trust).read_text(), secrets, KEY)  # does no harm
        with Browser(camera, trust) as browser:
            row = {"username": "eve", "password": PASSWORD}
            assert browser.call("POST", "/api/setup", row).status_code == 403


@pytest.mark.parametrize(
    ("posture", "path", "headers"),
    [
        ({"web_bypasses": ("auth-parameter",)}, "/api/users?auth=YWRtaW46MTEK", {}),
        ({"web_bypasses": ("cookie",)}, "/api/users", {"Cookie": "uid=admin"}),
        ({"web_bypasses": ("suffix",)}, "/api/users?.cab", {}),
        ({"web_bypasses": ("config-download",)}, "/current_config/passwd", {}),
        ({"web_debug_pages": ("/shell",)}, "/shell", {}),
        ({"snapshot_anonymous": True}, "/api/snapshot", {}),
    ],
)
def test_flaws_are_real_and_only_there_on_demand(
    compliant: tuple[WebCamera, str],
    tmp_path: Path,
    posture: dict[str, Any],
    path: str,
    headers: dict[str, str],
) -> None:
    with Browser(*compliant) as browser:
        assert browser.call("GET", path, headers=headers).status_code in {401, 404}
    with web_camera(tmp_path, Posture(**posture)) as (camera, laboratory):
        flawed = Browser(camera, trust_of(laboratory))
        with flawed:
            assert flawed.call("GET", path, headers=headers).status_code == 200


def test_a_login_over_plain_http_works_under_the_fault(tmp_path: Path) -> None:
    with web_camera(tmp_path, Posture(http_serves_login=True)) as (camera, _):
        answer = requests.post(
            clear(camera) + "/api/session",
            json={"username": "viewer", "password": passwords(camera, "viewer")},
            timeout=10,
        )
        assert answer.status_code == 201
        assert "session=" in answer.headers["Set-Cookie"]
