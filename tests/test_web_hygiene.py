"""How web interfaces keep users on TLS, and what STREAM-028 makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_stand import Handler, Laboratory, foreign_server, laboratory, raw_server, web_camera

from conformance import policy
from conformance.streams.test_web import (
    test_users_of_the_web_interface_are_kept_on_tls as judge,
)
from conformance.verdict import Inconclusive
from devices.emulated.addresses import PORTS
from devices.emulated.posture import Posture
from devices.links.http.exchange import Exchange, make_exchange
from devices.links.http.hygiene import (
    PlainPort,
    WebHygiene,
    hsts_seconds,
    leads_to,
    live_cookies,
    survey_hygiene,
)


def answer(
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    server: str = "http://192.0.2.7",
) -> Exchange:
    return make_exchange(
        sender="anonymous",
        method="GET",
        target="/",
        server=server,
        protection="none",
        status=status,
        headers=list((headers or {}).items()),
        body=body,
        truncated=False,
        seconds=0.0,
    )


def to(place: str, status: int = 308) -> Exchange:
    return answer(status, {"Location": place})


HOME = "https://192.0.2.7/"
FRONT = answer(200, {"Strict-Transport-Security": "max-age=31536000"}, b"page", HOME[:-1])
COOKIE = answer(200, {"Set-Cookie": "sid=abc; Path=/; Secure; HttpOnly"}, b"{}", HOME[:-1])
PORT = PlainPort(port=80, front=to(HOME), others=(to(HOME), answer(404)), stranger=to(HOME))
GOOD = WebHygiene(hosts=("192.0.2.7",), ports=(PORT,), secured=(FRONT, COOKIE))


def device(folder: Path) -> Any:
    service = {"name": "web", "port": 80, "protocol": "http-redirect", "purpose": "x"}
    services = [service | {"encrypted": False}]
    return laboratory("https://127.0.0.1:9", folder, declared={"services": services}).device


def with_port(**changes: Any) -> WebHygiene:
    return replace(GOOD, ports=(replace(PORT, **changes),))


def test_a_good_web_interface_passes(tmp_path: Path) -> None:
    judge(GOOD, device(tmp_path), policy.load)


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (with_port(front=answer(200, body=b"login")), "gives 5 bytes without TLS"),
        (with_port(front=answer(404)), "declared as a redirect"),
        (with_port(others=(answer(200, body=b"x" * 9),)), "gives 9 bytes without TLS"),
        (with_port(front=to("http://192.0.2.7/login")), "redirects to http://192.0.2.7/login"),
        (with_port(front=to("/login")), "redirects to /login"),
        (with_port(front=to("https://cloud.example/")), "redirects to https://cloud.example/"),
        (with_port(front=to(HOME, 303)), "with status 303"),
        (with_port(stranger=to("https://elsewhere.example/")), "whatever host a client names"),
        (
            with_port(others=(answer(404, {"Set-Cookie": "sid=1; Secure; HttpOnly"}),)),
            "sets the cookie sid without TLS",
        ),
        (replace(GOOD, secured=(COOKIE,)), "no Strict-Transport-Security"),
        (
            replace(GOOD, secured=(answer(200, {"Strict-Transport-Security": "max-age=x"}),)),
            "an invalid one",
        ),
        (
            replace(GOOD, secured=(answer(200, {"Strict-Transport-Security": "max-age=60"}),)),
            "for 60 s",
        ),
        (
            replace(GOOD, secured=(FRONT, answer(200, {"Set-Cookie": "sid=1; HttpOnly"}))),
            "The cookie sid lacks Secure",
        ),
        (
            replace(GOOD, secured=(FRONT, answer(200, {"Set-Cookie": "sid=1; secure"}))),
            "The cookie sid lacks HttpOnly",
        ),
        (replace(GOOD, secret_paths=("login",)), "puts the password into the URL"),
    ],
)
def test_what_lets_users_slip_off_tls_fails(tmp_path: Path, seen: WebHygiene, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        judge(seen, device(tmp_path), policy.load)


@pytest.mark.parametrize(
    "seen",
    [
        with_port(stranger=None),
        with_port(stranger=answer(421)),
        with_port(others=(answer(403, body=b"no"), answer(426), answer(401))),
        with_port(front=to("HTTPS://192.0.2.7:8443/x", 301)),
        replace(with_port(front=to("https://cam/")), hosts=("192.0.2.7", "cam")),
        replace(GOOD, ports=()),
        replace(GOOD, ports=(PlainPort(port=8080, closed="unreachable: refused"),)),
        replace(GOOD, secured=(FRONT, answer(200, {"Set-Cookie": "XSRF-TOKEN=1; Secure"}))),
        replace(GOOD, secured=(FRONT, answer(200, {"Set-Cookie": "sid=; Max-Age=0"}))),
    ],
)
def test_what_is_no_fault_passes(tmp_path: Path, seen: WebHygiene) -> None:
    judge(seen, device(tmp_path), policy.load)


@pytest.mark.parametrize(
    "seen",
    [
        replace(GOOD, no_login="no account"),
        replace(GOOD, secured=()),
        replace(GOOD, ports=(PlainPort(port=80, closed="timeout: nothing came"),)),
    ],
)
def test_what_was_not_seen_is_not_passed(tmp_path: Path, seen: WebHygiene) -> None:
    with pytest.raises(Inconclusive):
        judge(seen, device(tmp_path), policy.load)


def survey(lab: Laboratory, *ports: int) -> WebHygiene:
    account = lab.device.accounts["probe-http"].username
    return survey_hygiene(lab.http, ports, (account, lab.secrets.password("probe-http")))


def test_the_compliant_camera(tmp_path: Path) -> None:
    with web_camera(tmp_path) as (_, lab):
        seen = survey(lab, PORTS["http"], 9)
    assert seen.hsts_seconds == 31_536_000
    assert not seen.no_login
    assert [(c.secure, c.http_only) for c in seen.cookies] == [(True, True)]
    assert seen.ports[1].closed.startswith("unreachable")
    judge(seen, lab.device, policy.load)


@pytest.mark.parametrize(
    ("posture", "says"),
    [
        ({"hsts": "none"}, "no Strict-Transport-Security"),
        ({"hsts": "minute"}, "for 60 s"),
        ({"cookie_attributes": False}, "lacks Secure.*lacks HttpOnly"),
        ({"http_redirect": "host-header"}, "elsewhere.example"),
        ({"snapshot_over_http": True}, "/api/snapshot gives"),
        ({"http_serves_login": True}, "without TLS"),
    ],
)
def test_flaws_of_the_camera_are_found(tmp_path: Path, posture: dict[str, Any], says: str) -> None:
    with web_camera(tmp_path, Posture.of(posture)) as (_, lab):
        seen = survey(lab, PORTS["http"])
    with pytest.raises(AssertionError, match=says):
        judge(seen, lab.device, policy.load)


class Leaky(Handler):
    """Serves its pages in clear, and hangs up on other host names."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        if "elsewhere" in self.headers["Host"]:
            self.close_connection = True
            return
        self.answer(200, b"<html>login</html>", Set_Cookie="lang=en")


