"""When a lock ends: measured once for the test cases that ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Any

from conformance.verdict import Inconclusive
from devices.errors import DeviceError
from devices.links.guessing.surfaces import Try
from devices.observation import Observation


@dataclass(frozen=True, kw_only=True)
class LockEnd(Observation):
    """What came of the right password before the end of a lock and after it.

    ``early_at`` and ``late_at``: seconds after the lock. ``how`` tells how the time passed, and
    ``jumped`` is the answer while the camera's clock was set ahead.
    """

    surface: str
    declared_seconds: float
    early: Try | None
    early_at: float
    late: Try
    late_at: float
    how: str
    jumped: Try | None = None


def lock_end(guessing: Any, end: dict[str, Any]) -> LockEnd:
    """Lock two users, and see when each logs in again; ``end`` of the policy "guessing".

    Raises Inconclusive, LinkError.
    """
    if guessing.lock_end is None:
        guessing.lock_end = _measured(guessing, end)
    found: LockEnd = guessing.lock_end
    return found


def _measured(guessing: Any, end: dict[str, Any]) -> LockEnd:
    lasts = guessing.lock_seconds
    longest = lasts * (1 + float(end["share"])) + float(end["seconds"])
    if not guessing.can_hurry and longest > float(end["wait_seconds"]):
        raise Inconclusive(
            f"the lock lasts {lasts:.0f} s, longer than a run waits ({end['wait_seconds']:.0f} s); "
            "where the bench can let time pass at once, give bench.clock.timers",
            "not-measured",
        )
    first, second = guessing.early_and_late
    jumped = _jumped(first, guessing, float(end["jump_seconds"])) if second else None
    early, early_at, ways = None, 0.9 * lasts, []
    if second is not None:
        ways.append(_until(first, early_at, 0.0, guessing))
        early = right_password(first.surface, first.user)
    late = second or first
    ways.append(_until(late, longest, early_at if second else 0.0, guessing))
    found = LockEnd(
        surface=late.surface.name,
        declared_seconds=lasts,
        early=early,
        early_at=early_at if early else 0.0,
        late=right_password(late.surface, late.user),
        late_at=longest,
        how="; ".join(ways),
        jumped=jumped,
        shortfall=""
        if second
        else "there was one user to lock, so that nobody could be tried "
        "before the end: describe create_user and delete_user, or give a second account with "
        "purpose 'lockout'",
    )
    guessing.close()
    return found


def right_password(surface: Any, user: Any) -> Try:
    """What the right password of a user is answered."""
    answer: Try = surface.attempt(user.username, user.password)
    return answer


def _until(held: Any, seconds: float, passed: float, guessing: Any) -> str:
    """Let the time after a lock come; ``passed``: what the bench let pass before."""
    gone = monotonic() - held.at
    if guessing.can_hurry:
        gone += passed
    how: str = guessing.pass_time(seconds - gone)
    return how


def _jumped(held: Any, guessing: Any, seconds: float) -> Try | None:
    """The right password while the clock is ahead; None where the bench cannot set it."""
    if guessing.clock is None:
        return None
    try:
        with guessing.clock.moved(seconds):
            return right_password(held.surface, held.user)
    except DeviceError:
        guessing.clock.putright_password()
        raise
