"""The web link against servers that nobody here wrote, and against hostile ones."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_stand import (
    ONE_SESSION,
    PASSWORD,
    SINGLE_PAGE,
    Handler,
    SinglePage,
    digest_camera,
    foreign_server,
    laboratory,
    raw_server,
    web_camera,
)

from devices.description import Operation
from devices.emulated.maker.manufacturer import make_manufacturer
from devices.errors import DeviceError, Garbled, LoginRefused, NotOffered, TimedOut, Unreachable
from devices.links.http.bypass import survey_bypasses
from devices.links.http.client import filled
from devices.links.http.cookies import cookie_facts
from devices.links.http.exchange import make_exchange
from devices.links.http.identifiers import identifier_facts
from devices.links.http.link import HttpLink
from devices.links.http.observations import KnownPath
from devices.links.http.pages import impossible_neighbour, same_page
from devices.links.http.server import Protection, server_of
from devices.links.http.survey import survey_pages
from devices.links.http.transport import MAX_BODY, Transport
from devices.observation import to_plain
from devices.permit import Permit

PERMIT = Permit(["127.0.0.0/8"], [], date(2099, 1, 1))


def ask(url: str, target: str = "/", *, seconds: float = 5) -> Any:
    transport = Transport(server_of(url, PERMIT), Protection("none"))
    try:
        return transport.exchange("GET", target, sender="anonymous", seconds=seconds)
    finally:
        transport.close()


class Echo(Handler):
    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        self.answer(200, self.requestline.encode(), Content_Type="text/plain")


@pytest.mark.parametrize(
    "target", ["/a/../b", "/./en/x", "/x;y?.cab", "/%2E/a", "/a//b", "/../../proc/version"]
)
def test_targets_go_out_as_they_are(target: str) -> None:
    with foreign_server(Echo) as url:
        assert ask(url, target).content == f"GET {target} HTTP/1.1".encode()


def test_digest_login_is_believed_when_it_opens_the_gate(tmp_path: Path) -> None:
    with foreign_server(digest_camera()) as url:
        lab = laboratory(url, tmp_path)
        right, client = lab.http.log_in("admin", PASSWORD)
        assert right.accepted
        assert client.request("GET", "/cgi-bin/info.cgi").content == b"model=C1\n"
        wrong, _ = lab.http.log_in("admin", "Wrong-1-x")
        assert not wrong.accepted
        lab.http.close()


def test_a_digest_nonce_that_serves_once_is_renewed_for_a_proved_login_alone(
    tmp_path: Path,
) -> None:
    with foreign_server(digest_camera(once=True, attempts=2)) as url:
        lab = laboratory(url, tmp_path)
        attempt, client = lab.http.log_in("admin", PASSWORD)
        assert attempt.accepted
        assert [client.request("GET", "/cgi-bin/info.cgi").status for _ in range(3)] == [200] * 3
        wrong, stranger = lab.http.log_in("probe", "Wrong-1-x")
        assert not wrong.accepted
        stranger.close()
        assert lab.http.log_in("probe", PASSWORD)[0].accepted, "the wrong login was sent once"
        lab.http.close()


def test_session_login_by_a_token_inside_json(tmp_path: Path) -> None:
    with foreign_server(SinglePage) as url:
        lab = laboratory(url, tmp_path, http=SINGLE_PAGE)
        client = lab.http.account("admin")
        assert client.request("GET", "/cgi-bin/info.cgi").json() == {"model": "C1"}
        wrong, _ = lab.http.log_in("admin", "Wrong-1-x")
        assert wrong.answer.status == 200  # the camera says so, the gate does not
        assert not wrong.accepted
        lab.http.close()


def test_a_refused_account_is_named(tmp_path: Path) -> None:
    with foreign_server(digest_camera(attempts=0)) as url:
        lab = laboratory(url, tmp_path)
        with pytest.raises(LoginRefused, match="'admin'"):
            lab.http.account("admin")
        lab.http.close()


class Cookie(SinglePage):
    """A cookie for everybody, which opens nothing."""

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
        self.body()
        self.answer(200, b"{}", Set_Cookie="theme=dark")


@pytest.mark.parametrize(
    ("camera", "advice"),
    [
        (SinglePage, r"no session in it .* links\.http\.token"),
        (Cookie, r"GET .*/cgi-bin/info\.cgi answered 401 as without login\. .* links\.http\.token"),
    ],
)
def test_a_session_that_is_not_described_is_asked_for(
    camera: type[Handler], advice: str, tmp_path: Path
) -> None:
    undescribed = {name: value for name, value in SINGLE_PAGE.items() if name != "token"}
    with foreign_server(camera) as url:
        lab = laboratory(url, tmp_path, http=undescribed)
        with pytest.raises(LoginRefused, match=advice):
            lab.http.account("admin")
        lab.http.close()


class OpenToAll(Handler):
    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        self.answer(200 if self.path in {"/", "/cgi-bin/info.cgi"} else 404, b"model=C1")


def test_nothing_closed_nothing_judged(tmp_path: Path) -> None:
    with foreign_server(OpenToAll) as url:
        lab = laboratory(url, tmp_path)
        with pytest.raises(NotOffered, match="answer without login"):
            lab.http.gate()
        with pytest.raises(NotOffered, match="'snapshot'"):
            lab.http.operation("snapshot")
        lab.http.close()


def send(data: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(data)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", Unreachable),
        (b"garbage\r\n\r\n", Garbled),
        (b"\x16\x03\x01\x02\x00" + bytes(50), Garbled),
        (b"HTTP/1.1 999999 OK\r\n\r\n", Garbled),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 300 + b"\r\n", Garbled),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70000 + b"\r\n\r\n", Garbled),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Garbled),
    ],
)
def test_hostile_answers_are_typed_errors(answer: bytes, error: type[DeviceError]) -> None:
    with raw_server(send(answer)) as url, pytest.raises(error):
        ask(url)


@given(st.binary(max_size=200))
def test_any_answer_is_an_exchange_or_a_link_error(answer: bytes) -> None:
    with raw_server(send(b"HTTP/1.1 " + answer)) as url:
        try:
            assert ask(url).status > 0
        except (Unreachable, Garbled, TimedOut):
            return


def test_a_silent_server_times_out() -> None:
    def wait(connection: socket.socket) -> None:
        connection.recv(1)

    with raw_server(wait) as url, pytest.raises(TimedOut):
        ask(url, seconds=0.3)


def test_a_trickling_head_ends_at_the_deadline() -> None:
    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        connection.settimeout(0.05)
        while True:
            connection.sendall(b"a")
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                continue

    with raw_server(trickle) as url, pytest.raises(TimedOut):
        ask(url, seconds=0.4)


@pytest.mark.parametrize("head", [b"200 OK\r\n", b"302 Found\r\nLocation: /login\r\n"])
def test_an_endless_body_is_cut(head: bytes, tmp_path: Path) -> None:
    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 " + head + b"\r\n")
        while True:
            connection.sendall(bytes(65536))

    with raw_server(flood) as url:
        exchange = ask(url)
    assert exchange.truncated
    assert exchange.body_bytes == MAX_BODY


def test_what_comes_with_a_redirection_is_read(tmp_path: Path) -> None:
    class Leading(Handler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            self.answer(302, b"behind it", Location="http://192.0.2.7/", Set_Cookie="a=b")

    with foreign_server(Leading) as url:
        lab = laboratory(url, tmp_path)
        client = lab.http.anonymous()
        got = client.request("GET", "/")
        assert (got.status, got.content, client.cookies) == (302, b"behind it", {"a": "b"})
        lab.http.close()


def test_nothing_is_sent_outside_the_permit(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="not among"):
        server_of("https://192.0.2.7/", PERMIT)
    for wrong in ("ftp://127.0.0.1/", "http:///", "http://127.0.0.1:99999/", "127.0.0.1"):
        with pytest.raises(Garbled):
            server_of(wrong, PERMIT)


def exchange(status: int = 200, body: bytes = b"", **headers: str) -> Any:
    return make_exchange(
        sender="anonymous",
        method="GET",
        target="/",
        server="https://192.0.2.7",
        protection="none",
        status=status,
        headers=[(name.replace("_", "-"), value) for name, value in headers.items()],
        body=body,
        truncated=False,
        seconds=0.1,
    )


@pytest.mark.parametrize("name", ["application/octet-stream", "multipart/x-mixed-replace", ""])
def test_mjpeg_is_a_picture_whatever_the_server_calls_it(name: str) -> None:
    """FFmpeg's own HTTP server calls it application/octet-stream."""
    part = b"\r\n--ffmpeg\r\nContent-type: image/jpeg\r\nA: 5\r\n\r\n\xff\xd8\xff\xdb"
    assert exchange(body=part, Content_Type=name).picture
    assert exchange(body=part[2:].replace(b"\r", b""), Content_Type=name).picture
    assert not exchange(body=part.replace(b"\xff\xd8", b"ab"), Content_Type=name).picture