def test_a_server_of_plain_http_alone(tmp_path: Path) -> None:
    with foreign_server(Leaky) as url:
        lab = laboratory(url, tmp_path)
        seen = survey_hygiene(lab.http, [lab.http.server.port])
        lab.http.close()
    (port,) = seen.ports
    assert port.stranger is None
    assert not seen.secured
    with pytest.raises(AssertionError, match=r"sets the cookie lang without TLS.*without TLS"):
        judge(seen, lab.device, policy.load)


def test_half_an_answer_is_no_answer(tmp_path: Path) -> None:
    with raw_server(lambda connection: connection.sendall(b"HTTP/1.1 30")) as url:
        lab = laboratory(url, tmp_path)
        seen = survey_hygiene(lab.http, [lab.http.server.port])
        lab.http.close()
    assert seen.ports[0].closed
    assert seen.ports[0].front is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("max-age=31536000", 31_536_000),
        ('includeSubDomains ; Max-Age = "60"', 60),
        ("max-age=", None),
        ("max-age=-1", None),
        ("includeSubDomains", None),
        ("", None),
    ],
)
def test_strict_transport_security_is_read(value: str, seconds: int | None) -> None:
    assert hsts_seconds(value) == seconds


@given(st.text(max_size=60), st.sampled_from([200, 301, 308]))
def test_any_header_is_read(text: str, status: int) -> None:
    headers = {"Location": text, "Set-Cookie": text, "Strict-Transport-Security": text}
    made = answer(status, headers)
    leads_to(made)
    live_cookies(made)
    hsts_seconds(text)
