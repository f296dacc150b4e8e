"""Logins of two steps: the vendors' challenges as a device file describes them."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import re
import secrets
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from web_stand import PASSWORD, Handler, foreign_server, laboratory

from devices.description import HttpChallenge
from devices.errors import Garbled
from devices.links.http.challenge import computed, told
from devices.links.http.exchange import Exchange, make_exchange
from devices.links.http.pages import same_kind
from devices.links.http.places import field_of

RPC2: dict[str, Any] = {
    "authentication": "session",
    "token": {"json_field": "session", "header": "X-Session", "prefix": ""},
    "challenge": {
        "call": {
            "method": "POST",
            "path": "/RPC2_Login",
            "json": {"method": "login", "params": {"userName": "{username}", "password": ""}},
        },
        "fields": {"realm": "params.realm", "random": "params.random", "session": "session"},
        "computed": [
            {"name": "inner", "of": "{username}:{realm}:{password}", "form": "HEX"},
            {"name": "answer", "of": "{username}:{random}:{inner}", "form": "HEX"},
        ],
    },
    "operations": {
        "login": {
            "method": "POST",
            "path": "/RPC2_Login",
            "json": {
                "session": "{session}",
                "params": {"userName": "{username}", "password": "{answer}"},
            },
        },
    },
}
SESSION_LOGIN: dict[str, Any] = {
    "authentication": "session",
    "challenge": {
        "call": {"path": "/ISAPI/Security/sessionLogin/capabilities?username={username}"},
        "fields": {
            "challenge": "challenge",
            "salt": "salt",
            "iterations": "iterations",
            "session": "sessionID",
        },
        "computed": [
            {"name": "first", "of": "{username}{salt}{password}", "hash": "sha256"},
            {
                "name": "rest",
                "of": "{first}{challenge}",
                "hash": "sha256",
                "rounds": "{iterations}",
            },
        ],
    },
    "operations": {
        "login": {
            "method": "POST",
            "path": "/ISAPI/Security/sessionLogin",
            "text": "<SessionLogin><userName>{username}</userName><password>{rest}</password>"
            "<sessionID>{session}</sessionID></SessionLogin>",
        },
    },
}


def upper_md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest().upper()


class Rpc2(Handler):
    """The login of Dahua's RPC2: realm and random number, an MD5 in an MD5."""

    given: ClassVar[dict[str, str]] = {}
    alive: ClassVar[set[str]] = set()

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
        asked = json.loads(self.body())
        user, password = asked["params"]["userName"], asked["params"]["password"]
        if not password:
            session, number = secrets.token_hex(8), secrets.token_hex(4)
            self.given[session] = number
            told = {"session": session, "params": {"realm": "Login to X", "random": number}}
            return self.answer(200, json.dumps(told).encode(), Content_Type="application/json")
        session = asked["session"]
        inner = upper_md5(f"{user}:Login to X:{PASSWORD}")
        right = upper_md5(f"{user}:{self.given.pop(session, '-')}:{inner}") == password
        if right:
            self.alive.add(session)
        body = {"session": session} if right else {"error": 1}
        return self.answer(200, json.dumps(body).encode(), Content_Type="application/json")

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        if self.headers.get("X-Session", "") in self.alive:
            return self.answer(200, b"model=C1\n", Content_Type="text/plain")
        return self.answer(401)


class SessionLogin(Handler):
    """The login of Hikvision's ISAPI: salt, challenge and rounds in XML, a cookie in the end."""

    alive: ClassVar[set[str]] = set()

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        if self.path.startswith("/ISAPI/Security/sessionLogin/capabilities?username="):
            body = (
                b'<?xml version="1.0"?><SessionLoginCap xmlns="http://www.hikvision.com/ver20/XMLSchema">'
                b"<sessionID>ab12</sessionID><challenge>c0ffee</challenge>"
                b"<iterations>100</iterations><salt>5a17</salt></SessionLoginCap>"
            )
            return self.answer(200, body, Content_Type="application/xml")
        if self.headers.get("Cookie", "").removeprefix("WebSession=") in self.alive:
            return self.answer(200, b"model=C1\n", Content_Type="text/plain")
        return self.answer(401)

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
        text = hashlib.sha256(f"admin5a17{PASSWORD}".encode()).hexdigest() + "c0ffee"
        for _ in range(100):
            text = hashlib.sha256(text.encode()).hexdigest()
        if f"<password>{text}</password>".encode() not in self.body():
            return self.answer(401)
        value = secrets.token_hex(16)
        self.alive.add(value)
        return self.answer(200, b"<ok/>", Set_Cookie=f"WebSession={value}; Path=/")


@pytest.mark.parametrize(("server", "described"), [(Rpc2, RPC2), (SessionLogin, SESSION_LOGIN)])
def test_a_vendors_login_is_described_and_works(
    server: type[Handler], described: dict[str, Any], tmp_path: Path
) -> None:
    with foreign_server(server) as url:
        lab = laboratory(url, tmp_path, http=described)
        assert lab.http.log_in("admin", PASSWORD)[0].accepted
        assert not lab.http.log_in("admin", PASSWORD + "x")[0].accepted
        lab.http.close()


def test_a_camera_without_the_challenge_is_said(tmp_path: Path) -> None:
    class Other(Rpc2):
        def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
            self.body()
            self.answer(200, b'{"params": {"realm": ["x"]}}')

    with foreign_server(Other) as url:
        lab = laboratory(url, tmp_path, http=RPC2)
        with pytest.raises(Garbled, match=r"params\.realm"):
            lab.http.log_in("admin", PASSWORD)
        lab.http.close()


