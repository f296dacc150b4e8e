"""CRED-028: what a lock survives. CRED-029: when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from time import monotonic
from typing import Any

from conformance.case import case
from conformance.credentials.lock_end import (
    demand_end,
    lock_end,
    right_password,
    wrong_ends,
)
from conformance.verdict import Inconclusive
from devices.links.guessing.guess import wrong_password
from devices.links.guessing.surfaces import HttpSurface, Try
from devices.observation import Observation


@dataclass(frozen=True, kw_only=True)
class LockedTries(Observation):
    """Right passwords of locked users: what was different, the surface, the answer.

    ``begun_again``: the answer to the right password of a user with one failure less than the lock
    before a restart, and one more after it; None where that was not tried. ``restart_seconds``: how
    long the camera was away. ``after_another``: that to the right password of a user among whose
    failures somebody else logged in.
    """

    closed_after: int
    tries: tuple[tuple[str, str, Try], ...]
    restart_seconds: float | None = None
    after_another: Try | None = None
    begun_again: Try | None = None


@case(
    "CRED-028",
    severity="high",
    needs=(),
    catches=(
        "cred-lockout-lost-at-reboot",
        "cred-lockout-forwarded-for",
        "cred-lockout-forwarded-onvif",
        "cred-lockout-forgiven",
    ),
    changes="power",
    revision=3,
)
def test_a_lock_survives(
    guessing: Any, camera: Any, cold_start: Any, evidence: Any, policy: Any
) -> None:
    """A lock, and the count that leads to it, survive a reconnect, another client and a restart.

    Method: lock a user on each way in (see CRED-027), or on the first one where a lock shuts out
    the bench as a whole. On each way that is spoken over HTTP (the web login, HTTP authentication,
    ONVIF) send the right password on new connections with the header fields of the policy
    "guessing", by which a client says that it is another or comes from elsewhere. Give a further
    user as many wrong passwords as lock, with a right login of an account of the device file (one
    that guessers may have) between the last two and those before. Give another user one wrong
    password less than its lock takes. Restart the camera (by the power, else by ONVIF),
    then send the right passwords of the locked users, and one more wrong and the right password of
    the other. The count is judged where the restart took less than the window of the policy.
    Pass: the right password is refused each time.
    """
    survival = policy("guessing")["survival"]
    alone = guessing.of_the_address
    forgiven = guessing.after_another(guessing.surfaces[0]) if alone else None
    surfaces = list(guessing.surfaces)[: 1 if alone else None]
    with ExitStack() as users:
        held = [users.enter_context(guessing.locked(surface)) for surface in surfaces]
        tries = [*_pretending(held, survival["headers"])]
        attempts = held[0].guessing.closed_after
        if not alone:
            forgiven = guessing.after_another(surfaces[0])
        near = None if alone else users.enter_context(guessing.accounts.user(surfaces[0]))
        entry = ""
        if near is not None:
            lasts, kind = guessing.lock_seconds, surfaces[0].kind
            entry = guessing.journal.begin("lock", near.username, kind, seconds=lasts)
            for _ in range(attempts - 1):
                surfaces[0].attempt(near.username, wrong_password())
        began = monotonic()
        _restart(camera, cold_start, guessing)
        away = round(monotonic() - began, 1)
        tries += [
            ("after a restart", one.surface.name, right_password(one.surface, one.user))
            for one in held
        ]
        begun_again = None
        if near is not None and away < float(survival["window_seconds"]):
            surfaces[0].attempt(near.username, wrong_password())
            begun_again = right_password(surfaces[0], near)
            if begun_again.accepted:
                guessing.journal.end(entry, "the right password logs in")
        found = evidence.observe(
            LockedTries(
                closed_after=attempts,
                tries=tuple(tries),
                restart_seconds=away,
                begun_again=begun_again,
                after_another=forgiven,
            )
        )
        guessing.readmit()  # before the users are removed, which the bench must be let do
    problems = [
        f"The right password of a locked user is accepted over {surface} {what}."
        for what, surface, answer in found.tries
        if answer.accepted
    ]
    if begun_again is not None and begun_again.accepted:
        problems.append(
            f"{surfaces[0].name}: {attempts} wrong passwords, the last one after a restart of "
            f"{away:.0f} s, do not lock: the count begins again."
        )
    if forgiven is not None and forgiven.accepted:
        problems.append(
            f"{surfaces[0].name}: a right login of somebody else makes the camera forget wrong "
            "passwords: whoever has an account guesses without end."
        )
    assert not problems, " ".join(problems)
    if unclear := [f"{what}: {t.answer}" for what, _, t in found.tries if not t.clear]:
        raise Inconclusive(f"not clearly refused: {', '.join(unclear)}", "garbled")


def _pretending(held: list[Any], headers: list[dict[str, str]]) -> Iterator[tuple[str, str, Try]]:
    for one in held:
        if not isinstance(one.surface, HttpSurface):
            continue
        user = one.user
        for fields in headers:
            answer = one.surface.attempt_as(user.username, user.password, headers=fields)
            yield f"with {', '.join(fields)}", one.surface.name, answer


def _restart(camera: Any, cold_start: Any, guessing: Any) -> None:
    up = camera.listening()
    cold_start.begin()
    camera.wait_gone(services=up)
    camera.wait_ready(services=up)
    guessing.wait_until_it_answers()


@case(
    "CRED-029",
    severity="high",
    needs=(),
    catches=("cred-lockout-for-ever", "cred-lockout-brief", "cred-lockout-ends-by-clock"),
    changes="lockout",
    revision=2,
)
def test_a_lock_ends_when_it_should(lock_ends: Any, evidence: Any, policy: Any) -> None:
    """A lock ends when it is declared to: not before, not by setting the clock, and not never.

    Method: lock two users. Where the bench can set the camera's clock (bench.clock), set it ahead
    by two days, send the right password of the first, and set it right. Send it again when nine
    tenths of the declared time are over, and that of the second, which is left alone until then,
    when the time is over with the allowance of the policy "guessing". The time is waited for while
    other test cases run; a bench that can lets it pass at once (bench.clock.timers), and the
    evidence says so. A camera whose clock jumps by itself meanwhile is not judged by the end.
    Pass: the first user is refused each time, and the second logs in. A lock lasts as long as the
    policy demands. A lock that is not declared may last longer than that.
    """
    rules = policy("guessing")
    found = evidence.observe(lock_end(lock_ends, rules["end"]))
    problems = list(wrong_ends(found))
    assert not problems, " ".join(problems)
    lasts, demanded = lock_ends.lock_seconds, float(rules["limits"]["block_seconds"])
    assert lasts >= demanded, (
        f"A lock is declared to last {lasts:.0f} s, expected {demanded:.0f} s or more."
    )
    demand_end(found)
