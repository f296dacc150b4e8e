"""CRED-008 on login pages of many makes: what tells a user from nobody, and what only varies."""

from __future__ import annotations

import base64
import itertools
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_makes import CLOSED
from web_stand import PASSWORD, Handler, Kept, foreign_server, laboratory

from conformance.credentials.login_refusals import Refusal, Telling, compare
from conformance.credentials.test_guessing import test_login_does_not_tell_which_users_exist as case
from conformance.verdict import Inconclusive

Answer = Callable[[Handler, str, bool], None]
"""Answers a wrong login: of a user name, and whether it is one of the camera's."""
HTTP = {
    "authentication": "session",
    "operations": {
        "login": {
            "method": "POST",
            "path": "/login",
            "json": {"user": "{username}", "pass": "{password}"},
        },
    },
}
COUNT = itertools.count()


def judge(answer: Answer, folder: Path, *, bears: int = 9) -> None:
    """CRED-008 on a camera that answers wrong logins so, and locks a user after ``bears``."""
    sessions: set[str] = set()
    wrong: dict[str, int] = {}

    class Camera(Handler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            if self.path not in {"/cgi-bin/info.cgi", *CLOSED}:
                return self.answer(404)
            known = self.headers.get("Cookie", "").removeprefix("sid=") in sessions
            return self.answer(200, b"model=C1") if known else self.answer(401)

        do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

        def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
            given = json.loads(self.body() or b"{}")
            user = given.get("user", "")
            right = user in {"admin", "probe"} and given.get("pass") == PASSWORD
            if right and wrong.get(user, 0) < bears:
                session = secrets.token_hex(16)
                sessions.add(session)
                wrong[user] = 0
                return self.answer(200, b"{}", Set_Cookie=f"sid={session}; HttpOnly")
            wrong[user] = wrong.get(user, 0) + 1
            self.left = 5 - wrong[user]
            return answer(self, user, user in {"admin", "probe"})

    with foreign_server(Camera) as url:
        lab = laboratory(url, folder, http=HTTP)
        try:
            case(http=lab.http, secrets=lab.secrets, evidence=Kept())
        finally:
            lab.http.close()


def page(text: str, status: int = 403, **headers: str) -> Answer:
    def answer(handler: Handler, user: str, exists: bool) -> None:  # noqa: FBT001 - one of Answer
        del exists
        handler.answer(status, text.replace("USER", user).encode(), **headers)

    return answer


def redirected(handler: Handler, user: str, exists: bool) -> None:  # noqa: FBT001
    del exists
    coded = base64.b64encode(user.encode()).decode()
    handler.answer(302, b"", Location=f"/login?user={quote(user)}&u={quote(coded)}&err=2")


def in_many_letters(handler: Handler, user: str, exists: bool) -> None:  # noqa: FBT001
    """Tokens whose Base64 has any number of marks, a number of the attempt, a time."""
    del exists, user
    token = base64.b64encode(secrets.token_bytes(24 - next(COUNT) % 3)).decode()
    safe = base64.urlsafe_b64encode(secrets.token_bytes(30)).decode()
    text = f'<input name="csrf" value="{token}"><a href="/x?t={safe}">{next(COUNT)}</a> Wrong login'
    handler.answer(403, text.encode(), X_Request_Id=secrets.token_hex(next(COUNT) % 3 + 4))


def tries_left_of_all(handler: Handler, user: str, exists: bool) -> None:  # noqa: FBT001
    del user, exists
    handler.answer(403, f"Wrong. {handler.left} tries left.".encode())  # type: ignore[attr-defined]


def two_digits(handler: Handler, user: str, exists: bool) -> None:  # noqa: FBT001
    """A digit by chance: for the made-up user twice the same, this once."""
    del user, exists
    handler.answer(403, b"How much is 3 and %d?" % (7, 4, 5, 7, 1, 2, 3, 4)[next(DIGITS) % 8])


DIGITS = itertools.count()


@pytest.mark.parametrize(
    "answer",
    [
        page("Sorry, USER: wrong user name or password."),
        page('{"user": "USER", "error": 2}', 200),
        redirected,
        in_many_letters,
        tries_left_of_all,
        two_digits,
    ],
    ids=["echo", "envelope", "redirected", "tokens", "tries", "chance"],
)
def test_a_login_that_tells_nothing_passes(answer: Answer, tmp_path: Path) -> None:
    judge(answer, tmp_path)


def tries_left_of_who_exists(handler: Handler, user: str, exists: bool) -> None:  # noqa: FBT001
    """The number stays for a user who is nobody: no account counts down."""
    del user
    left = handler.left if exists else 5  # type: ignore[attr-defined]
    handler.answer(403, f"Wrong. {left} tries left.".encode())


def last_try(handler: Handler, user: str, exists: bool) -> None:  # noqa: FBT001
    del user
    warned = exists and handler.left < 4  # type: ignore[attr-defined]
    handler.answer(403, b"Wrong." + b" The account will be locked soon." * warned)


def by_header(handler: Handler, user: str, exists: bool) -> None:  # noqa: FBT001
    del user
    handler.answer(403, b"Wrong.", X_Auth_Error="password" if exists else "no-user")


def by_path(handler: Handler, user: str, exists: bool) -> None:  # noqa: FBT001
    """Beside a token in one path."""
    del user
    handler.answer(302, b"", Location=f"/login/{4 if exists else 3}/{secrets.token_hex(8)}")


def by_code(handler: Handler, user: str, exists: bool) -> None:  # noqa: FBT001
    del user
    handler.answer(302, b"", Location=f"/login?err={1 if exists else 2}&t={secrets.token_hex(8)}")


@pytest.mark.parametrize(
    "answer", [tries_left_of_who_exists, last_try, by_header, by_path, by_code]
)
def test_a_login_that_tells_fails(answer: Answer, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="expected one answer"):
        judge(answer, tmp_path)


def test_where_the_account_is_soon_locked_nothing_more_is_tried(tmp_path: Path) -> None:
    with pytest.raises(Inconclusive, match="bears two wrong passwords"):
        judge(last_try, tmp_path, bears=2)
    with pytest.raises(AssertionError, match="expected one answer"):
        judge(by_code, tmp_path, bears=2)


TEXTS = st.text(st.sampled_from("ab1 <-=/+.%"), max_size=12)


@given(st.lists(TEXTS, min_size=4, max_size=4), TEXTS)
def test_any_text_is_compared(texts: list[str], same: str) -> None:
    refusals = [Refusal(403, text, "") for text in texts]
    assert compare(refusals[:2], refusals[2:]).telling in Telling
    equal: Any = [Refusal(403, same, "")] * 2
    assert compare(equal, equal).telling is Telling.NOTHING
