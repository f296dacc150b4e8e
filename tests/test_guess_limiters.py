"""Guessing against limits of other manners than a lock of the account (see test_guess_manners)."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from test_guess_manners import Lock, camera, everywhere, refuse, without_onlookers
from test_guessing import API, guessing_of, judge
from web_stand import ONE_SESSION, PASSWORD, Handler, Kept, OneSession, foreign_server, laboratory

from conformance import policy
from conformance.credentials import test_guessing, test_lock_lasts
from conformance.verdict import Inconclusive
from devices.errors import TimedOut
from devices.journal import Journal
from devices.links.guessing.guess import GuessUser, SurfaceGuessing
from devices.links.guessing.surfaces import Try
from devices.links.http.link import HttpLink
from devices.permit import Permit
from devices.protocols.digest import basic
from devices.secrets import Secrets
from fixtures.guessing.aftermath import Aftermath, closed
from fixtures.guessing.guesses import Guessing


@dataclass
class Limit(Lock):
    """Basic, where ``shuts`` says whether the login of a user is limited now, and it is answered.

    ``failures`` by user, and ``at``: when they were.
    """

    scope: str = "none"
    shuts: Callable[[Limit, Handler, str], bool] = lambda *_: False
    at: list[float] = field(default_factory=list)

    def handler(self) -> type[Handler]:
        limit, plain = self, super().handler()

        class Limited(plain):  # type: ignore[valid-type, misc]
            def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
                given = self.headers.get("Authorization", "")
                if not given:
                    refuse(self)
                    return
                word = base64.b64decode(given.removeprefix("Basic ")).decode()
                name = word.partition(":")[0]
                if limit.shuts(limit, self, name):
                    limit.answer(self)
                    return
                if given == basic(name, PASSWORD):
                    limit.failures.pop(name, None)
                    self.answer(200, b"model=C1")
                    return
                limit.failures[name] = limit.failures.get(name, 0) + 1
                limit.at.append(time.monotonic())
                refuse(self)

        return Limited


def soon(handler: Handler) -> None:
    handler.answer(429, b"", Retry_After="1")


def puzzle(handler: Handler) -> None:
    handler.answer(403, b"<html>Please solve the CAPTCHA to go on.</html>")


def code(handler: Handler) -> None:
    handler.answer(401, "<html>请输入验证码</html>".encode())


def five(limit: Limit, _: Handler, name: str) -> bool:
    return limit.failures.get(name, 0) >= 5


def for_a_second(limit: Limit, _: Handler, name: str) -> bool:
    """Five, and then one each second."""
    return limit.failures.get(name, 0) >= 5 and time.monotonic() - limit.at[-1] < 0.9


def test_a_limit_of_a_second_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = Limit(answer=soon, shuts=for_a_second)
    with (
        camera(limit, tmp_path, monkeypatch, "account", []) as device,
        pytest.raises(AssertionError, match="the right one is accepted at once"),
    ):
        everywhere(device)


@pytest.mark.parametrize("alone", [False, True])
def test_a_lock_that_says_to_come_back_soon_and_does_not_open_is_one(
    *, alone: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = Limit(answer=soon, shuts=five)
    with camera(limit, tmp_path, monkeypatch, "account", []) as device:
        kept = everywhere(without_onlookers(device) if alone else device)
    assert kept.observations[0].closed_after == 5  # type: ignore[attr-defined]


@pytest.mark.parametrize("answer", [puzzle, code])
def test_a_captcha_is_judged_by_hand(
    answer: Callable[[Handler], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = Limit(answer=answer, shuts=five)
    with (
        camera(limit, tmp_path, monkeypatch, "account", []) as device,
        pytest.raises(Inconclusive, match="asks for a CAPTCHA"),
    ):
        everywhere(device)


@pytest.mark.parametrize("answer", [puzzle, code])
def test_the_web_login_alone_is_judged_by_hand_too(
    answer: Callable[[Handler], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CRED-004."""
    limit = Limit(answer=answer, shuts=five)
    with camera(limit, tmp_path, monkeypatch, "account", []) as device:
        secrets, granted = Secrets(device), device.authorisation
        permit = Permit(granted.addresses, granted.allow, granted.expires, Journal())
        http = HttpLink(device, permit, secrets)
        with pytest.raises(Inconclusive, match=r"after 5 wrong .* judged by hand"):
            test_guessing.test_web_guessing_is_stopped(http, device, secrets, Kept(), policy.load)
        http.close()


