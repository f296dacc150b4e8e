"""CRED-062: what a lock is answered with does not tell which users exist."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtsp_stand import rtsp_stand
from test_guess_manners import NAMES, Lock, camera, refuse
from test_guessing import guessing_of
from web_stand import Handler, Kept, web_camera

from conformance.credentials.lock_telling import told_by_lock
from conformance.credentials.test_oracles import test_a_lock_does_not_tell_which_users_exist as case
from conformance.verdict import Inconclusive, NotApplicable
from devices.description import DeviceFile
from devices.emulated.posture import Posture
from devices.links.guessing.lock_oracle import AFTER, LockRefusals
from devices.links.guessing.refusers import Refusal


def judge(device: DeviceFile) -> list[Any]:
    kept = Kept()
    with guessing_of(device) as guessing:
        case(guessing, kept)
    return kept.observations


@pytest.mark.parametrize(
    ("posture", "says"),
    [(Posture(), ""), (Posture(lockout_of_nobody=False), "too many failed .* does not exist 401")],
)
def test_a_web_login(posture: Posture, says: str, tmp_path: Path) -> None:
    with web_camera(tmp_path, posture) as (camera, lab):
        if says:
            with pytest.raises(AssertionError, match=says):
                judge(lab.device)
        else:
            (found,) = judge(lab.device)
            assert [one.status for one in found.known] == [401] * 5 + [429] * (1 + AFTER)
            assert {len(one) for one in (found.known, *found.made_up)} == {6 + AFTER}
            assert found.in_turn
        assert not [u for u in camera.accounts.users() if u.name.startswith("Tr1al")]


def test_rtsp_says_nothing_of_a_lock(tmp_path: Path) -> None:
    with rtsp_stand(tmp_path, Posture(lockout_of_nobody=False)) as stand:
        (found,) = judge(stand.device)
    assert found.surface == "RTSP"


def test_a_camera_without_such_a_login_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        camera(Lock("account"), tmp_path, monkeypatch, "account", []) as device,
        guessing_of(device) as guessing,
    ):
        found = guessing._found
        found.surfaces[:] = [replace_kind(one) for one in found.surfaces]
        with pytest.raises(NotApplicable, match="no login"):
            case(guessing, Kept())


def replace_kind(surface: Any) -> Any:
    surface.kind = "tcp:dvr"
    return surface


# Servers that nobody here wrote, with locks of their own manners.


def locked_page(handler: Handler) -> None:
    handler.answer(403, b"<html>This account is locked.</html>")


def seconds_left(handler: Handler) -> None:
    """A countdown, and until when, to the microsecond."""
    now = time.time()
    handler.answer(403, b"locked: %d s, until %f" % (300 - now % 60, now + 300))


@dataclass
class Known(Lock):
    """Counts failures of its own users alone."""

    def keys(self, name: str, address: str) -> list[Any]:
        return super().keys(name, address) if name in NAMES else []


@pytest.mark.parametrize("answer", [refuse, locked_page, seconds_left])
@pytest.mark.parametrize("scope", ["account", "address", "pair", "none"])
def test_everybody_is_locked_alike(
    scope: str, answer: Callable[[Handler], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = "" if scope == "none" else scope
    with camera(Lock(scope, answer), tmp_path, monkeypatch, declared, []) as device:
        (found,) = judge(device)
    assert found.in_turn == (scope != "address")


@pytest.mark.parametrize("answer", [locked_page, seconds_left])
@pytest.mark.parametrize("scope", ["account", "address", "pair"])
def test_who_is_locked_exists(
    scope: str, answer: Callable[[Handler], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        camera(Known(scope, answer), tmp_path, monkeypatch, scope, []) as device,
        pytest.raises(AssertionError, match=r"an existing user is answered 403 '.*locked"),
    ):
        judge(device)


def test_a_lock_that_nobody_is_told_of_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with camera(Known("account", refuse), tmp_path, monkeypatch, "account", []) as device:
        judge(device)


# The comparison alone.

PLAIN = Refusal(401, ("content-length",), "wrong", 5, 0.01)


def found(known: str, *made_up: str, in_turn: bool = True) -> LockRefusals:
    """Refusals with these texts, each as often as is judged."""

    def refusals(text: str) -> tuple[Refusal, ...]:
        return tuple(replace(PLAIN, text=text) for _ in range(AFTER))

    return LockRefusals(
        surface="the web login",
        username="a",
        origin="",
        wrong=6,
        in_turn=in_turn,
        known=refusals(known),
        made_up=tuple(map(refusals, made_up)),
    )


@pytest.mark.parametrize(
    ("known", "made_up", "told"),
    [
        ("locked", ("wrong", "wrong"), True),
        ("code 4003", ("code 4001", "code 4001"), True),
        ("until 12:00:02", ("until 12:00:01", "until 12:00:03"), False),  # each its own lock
        ("until 12:00:02", ("until 12:00:01", "until 12:00:01"), True),
        ("left: 0", ("left: 0", "left: 0"), False),
    ],
)
def test_what_tells(known: str, made_up: tuple[str, ...], *, told: bool) -> None:
    assert bool(told_by_lock(found(known, *made_up))) is told


def test_numbers_tell_nothing_where_the_locks_began_apart() -> None:
    assert told_by_lock(found("298 s", "17 s", in_turn=False)) == ""


def test_answers_that_vary_in_kind_are_inconclusive() -> None:
    some = found("wrong", "wrong", "wrong")
    varied = replace(some, known=(*some.known[1:], replace(PLAIN, status=503)))
    with pytest.raises(Inconclusive, match="same way"):
        told_by_lock(varied)


@given(
    texts=st.lists(st.text(max_size=30), min_size=AFTER, max_size=AFTER),
    in_turn=st.booleans(),
)
def test_the_same_answers_never_tell(*, texts: list[str], in_turn: bool) -> None:
    """Whatever a camera says, it tells nothing where it says it to everybody."""
    refusals = tuple(replace(PLAIN, text=text) for text in texts)
    names = itertools.repeat(refusals, 2 if in_turn else 1)
    alike = replace(found("", in_turn=in_turn), known=refusals, made_up=tuple(names))
    assert told_by_lock(alike) == ""
