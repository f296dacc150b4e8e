"""Verbs, headers and raw requests against servers of other makes, careless and hostile ones."""

from __future__ import annotations

import base64
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from web_stand import PASSWORD, Handler, Laboratory, foreign_server, laboratory, raw_server

from conformance import knowledge
from conformance.credentials.test_tricks import test_no_verb_and_no_header_opens_anything as judge
from conformance.verdict import Inconclusive
from devices.errors import LinkError, TimedOut
from devices.links.http.raised_logins import Administrator
from devices.links.http.tricks import Trick, TrickSurvey, survey_tricks

TRICKS = [Trick(**row) for row in knowledge.load("web_tricks")]
BASIC: dict[str, Any] = {"authentication": "basic"}
LOGIN = "Basic " + base64.b64encode(f"admin:{PASSWORD}".encode()).decode()


class Strict(Handler):
    """Asks for Basic whatever the verb is."""

    def known(self) -> bool:
        return self.headers.get("Authorization") == LOGIN

    def serve(self) -> None:
        self.body()
        if not self.known():
            return self.answer(401, b"no", WWW_Authenticate='Basic realm="x"')
        if self.path.startswith("/cgi-bin/info.cgi"):
            return self.answer(200, b'{"model": "C1"}', Content_Type="application/json")
        return self.answer(404)

    do_GET = do_HEAD = do_POST = do_OPTIONS = do_PROPFIND = serve  # noqa: N815


class Everything(Strict):
    """Answers 200 to whatever verb, with one page for everybody and every path."""

    def serve(self) -> None:
        self.body()
        if self.known() and self.path == "/cgi-bin/info.cgi":
            return self.answer(200, b'{"model": "C1"}', Content_Type="application/json")
        if self.path == "/cgi-bin/info.cgi" and self.command == "GET":
            return self.answer(401, b"no", WWW_Authenticate='Basic realm="x"')
        return self.answer(200, b"<html>app</html>", Content_Type="text/html")

    do_GET = do_HEAD = do_POST = do_OPTIONS = do_PROPFIND = serve  # noqa: N815


class GetAlone(Strict):
    """Looks at the login for GET alone."""

    def known(self) -> bool:
        return self.command not in {"GET", "POST"} or super().known()


class Rewriting(Strict):
    """Takes the path from a header, once the rules are done with the address."""

    def known(self) -> bool:
        there = self.headers.get("X-Original-URL", "")
        if there == "/cgi-bin/info.cgi":
            self.path = there
            return True
        return super().known()


class ByHost(Strict):
    """Has its rules for the named host alone."""

    def known(self) -> bool:
        return self.headers.get("Host") is None or super().known()


def survey(server: type[Handler], folder: Path) -> TrickSurvey:
    with foreign_server(server) as url:
        lab = laboratory(url, folder, http=BASIC)
        found = ask(lab)
        lab.http.close()
        return found


def ask(lab: Laboratory) -> TrickSurvey:
    admin = lab.http.account("admin")
    nobody = lab.http.anonymous()
    targets = {"nobody": lab.http.closed_targets()}
    return survey_tricks(
        lab.http,
        TRICKS,
        callers={"nobody": nobody},
        targets=targets,
        admin=Administrator(admin),
        changing=[],
    )


@pytest.mark.parametrize("server", [Strict, Everything])
def test_no_trick_opens_a_strict_server(server: type[Handler], tmp_path: Path) -> None:
    found = survey(server, tmp_path)
    assert found.tried >= len(TRICKS)
    judge(found)


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (GetAlone, "HEAD gives /cgi-bin/info.cgi to nobody"),
        (GetAlone, "PROPFIND"),
        (Rewriting, r"X-Original-URL gives .* \(H-ORIGINAL\)"),
        (ByHost, r"HTTP/1.0 without Host gives .* \(W-HTTP10\)"),
    ],
)
def test_a_careless_server_fails(server: type[Handler], said: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=said):
        judge(survey(server, tmp_path))


def test_nothing_closed_is_inconclusive() -> None:
    with pytest.raises(Inconclusive, match="no trick could be tried"):
        judge(TrickSurvey(tried=0, results=(), closed=()))


def hostile(folder: Path, answer: Callable[[socket.socket], None], seconds: float = 5) -> None:
    with raw_server(answer) as url:
        lab = laboratory(url, folder, http=BASIC)
        lab.http.raw(b"GET / HTTP/1.0\r\n\r\n", "nobody", 4096, seconds)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 99999 x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    ],
)
def test_what_is_no_answer_is_a_link_error(tmp_path: Path, sent: bytes) -> None:
    with pytest.raises(LinkError):
        hostile(tmp_path, lambda connection: connection.sendall(sent))


def stall(connection: socket.socket) -> None:
    connection.recv(1)


def test_a_server_that_stalls_ends_at_the_deadline(tmp_path: Path) -> None:
    with pytest.raises(TimedOut):
        hostile(tmp_path, stall, seconds=0.2)


def test_a_long_body_is_cut(tmp_path: Path) -> None:
    body = b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n" + bytes(100_000)
    with raw_server(lambda connection: connection.sendall(body)) as url:
        lab = laboratory(url, tmp_path, http=BASIC)
        answer = lab.http.raw(b"GET / HTTP/1.0\r\n\r\n", "nobody", 4096, 5)
        assert (answer.body_bytes, answer.truncated) == (4096, True)


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_give_an_answer_or_a_link_error(sent: bytes) -> None:
    with raw_server(lambda connection: connection.sendall(sent)) as url:
        lab = laboratory(url, Path(FOLDER), http=BASIC)
        try:
            answer = lab.http.raw(b"GET / HTTP/1.0\r\n\r\n", "nobody", 4096, 5)
        except LinkError:
            return
        assert answer.body_bytes <= 4096


FOLDER = ""


@pytest.fixture(scope="module", autouse=True)
def _folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    global FOLDER  # noqa: PLW0603 - hypothesis takes no function-scoped fixtures
    FOLDER = str(tmp_path_factory.mktemp("any"))