@given(st.binary(), st.sampled_from([b"", b"--", b"--a\r\n", b"--a\nb: c\n\n"]))
def test_any_body_is_a_picture_or_none(body: bytes, start: bytes) -> None:
    assert exchange(body=start + body).picture in {True, False}


def test_evidence_holds_neither_bodies_nor_session_identifiers() -> None:
    kept = exchange(body=b"admin:hunter2", Set_Cookie="sid=abcdef0123; Path=/; HttpOnly")
    text = str(to_plain(kept))
    assert kept.content == b"admin:hunter2"
    assert "hunter2" not in text
    assert "abcdef0123" not in text
    assert cookie_facts(kept)[0].http_only
    assert exchange(401, b"log in").body_start == b"log in"


@given(st.text(), st.integers(100, 599))
def test_cookies_of_any_form_are_read(value: str, status: int) -> None:
    assert len(cookie_facts(exchange(status, Set_Cookie=value))) == 1


def test_identifiers_are_compared() -> None:
    counted = identifier_facts([f"{n:08d}" for n in range(1001, 1007)])
    assert counted.counting
    assert counted.bits < 10
    same = identifier_facts(["abc", "abc"])
    assert (same.distinct, same.bits) == (1, 0.0)
    assert identifier_facts(["a3" * 16, "5f" * 16]).bits >= 64


