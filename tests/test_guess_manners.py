"""Guessing against locks of many manners: by address, by pages of text, by silence."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
from test_guessing import API, guessing_of
from web_stand import PASSWORD, Handler, Kept, foreign_server, laboratory, web_camera

from conformance import guess_policy, policy
from conformance.credentials import test_guess_limits as limits
from conformance.credentials import test_guess_numbers as numbers
from conformance.credentials import test_lock_lasts
from conformance.guess_policy import GuessPolicy
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.emulated.posture import Posture
from devices.errors import LoginRefused, NotOffered, TimedOut, Unreachable
from devices.links.guessing.guess import Round, SurfaceGuessing
from devices.links.guessing.ssh import SshSurface, refuser_of
from devices.links.guessing.surfaces import Try
from devices.protocols.digest import basic
from fixtures.guessing.guesses import Guessing

NAMES = ("admin", "other", "probe")


def refuse(handler: Handler) -> None:
    handler.answer(401, b"", WWW_Authenticate='Basic realm="x"')


@dataclass
class Lock:
    """Basic, with a lock by ``scope`` after five failures, until time is let pass.

    ``answer``: how whoever is shut out is answered.
    """

    scope: str
    answer: Callable[[Handler], None] = refuse
    failures: dict[Any, int] = field(default_factory=dict)

    def keys(self, name: str, address: str) -> list[Any]:
        every: dict[str, list[Any]] = {
            "account": [name],
            "address": [address],
            "both": [name, address],
            "pair": [(name, address)],
            "everyone": ["all"],
            "none": [],
        }
        return every[self.scope]

    def end(self) -> None:
        self.failures.clear()

    def handler(self) -> type[Handler]:
        lock = self

        class Camera(Handler):
            def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
                given = self.headers.get("Authorization", "")
                if not given:
                    return refuse(self)
                user = base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")[0]
                name = next((n for n in NAMES if given == basic(n, PASSWORD)), "")
                keys = lock.keys(user, self.client_address[0])
                if any(lock.failures.get(key, 0) >= 5 for key in keys):
                    return lock.answer(self)
                if not name:
                    for key in keys:
                        lock.failures[key] = lock.failures.get(key, 0) + 1
                    return refuse(self)
                for key in keys:
                    lock.failures.pop(key, None)
                return self.answer(200, b"model=C1 uptime=%d" % time.monotonic_ns())

        return Camera


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guessing, "pass_time", lambda *_: "no time passed")


@contextmanager
def camera(
    lock: Lock, folder: Path, monkeypatch: pytest.MonkeyPatch, scope: str, sources: list[str]
) -> Iterator[DeviceFile]:
    """A camera with this lock, which ends when time is let pass; ``scope`` as it is declared."""
    monkeypatch.setattr(Guessing, "pass_time", lambda *_: lock.end())
    with foreign_server(lock.handler()) as url:
        declared: dict[str, Any] = {"api": API}
        if scope:
            declared["lockout"] = {"attempts": 5, "seconds": 300, "scope": scope}
        lab = laboratory(
            url,
            folder,
            http={"authentication": "basic"},
            declared=declared,
            bench={"sources": sources, "boot_seconds": 0.3},
        )
        content = lab.device.model_dump(mode="json", exclude_none=True)
        probe = content["accounts"].pop("probe")  # who looks on comes first
        content["accounts"] |= {"other": {**probe, "username": "other"}, "probe": probe}
        yield DeviceFile.model_validate(content)


def everywhere(device: DeviceFile) -> Kept:
    """CRED-027."""
    kept = Kept()
    with guessing_of(device) as guessing:
        limits.test_guessing_is_stopped_on_every_way_in(guessing, kept, policy.load)
    return kept


def bystanders(device: DeviceFile) -> Kept:
    """CRED-030."""
    kept = Kept()
    with guessing_of(device) as guessing:
        limits.test_a_guesser_shuts_nobody_else_out(guessing, device, kept)
    return kept


# Locks of the account, of the address, of both, and of the pair.


@pytest.mark.parametrize("scope", ["account", "address", "both", "pair"])
def test_a_lock_as_it_is_declared_passes(
    scope: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = Lock(scope)
    with camera(lock, tmp_path, monkeypatch, scope, ["127.0.0.9"]) as device:
        everywhere(device)
        lock.end()
        kept = bystanders(device)
    (found,) = kept.observations
    who = [(name, address) for name, address, _ in found.tries]  # type: ignore[attr-defined]
    assert who[0] == ("another user", "127.0.0.9")
    assert (("another user", "the same address") in who) == (scope in ("account", "pair"))
    assert (("the same user", "127.0.0.9") in who) == (scope in ("address", "pair"))


@pytest.mark.parametrize(
    ("scope", "declared", "says"),
    [
        ("address", "account", "another user from the same address"),
        ("both", "account", "another user from the same address"),
        ("both", "address", r"the same user from 127\.0\.0\.9"),
        ("account", "pair", r"the same user from 127\.0\.0\.9"),
        ("everyone", "address", r"another user from 127\.0\.0\.9"),
        ("everyone", "both", r"another user from 127\.0\.0\.9"),
    ],
)
def test_a_lock_wider_than_declared_fails(
    scope: str, declared: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = Lock(scope)
    with (
        camera(lock, tmp_path, monkeypatch, declared, ["127.0.0.9"]) as device,
        pytest.raises(AssertionError, match=says),
    ):
        bystanders(device)


@pytest.mark.parametrize("scope", ["address", "both"])
def test_one_address_cannot_show_a_lock_by_address(
    scope: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        camera(Lock(scope), tmp_path, monkeypatch, scope, []) as device,
        pytest.raises(Inconclusive, match=r"bench\.sources"),
    ):
        bystanders(device)


@pytest.mark.parametrize("scope", ["address", "everyone"])
def test_a_lock_of_the_bench_that_is_not_declared_is_told(
    scope: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = Lock(scope)
    with (
        camera(lock, tmp_path, monkeypatch, "account", []) as device,
        pytest.raises(Inconclusive, match=r'declare lockout\.scope = "address"'),
    ):
        everywhere(device)
    assert not lock.failures  # the lock was waited for: nothing is left closed


# How whoever is locked is answered.


def too_many(handler: Handler) -> None:
    handler.answer(429, b"", Retry_After="300")


def page(handler: Handler) -> None:
    handler.answer(200, b"<html>Too many attempts. Come back later.</html>")


def countdown(handler: Handler) -> None:
    handler.answer(200, b"<html>Too many attempts, %d ns left.</html>" % time.monotonic_ns())


def busy(handler: Handler) -> None:
    handler.answer(503, b"", Retry_After="1")


def drop(handler: Handler) -> None:
    handler.close_connection = True
    handler.connection.close()


@pytest.mark.parametrize("answer", [refuse, too_many, page, countdown, busy, drop])
def test_a_lock_that_answers_in_another_way_is_a_lock(
    answer: Callable[[Handler], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with camera(Lock("account", answer), tmp_path, monkeypatch, "account", []) as device:
        kept = everywhere(device)
    assert kept.observations[0].closed_after in (5, 6)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (countdown, "with another page than a login opens"),
        (busy, "503 Retry-After: 1, which is neither"),
        (drop, "stopped answering while it was guessed"),
    ],
)
def test_an_answer_that_tells_nothing_is_inconclusive_where_nobody_else_logs_in(
    answer: Callable[[Handler], None], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        camera(Lock("account", answer), tmp_path, monkeypatch, "account", []) as device,
        pytest.raises(Inconclusive, match=says),
    ):
        everywhere(without_onlookers(device))


def without_onlookers(device: DeviceFile) -> DeviceFile:
    content = device.model_dump(mode="json", exclude_none=True)
    for account in content["accounts"].values():
        if account["purpose"] == "test":
            account["services"] = ["rtsp"]
    return DeviceFile.model_validate(content)


def test_no_lock_fails_and_so_does_one_of_each_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guesser connects anew for each password, and so does the suite."""
    with (
        camera(Lock("none"), tmp_path, monkeypatch, "account", []) as device,
        pytest.raises(AssertionError, match="after 6 wrong passwords"),
    ):
        everywhere(device)