@pytest.mark.parametrize(
    ("answer", "says"), [(puzzle, "lets the owner in is to be judged by hand"), (refuse, "")]
)
def test_who_is_shut_out_for_ever_is_told_from_who_is_asked_for_a_captcha(
    answer: Callable[[Handler], None], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CRED-029, where a lock never ends, as one that a power cut alone opens."""
    kind = Inconclusive if says else AssertionError
    limit = Limit(answer=answer, shuts=five)
    judge_end = test_lock_lasts.test_a_lock_ends_when_it_should
    with (
        camera(limit, tmp_path, monkeypatch, "account", []) as device,
        guessing_of(device) as guessing,
    ):
        monkeypatch.setattr(Guessing, "pass_time", lambda *_: "the stand let it pass")
        with pytest.raises(kind, match=says or "the owner is locked out"):
            judge_end(guessing, Kept(), policy.load)


@pytest.mark.parametrize(("scope", "forgets"), [("account", False), ("address", True)])
def test_a_login_between_failures_opens_no_other_account(
    *, scope: str, forgets: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CRED-028: the stand's count of the address begins again at any login."""
    lock = Lock(scope)
    with (
        camera(lock, tmp_path, monkeypatch, scope, []) as device,
        guessing_of(device) as guessing,
    ):
        answer = guessing.after_another(guessing.surfaces[0])
        assert answer is not None
        assert answer.accepted == forgets
        lock.end()
    with (
        camera(Lock(scope), tmp_path, monkeypatch, scope, []) as device,
        guessing_of(without_onlookers(device)) as guessing,
    ):
        assert guessing.after_another(guessing.surfaces[0]) is None


def test_a_lock_of_each_session_stops_nobody(tmp_path: Path) -> None:
    """The count is in the cookie that the guesser is asked to bring."""

    class Cookies(OneSession):
        counts: dict[str, int] = {}  # noqa: RUF012 - of the stand

        def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
            seen = self.headers.get("Cookie", "")
            if self.path == "/login" and self.counts.get(seen, 0) >= 5:
                self.body()
                self.answer(429, b"")
                return
            self.counts[seen or "sid=none"] = self.counts.get(seen, 0) + 1 if seen else 0
            super().do_POST()

    with foreign_server(Cookies) as url:
        lock = {"attempts": 5, "seconds": 300, "scope": "account"}
        lab = laboratory(url, tmp_path, http=ONE_SESSION, declared={"api": API, "lockout": lock})
        with pytest.raises(AssertionError, match="after 6 wrong passwords"):
            judge(lab.device, 27)


def test_answers_that_come_later_each_time_are_no_lock() -> None:
    """The right password may be taken after longer than the suite waits."""

    class Late:
        name, kind = "late", "http"

        def attempt(self, username: str, password: str) -> Try:
            raise TimedOut(f"nothing for {username} with {len(password)} letters")

    wrong = tuple(Try(False, 401, seconds) for seconds in (0.1, 1.0, 4.0, 8.0))  # noqa: FBT003
    found = SurfaceGuessing(
        surface="late", username="u", origin="", answered=wrong, shortfall="it stopped answering"
    )
    after = Aftermath(Late(), GuessUser("u", "p", ""), 0.0, [], 300.0, lambda _: "")
    after.last = after.right()
    judged = closed(found, after.last, "told")
    assert judged.closed_after is None
    assert "later each time" in judged.shortfall
    quick = SurfaceGuessing(
        surface="late", username="u", origin="", answered=wrong[:1] * 4, shortfall="it stopped"
    )
    assert closed(quick, after.last, "told").closed_after == 4


def test_a_delay_that_grows_within_what_is_waited_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Short of the policy's time for a guess: no lock, and too fast."""

    def delays(limit: Limit, _: Handler, name: str) -> bool:
        threading.Event().wait(0.01 * 2 ** limit.failures.get(name, 0))
        return False

    with (
        camera(Limit(shuts=delays), tmp_path, monkeypatch, "account", []) as device,
        pytest.raises(AssertionError, match="after 6 wrong passwords"),
    ):
        everywhere(device)