def challenge(**computed_as: Any) -> HttpChallenge:
    content = {"call": {"path": "/"}, "fields": {}, "computed": [{"name": "x", **computed_as}]}
    return HttpChallenge.model_validate(content)


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ({"of": "", "form": "sofia"}, "tlJwpbo6"),  # Xiongmai's hash of the empty password
        ({"of": "abc"}, hashlib.md5(b"abc").hexdigest()),
        (
            {"of": "abc", "hash": "sha1", "form": "base64"},
            base64.b64encode(hashlib.sha1(b"abc").digest()).decode(),
        ),
        (
            {"of": "a{password}", "hash": "sha256", "key": "{nonce}"},
            hmac.new(b"n", b"ap", "sha256").hexdigest(),
        ),
        ({"of": "{unknown}"}, hashlib.md5(b"{unknown}").hexdigest()),
    ],
)
def test_what_is_computed(described: dict[str, Any], expected: str) -> None:
    assert computed(challenge(**described), {"password": "p", "nonce": "n"})["x"] == expected


@pytest.mark.parametrize("rounds", ["0", "-1", "1e9", "100001", "9999999", "", "{many}"])
def test_a_camera_cannot_ask_for_endless_rounds(rounds: str) -> None:
    with pytest.raises(Garbled, match="rounds"):
        computed(challenge(of="a", rounds=rounds), {"many": "999999999"})


def test_a_description_of_an_unknown_hash_is_refused() -> None:
    with pytest.raises(ValidationError):
        challenge(of="a", hash="crc32")


@given(
    st.binary(max_size=200)
    | st.text(max_size=100).map(lambda text: json.dumps({"a": text, "b": [text]}).encode())
    | st.binary(max_size=60).map(lambda raw: b"<a>" + raw + b"</a>")
)
def test_any_answer_gives_texts_or_garbled(body: bytes) -> None:
    answer = make_exchange(
        sender="x",
        method="GET",
        target="/",
        server="http://x",
        protection="none",
        status=200,
        headers=[("X-Nonce", "n")],
        body=body,
        truncated=False,
        seconds=0,
    )
    described = {"call": {"path": "/"}, "fields": {"n": "a", "h": "header:X-Nonce"}}
    found = {"n": "", "h": "n"}
    with contextlib.suppress(Garbled):
        found = told(HttpChallenge.model_validate(described), answer)
    assert found["h"] == "n"
    assert isinstance(found["n"], str)


def answer_of(body: bytes, *headers: tuple[str, str]) -> Exchange:
    return make_exchange(
        sender="x",
        method="GET",
        target="/",
        server="http://x",
        protection="none",
        status=200,
        headers=headers,
        body=body,
        truncated=False,
        seconds=0,
    )


@pytest.mark.parametrize(
    ("body", "place", "found"),
    [
        (b'[{"value": {"Token": {"name": "t1"}}}]', "0.value.Token.name", "t1"),
        (b"[]", "0.value", None),
        (b'{"a": [1, 2]}', "a.1", "2"),
        (b'{"a": true}', "a", None),
        (b'<html><input type="hidden" name="csrf" value="a&amp;b"></html>', "input:csrf", "a&b"),
        (b"<INPUT value=x1 name='csrf'>", "input:csrf", "x1"),
        (b'<meta name="csrf" content="m1"/>', "input:csrf", "m1"),
        (b'<input name="other" value="1">', "input:csrf", None),
        (b"", "cookie:sid", "c1"),
        (b"", "cookie:none", None),
        (b"", "header:X-Subject-Token", "secret"),
    ],
)
def test_places_of_an_answer(body: bytes, place: str, found: str | None) -> None:
    answer = answer_of(body, ("X-Subject-Token", "secret"))
    assert field_of(answer, place, {"sid": "c1"}) == found
    assert "secret" not in str(answer.headers)


@given(st.binary(max_size=300), st.sampled_from(["input:a", "a", "0.a", "0"]))
def test_any_bytes_at_any_place(body: bytes, place: str) -> None:
    with contextlib.suppress(Garbled):
        assert isinstance(field_of(answer_of(body), place, {}), str | None)
    with contextlib.suppress(Garbled):
        assert isinstance(field_of(answer_of(b"<input " + body + b">"), place, {}), str | None)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_two_answers_are_compared(one: bytes, other: bytes) -> None:
    for each in (one, b"[" + one + b"]", b'{"a": "' + one + b'"}'):
        assert same_kind(answer_of(each), answer_of(each)) == bool(each)
        assert isinstance(same_kind(answer_of(each), answer_of(other)), bool)
        assert isinstance(answer_of(each).judged(re.compile(b"a")).succeeded, bool)


@pytest.mark.parametrize(
    ("one", "genuine", "same"),
    [
        ('{"code": 1, "data": null}', '{"code": 0, "data": {"a": 1}}', False),
        ('{"result": false, "params": {}}', '{"result": true, "params": {}}', False),
        ('{"users": []}', '{"users": [1]}', False),
        ('{"users": [1, 2]}', '{"users": [1]}', True),
        ('[{"cmd": "x", "error": {}}]', '[{"cmd": "x", "value": {}}]', False),
        ('{"uptime": 1}', '{"uptime": 2}', True),
        ("Error", "table.a=1\ntable.b=2\n", False),
        ("table.a=1\ntable.b=9\n", "table.a=1\ntable.b=2\n", True),
    ],
)
def test_the_form_alone_is_not_the_resource(one: str, genuine: str, *, same: bool) -> None:
    assert same_kind(answer_of(one.encode()), answer_of(genuine.encode())) == same