@given(st.lists(st.text(max_size=40), min_size=1, max_size=8))
def test_identifiers_of_any_form_are_compared(identifiers: list[str]) -> None:
    facts = identifier_facts(identifiers)
    assert 0 <= facts.varying <= facts.length
    assert facts.distinct <= facts.count


def test_placeholders_are_filled_once_and_escaped_in_paths() -> None:
    operation = Operation(
        method="PUT", path="/u/{username}", json_body={"p": ["{password}", {"n": "{username}"}]}
    )
    call = filled(operation, {"username": "a/{password}", "password": "x"})
    assert call.target == "/u/a%2F%7Bpassword%7D"
    assert call.body == b'{"p": ["x", {"n": "a/{password}"}]}'
    form = Operation(method="POST", path="/login", form={"user": "{username}"})
    assert filled(form, {"username": "a&b"}).body == b"user=a%26b"


@given(st.text(alphabet="/abc.?=&", max_size=30))
def test_a_neighbour_is_another_path(path: str) -> None:
    assert impossible_neighbour("/" + path) != "/" + path


def test_a_single_page_application_has_no_debug_pages(tmp_path: Path) -> None:
    with foreign_server(SinglePage) as url:
        lab = laboratory(url, tmp_path, http=SINGLE_PAGE)
        survey = survey_pages(lab.http, [KnownPath("/shell", ""), KnownPath("/debug.html", "")])
        assert [look.there for look in survey.looks] == [False, False]
        lab.http.close()


def test_a_certificate_is_checked_against_the_trust_given(tmp_path: Path) -> None:
    with web_camera(tmp_path) as (_, lab):
        front = lab.http.anonymous().request("GET", "/")
        assert front.protection == "authenticated TLS"
        stranger = make_manufacturer(tmp_path / "stranger").device_trust
        assert lab.device.links.http is not None
        other = lab.device.links.http.model_copy(update={"trust": stranger})
        links = lab.device.links.model_copy(update={"http": other})
        doubtful = HttpLink(lab.device.model_copy(update={"links": links}), PERMIT, lab.secrets)
        answer = doubtful.anonymous().request("GET", "/")
        assert answer.status == 200
        assert answer.protection.startswith("TLS, not authenticated")
        doubtful.close()


def test_a_server_that_comes_back_is_waited_for(tmp_path: Path) -> None:
    lab = laboratory("http://127.0.0.1:1", tmp_path)
    with pytest.raises(TimedOut, match="no answer within"):
        lab.http.wait_until_it_answers(0.1)
    with foreign_server(Echo) as url:
        lab = laboratory(url, tmp_path)
        lab.http.wait_until_it_answers(5)
        lab.http.close()


class LoginEverywhere(Handler):
    """Answers every path with its login page and 200 until somebody has logged in."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        if self.path == "/cgi-bin/info.cgi" and "sid=good" in self.headers.get("Cookie", ""):
            return self.answer(200, b"<html>live view of C1</html>", Content_Type="text/html")
        form = b"<html><form action=/login><input name=u><input type=password></form></html>"
        return self.answer(200, form, Content_Type="text/html")

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
        good = PASSWORD.encode() in self.body()
        value = "good" if good else "none"
        self.answer(200, b"", Set_Cookie=f"sid={value}; Path=/")


def test_a_login_page_at_every_path_is_told_from_what_a_login_opens(tmp_path: Path) -> None:
    with foreign_server(LoginEverywhere) as url:
        lab = laboratory(url, tmp_path, http=ONE_SESSION)
        assert lab.http.gate().anonymous.status == 200
        assert lab.http.log_in("admin", PASSWORD)[0].accepted
        assert not lab.http.log_in("admin", "Wrong-1-x")[0].accepted
        client = lab.http.account("admin")
        survey = survey_bypasses(lab.http, [], client)
        assert survey.resources == ("/cgi-bin/info.cgi",)
        lab.http.close()


def test_a_page_that_differs_in_a_nonce_or_in_what_was_asked_is_one(tmp_path: Path) -> None:
    class Errors(Handler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            shown = self.path if self.path.startswith("/no") else "the users and their passwords"
            body = f"<html><p>Error: {shown} was not found on this server today.</p></html>"
            self.answer(200, body.encode(), Content_Type="text/html")

    with foreign_server(Errors) as url:
        one, two, other = (ask(url, path) for path in ("/no/a.cgi", "/no/bcd?x=1", "/users"))
    assert same_page(one, two)
    assert not same_page(one, other)
