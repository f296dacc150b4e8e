"""Guessing when things go wrong: restarts, a clock that jumps, locks that answer nothing."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from test_guess_manners import Lock, camera, drop, everywhere, without_onlookers
from test_guessing import guessing_of
from web_stand import Handler, Kept

from conformance import guess_policy, policy
from conformance.credentials import test_lock_lasts
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.errors import NotOffered
from devices.links.guessing.guess import Round, SurfaceGuessing
from devices.links.guessing.steadiness import ClockWatch, told
from devices.links.guessing.surfaces import Try
from fixtures.guessing.guesses import Guessing

SECOND = ["127.0.0.9"]


@dataclass
class Fragile(Lock):
    """A camera that restarts at the failure number ``at``: it drops ``away`` connections."""

    at: int = 3
    away: int = 2
    forgets: bool = False
    begun: bool = False

    def handler(self) -> type[Handler]:
        lock = self
        plain = super().handler()

        class Restarting(plain):  # type: ignore[valid-type, misc]
            def handle_one_request(self) -> None:
                if lock.begun and lock.away > 0:
                    lock.away -= 1
                    drop(self)
                    return
                super().handle_one_request()
                if not lock.begun and sum(lock.failures.values()) >= lock.at:
                    lock.begun, self.close_connection = True, True
                    if lock.forgets:
                        lock.failures.clear()

        return Restarting


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize(("at", "forgets"), [(3, False), (3, True), (5, True)])
def test_a_restart_under_guessing_is_no_lock(
    *, at: int, forgets: bool, alone: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = Fragile("account", at=at, forgets=forgets)
    with camera(lock, tmp_path, monkeypatch, "account", []) as device:
        judged = without_onlookers(device) if alone else device
        with pytest.raises(Inconclusive, match="restart") as raised:
            everywhere(judged)
    assert "takes the right password" in str(raised.value)


def test_a_count_that_outlives_the_restart_is_a_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else logs in when the camera is back, and whose password was guessed does not."""
    with camera(Fragile("account", at=5), tmp_path, monkeypatch, "account", []) as device:
        (found,) = everywhere(device).observations
    assert found.closed_after == 5  # type: ignore[attr-defined]
    assert "logs in with another password" in found.told_by  # type: ignore[attr-defined]


def test_a_camera_that_does_not_come_back_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = Fragile("account", away=10_000)
    with (
        camera(lock, tmp_path, monkeypatch, "account", []) as device,
        pytest.raises(Inconclusive, match="did not answer again within"),
    ):
        everywhere(without_onlookers(device))


# Locks of the address that answer nothing.


