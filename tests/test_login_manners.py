"""Logins that need a person, and sessions that belong to an address: cameras of other makes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_makes import DECLARED, DESCRIBED, Make, Memory, make
from web_stand import PASSWORD, Kept, Laboratory, foreign_server, judge_web_roles, laboratory

from conformance import policy
from conformance.credentials.test_sessions import (
    test_sessions_cannot_be_guessed_kept_or_ridden as judge_sessions,
)
from devices.errors import LoginRefused
from devices.links.http.exchange import make_exchange
from devices.links.http.refusals import captcha
from devices.links.http.sessions import survey_sessions


@contextmanager
def served(camera: type[Make], folder: Path, **http: Any) -> Iterator[Laboratory]:
    account = {"password": {"file": str(folder / "password")}}
    accounts = {
        "admin": {"username": "admin", **account},
        "viewer": {"username": "viewer", "role": "viewer", **account},
    }
    with foreign_server(camera) as url:
        lab = laboratory(
            url, folder, http={**DESCRIBED, **http}, accounts=accounts, declared=DECLARED
        )
        try:
            yield lab
        finally:
            lab.http.close()


def bound(**manners: Any) -> tuple[type[Make], Memory]:
    """A camera whose sessions are good for the address, and the browser, that began them."""
    camera, memory = make(**manners)
    owners: dict[str, tuple[str, str | None]] = {}

    class Bound(camera):  # type: ignore[misc, valid-type]
        def owner(self) -> tuple[str, str | None]:
            return self.client_address[0], self.headers.get("User-Agent")

        def begin(self, user: str) -> str:
            cookie: str = super().begin(user)
            owners[next(reversed(memory.sessions))] = self.owner()
            return cookie

        def session(self) -> str:
            found: str = super().session()
            return found if owners.get(found) == self.owner() else ""

    return Bound, memory


@pytest.mark.parametrize("one", [False, True])
def test_sessions_of_an_address_are_judged_like_others(*, one: bool, tmp_path: Path) -> None:
    camera, memory = bound(one=one)
    with served(camera, tmp_path) as lab:
        facts = survey_sessions(lab.http, "viewer", "viewer", PASSWORD)
        secure = tuple(replace(cookie, secure=True) for cookie in facts.cookies)
        judge_sessions(replace(facts, cookies=secure), policy.load)
        if not one:
            judge_web_roles(lab, Kept())
    assert not memory.sessions


def test_a_session_is_not_taken_along_to_another_address(tmp_path: Path) -> None:
    camera, _ = bound()
    with served(camera, tmp_path) as lab:
        client, elsewhere = lab.http.account("viewer"), lab.http.anonymous("127.0.0.9")
        elsewhere.use_headers(client.login_fields())
        assert lab.http.gate().opened_by(client.request("GET", "/info"))
        assert not lab.http.gate().opened_by(elsewhere.request("GET", "/info"))
        lab.http.leave(client)


@pytest.mark.parametrize(
    ("page", "answer", "word"),
    [
        (b"<img src='/captcha.jpg'><input name=c>", {"code": -7}, "captcha"),
        (b"<html></html>", {"code": -7, "msg": "verifyCode expected"}, "verifyCode"),
    ],
)
def test_a_login_that_asks_for_a_captcha_says_what_to_do(
    page: bytes, answer: dict[str, Any], word: str, tmp_path: Path
) -> None:
    camera, memory = make(pages={"/": page})

    class Asks(camera):  # type: ignore[misc, valid-type]
        def login(self, given: dict[str, str]) -> None:  # noqa: ARG002
            self.say(answer)

    with (
        served(Asks, tmp_path) as lab,
        pytest.raises(LoginRefused, match=f"speaks of a '{word}': .* switched off for the test"),
    ):
        judge_web_roles(lab, Kept())
    assert not memory.sessions


@pytest.mark.parametrize("page", [b"invalid code", b"Login", b"errorcode", b"\xff\x00"])
def test_other_pages_ask_for_no_captcha(page: bytes) -> None:
    assert captcha([shown(page)]) == ""


@given(st.binary(max_size=300))
def test_any_page_is_read(page: bytes) -> None:
    assert captcha([shown(page)]) == "" or b"cod" in page.lower() or b"capt" in page.lower()


def shown(page: bytes) -> Any:
    return make_exchange(
        sender="anonymous",
        method="GET",
        target="/",
        server="http://192.0.2.7",
        protection="none",
        status=200,
        headers=[],
        body=page,
        truncated=False,
        seconds=0.0,
    )