# CRED-028: who says to be another.


@pytest.mark.parametrize("believed", [True, False])
def test_a_header_field_makes_nobody_another(
    *, believed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = Lock("account")
    plain = lock.handler()

    class Proxied(plain):  # type: ignore[valid-type, misc]
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            if believed and "X-Forwarded-For" in self.headers:
                lock.failures.clear()
            super().do_GET()

    monkeypatch.setattr(lock, "handler", lambda: Proxied)
    fields = policy.load("guessing")["survival"]["headers"]
    with (
        camera(lock, tmp_path, monkeypatch, "account", []) as device,
        guessing_of(device) as guessing,
        guessing.locked(guessing.surfaces[0]) as held,
    ):
        tries = list(test_lock_lasts._pretending([held], fields))
    assert any(answer.accepted for _, _, answer in tries) == believed


# SSH


@pytest.mark.parametrize(
    ("error", "accepted", "clear", "status"),
    [
        (None, True, True, 52),
        (LoginRefused("no"), False, True, 51),
        (Unreachable("ends the connection"), False, True, 1),
        (NotOffered("offers publickey"), False, True, 51),
    ],
)
def test_what_an_ssh_server_does_is_an_answer(
    *, error: Exception | None, accepted: bool, clear: bool, status: int
) -> None:
    link: Any = FakeSsh(error)
    tried = SshSurface(link).attempt("a", "b")
    assert (tried.accepted, tried.clear) == (accepted, clear)
    refuser = refuser_of(link, SshSurface(link))
    with refuser:
        assert refuser.refuse("a", "b").status == status
    assert link.open == 0


def test_an_ssh_server_that_hangs_tells_nothing() -> None:
    link: Any = FakeSsh(TimedOut("no answer"))
    assert not SshSurface(link).attempt("a", "b").clear
    with pytest.raises(TimedOut):
        refuser_of(link, SshSurface(link)).refuse("a", "b")


class FakeSsh:
    """A link whose logins end with ``error``; ``open`` counts connections."""

    def __init__(self, error: Exception | None) -> None:
        self.error, self.open = error, 0
        self.alive = error is None
        self.transport = self

    def connect(self) -> FakeSsh:
        self.open += 1
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.open -= 1

    def get_banner(self) -> None:
        return

    def log_in_by_password(self, _user: str, _password: str) -> None:
        if self.error is not None:
            raise self.error


# CRED-057


def change(folder: Path, posture: Posture) -> SurfaceGuessing:
    kept = Kept()
    with web_camera(folder, posture) as (_, lab), guessing_of(lab.device) as guessing:
        numbers.test_the_old_password_cannot_be_guessed_at_its_change(
            lab.http, guessing, lab.secrets, kept, policy.load
        )
    (found,) = kept.observations
    assert isinstance(found, SurfaceGuessing)
    return found


def test_the_old_password_is_guessed_where_nothing_counts(tmp_path: Path) -> None:
    found = change(tmp_path, Posture())
    assert [one.status for one in found.rounds[0].wrong] == [403] * 5 + [429]
    with pytest.raises(AssertionError, match="after 6 wrong old passwords"):
        change(tmp_path / "open", Posture(lockout_change=False))


def test_a_change_without_the_old_password_has_none_to_guess(tmp_path: Path) -> None:
    operation = {"path": "/change", "method": "POST", "form": {"new": "{new_password}"}}
    lock = Lock("account")
    with foreign_server(lock.handler()) as url:
        http = {"authentication": "basic", "operations": {"change_password": operation}}
        lab = laboratory(url, tmp_path, http=http, declared={"api": API})
        with guessing_of(lab.device) as guessing, pytest.raises(NotOffered, match="no old passw"):
            numbers.test_the_old_password_cannot_be_guessed_at_its_change(
                lab.http, guessing, lab.secrets, Kept(), policy.load
            )


# The numbers of a rule book.


def row(*, wrong: int, accepted: bool, each: float = 0.1) -> Round:
    guesses = tuple(Try(accepted=False, status=401, seconds=each) for _ in range(wrong))
    return Round(guesses, Try(accepted, 200 if accepted else 401, 0.1), wrong * each)


def found(*rounds: Round, shortfall: str = "") -> SurfaceGuessing:
    return SurfaceGuessing(
        surface="RTSP", username="u", origin="", rounds=rounds, shortfall=shortfall
    )


@pytest.fixture
def decision() -> GuessPolicy:
    return guess_policy.load("decision-724")


def test_rule_books_are_chosen_by_regulation() -> None:
    (chosen,) = guess_policy.chosen(["EN303645-2.1.1", "VN-CIRCULAR-25-2010"])
    assert (chosen.attempts, chosen.block_seconds) == (5, 300)
    assert guess_policy.chosen(["EN303645-2.1.1"]) == []


@pytest.mark.parametrize("rounds", [[row(wrong=5, accepted=False)], [row(wrong=3, accepted=False)]])
def test_a_lock_in_time_keeps_the_numbers(decision: GuessPolicy, rounds: list[Round]) -> None:
    assert list(decision.breaches(found(*rounds))) == []
    assert list(decision.doubts(found(*rounds))) == []


def test_a_later_lock_breaks_them(decision: GuessPolicy) -> None:
    late = found(row(wrong=5, accepted=True), row(wrong=10, accepted=False))
    (said,) = decision.breaches(late)
    assert "5 of them within 0.5 s" in said
    assert "Decision 724" in said


def test_guesses_slower_than_the_window_leave_it_open(decision: GuessPolicy) -> None:
    slow = found(row(wrong=5, accepted=True, each=9), row(wrong=10, accepted=False, each=9))
    assert list(decision.breaches(slow)) == []
    assert "longer than the window" in next(decision.doubts(slow))
    assert list(decision.doubts(found(shortfall="gone"))) == ["gone"]
    assert "fewer than 5" in next(decision.doubts(found(row(wrong=3, accepted=True))))