@pytest.mark.parametrize(
    ("sources", "says"), [(SECOND, r"accepted from 127\.0\.0\.9"), ([], "when the time is over")]
)
def test_a_silent_lock_of_the_address_is_told_from_elsewhere_or_by_its_end(
    sources: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = Lock("address", drop)
    with camera(lock, tmp_path, monkeypatch, "address", sources) as device:
        (found,) = everywhere(device).observations
    assert found.closed_after == 5  # type: ignore[attr-defined]
    assert says.replace("\\", "") in found.told_by  # type: ignore[attr-defined]
    assert not lock.failures  # its end was waited for


def test_a_restart_is_no_lock_of_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = Fragile("address", away=1, forgets=True)
    with (
        camera(lock, tmp_path, monkeypatch, "address", SECOND) as device,
        pytest.raises(Inconclusive, match="did it restart"),
    ):
        everywhere(device)


def test_silence_that_does_not_end_with_a_lock_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = Lock("address", drop)
    with camera(lock, tmp_path, monkeypatch, "address", []) as device:
        monkeypatch.setattr(Guessing, "pass_time", lambda *_: "waited 305 s")
        with pytest.raises(Inconclusive, match=r"nor does it .* afterwards \(waited 305 s\)"):
            everywhere(device)


def test_a_lock_shorter_than_a_start_asks_for_another_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with camera(Lock("address", drop), tmp_path, monkeypatch, "address", []) as device:
        content = device.model_dump(mode="json", exclude_none=True)
        content["bench"]["boot_seconds"] = 400
        with pytest.raises(Inconclusive, match=r"give bench\.sources"):
            everywhere(DeviceFile.model_validate(content))


# A clock that jumps.


@dataclass
class Clocked(Lock):
    """Counts failures, and locks, by a clock of its own: ``ahead`` of the true time.

    ``jumps`` the clock makes at the failure ``at``. ``passed``: what time was let pass.
    """

    ahead: float = 0.0
    jumps: float = 0.0
    at: int = 3
    passed: float = 0.0
    made: list[float] = field(default_factory=list)
    for_ever: bool = False

    def now(self) -> float:
        return time.time() + self.ahead + self.passed

    def handler(self) -> type[Handler]:
        lock = self
        plain = super().handler()

        class Timed(plain):  # type: ignore[valid-type, misc]
            def date_time_string(self, timestamp: float | None = None) -> str:
                return str(super().date_time_string((timestamp or time.time()) + lock.ahead))

            def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
                lasts = 10_000 if lock.for_ever else 300
                if lock.made and lock.now() - lock.made[-1] >= lasts:
                    lock.failures.clear()
                    lock.made.clear()
                before = sum(lock.failures.values())
                super().do_GET()
                if sum(lock.failures.values()) > before:
                    lock.made.append(lock.now())
                    if len(lock.made) == lock.at:
                        lock.ahead, lock.jumps = lock.ahead + lock.jumps, 0

        return Timed


def test_a_clock_that_jumps_under_guessing_is_inconclusive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = Clocked("account", jumps=7200)
    with (
        camera(lock, tmp_path, monkeypatch, "account", []) as device,
        pytest.raises(Inconclusive, match=r"clock went forward by 7[0-9]+ s while passwords were"),
    ):
        everywhere(device)


def test_no_number_is_broken_while_the_clock_jumps() -> None:
    wrong = tuple(Try(False, 401, 0.1) for _ in range(6))  # noqa: FBT003 - as a row
    right = Try(True, 200, 0.1)  # noqa: FBT003
    found = SurfaceGuessing(
        surface="x", username="u", origin="", rounds=(Round(wrong, right, 0.6),), shortfall="jump"
    )
    decision = guess_policy.load("decision-724")
    assert list(decision.breaches(found))
    jumped = replace(found, jumped=7200.0)
    assert not list(decision.breaches(jumped))
    assert list(decision.doubts(jumped)) == ["jump"]


@pytest.mark.parametrize(
    ("jumps", "for_ever"),
    [((0, 20_000), True), ((-7200, 0), False), ((0, -7200), True), ((0, 20_000), False)],
)
def test_a_clock_that_jumps_during_a_lock_tells_nothing_of_its_end(
    *,
    jumps: tuple[float, float],
    for_ever: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lock = Clocked("account", for_ever=for_ever)
    with (
        camera(lock, tmp_path, monkeypatch, "account", []) as device,
        pytest.raises(Inconclusive, match=r"clock went .* during the lock"),
    ):
        end_of_lock(device, lock, jumps, monkeypatch)


def test_a_lock_that_a_jump_ends_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = Clocked("account")
    with (
        camera(lock, tmp_path, monkeypatch, "account", []) as device,
        pytest.raises(AssertionError, match="before 270 s are over; the camera's clock went forw"),
    ):
        end_of_lock(device, lock, (20_000, 0), monkeypatch)


def test_a_steady_clock_tells_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = Clocked("account")
    with camera(lock, tmp_path, monkeypatch, "account", []) as device:
        (found,) = end_of_lock(device, lock, (0, 0), monkeypatch).observations
    assert found.steps == (0, 0)  # type: ignore[attr-defined]
    lock = Clocked("account", for_ever=True)
    with (
        camera(lock, tmp_path, monkeypatch, "account", []) as device,
        pytest.raises(AssertionError, match="the owner is locked out"),
    ):
        end_of_lock(device, lock, (0, 0), monkeypatch)


def test_a_jump_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = Clocked("account")
    with (
        camera(lock, tmp_path, monkeypatch, "account", []) as device,
        guessing_of(device) as guessing,
    ):
        watch = guessing.clock_watch()
        lock.ahead += 7200
        assert re.fullmatch(r"the camera's clock went forward by 7\d+ s", told(watch.step()))
        lock.ahead -= 3600
        assert re.fullmatch(r"the camera's clock went back by 3\d+ s", told(watch.step()))
        assert watch.step() == 0


def end_of_lock(
    device: DeviceFile,
    lock: Clocked,
    jumps: tuple[float, float],
    monkeypatch: pytest.MonkeyPatch,
) -> Kept:
    """CRED-029; the clock jumps while the time of the lock passes, first and last."""
    left = [*jumps]

    def passing(_: Any, seconds: float) -> str:
        lock.passed += max(0.0, seconds)
        lock.ahead += left.pop(0) if left else 0
        return "the stand let it pass"

    monkeypatch.setattr(Guessing, "pass_time", passing)
    kept = Kept()
    with guessing_of(device) as guessing:
        test_lock_lasts.test_a_lock_ends_when_it_should(guessing, kept, policy.load)
    return kept


@pytest.mark.parametrize("written", ["", "yesterday", "Thu, 32 Jan 2026 10:00:00 GMT", "\x00"])
def test_a_date_that_cannot_be_read_is_no_jump(written: str) -> None:
    watch = ClockWatch(dated(lambda: written), None)
    assert [watch.step(), watch.step()] == [0, 0]


def test_a_camera_that_does_not_answer_shows_no_jump() -> None:
    def silent() -> str:
        raise NotOffered("nothing")

    assert ClockWatch(dated(silent), None).step() == 0
    assert ClockWatch(None, None).step() == 0


def dated(date: Callable[[], str]) -> Any:
    class Answer:
        def header(self, _: str) -> str:
            return date()

    class Client:
        def request(self, *_: str) -> Answer:
            return Answer()

        def close(self) -> None:
            return

    class Link:
        def anonymous(self) -> Client:
            return Client()

    return Link()
