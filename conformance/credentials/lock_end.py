"""When a lock ends: measured once for the test cases that ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any

from conformance.verdict import Inconclusive
from devices.links.guessing.steadiness import told
from devices.links.guessing.surfaces import CAPTCHA, Try
from devices.observation import Observation


@dataclass(frozen=True, kw_only=True)
class LockEnd(Observation):
    """What came of the right password before the end of a lock and after it.

    ``declared_seconds`` are those of the policy where nothing is ``declared``. ``early_at`` and
    ``late_at``: seconds after the lock. ``how`` tells how the time passed, and
    ``jumped`` is the answer while the camera's clock was set ahead. ``steps``: seconds that its
    clock jumped by itself until the early try, and from there to the late one.
    """

    surface: str
    declared_seconds: float
    declared: bool
    early: Try | None
    early_at: float
    late: Try
    late_at: float
    how: str
    jumped: Try | None = None
    steps: tuple[float, float] = (0.0, 0.0)

    @property
    def unsteady(self) -> str:
        """That the camera's clock jumped meanwhile, and what to do; empty where it did not."""
        jumps = " and ".join(told(step) for step in self.steps if step)
        return jumps and (
            f"{jumps} during the lock: whether the time or the jump ends it, or makes it longer, "
            "is not known; have the clock set before the run, and measure again"
        )


def lock_end(guessing: Any, end: dict[str, Any]) -> LockEnd:
    """Lock two users, and see when each logs in again; ``end`` of the policy "guessing".

    Raises Inconclusive, LinkError.
    """
    if guessing.lock_end is None:
        guessing.lock_end = _measured(guessing, end)
    found: LockEnd = guessing.lock_end
    return found


def _longest(terms: Any, end: dict[str, Any], times: int = 1) -> float:
    """Seconds after which a lock must be over. Raises Inconclusive where that is too long."""
    lasts = terms.lock_seconds
    longest = lasts * (1 + float(end["share"])) + float(end["seconds"])
    if not terms.can_hurry and times * longest > float(end["wait_seconds"]):
        raise Inconclusive(
            f"the lock lasts {lasts:.0f} s, longer than a run waits ({end['wait_seconds']:.0f} s); "
            "where the bench can let time pass at once, give bench.clock.timers",
            "not-measured",
        )
    return float(longest)


def _measured(guessing: Any, end: dict[str, Any]) -> LockEnd:
    lasts, watch = guessing.lock_seconds, guessing.clock_watch()
    longest = _longest(guessing, end)
    first, second = guessing.early_and_late
    jumped = _jumped(first, guessing, float(end["jump_seconds"])) if second else None
    early, early_at, ways = None, 0.9 * lasts, []
    if second is not None:
        ways.append(_until(first, early_at, 0.0, guessing))
        early = right_password(first.surface, first.user)
    until_early = watch.step()
    late = second or first
    ways.append(_until(late, longest, early_at if second else 0.0, guessing))
    answer = right_password(late.surface, late.user)
    found = LockEnd(
        surface=late.surface.name,
        declared_seconds=lasts,
        declared=guessing.declared,
        early=early,
        early_at=early_at if early else 0.0,
        late=answer,
        late_at=longest,
        how="; ".join(ways),
        jumped=jumped,
        steps=(until_early, watch.step()),
        shortfall=""
        if second
        else "there was one user to lock, so that nobody could be tried "
        "before the end: describe create_user and delete_user, or give a second account with "
        "purpose 'lockout'",
    )
    guessing.close()
    return found


def end_of_one(surface: Any, user: Any, terms: Any, end: dict[str, Any]) -> LockEnd:
    """When the lock of one user ends who was just locked, where there is no second one.

    Whoever is tried before the end may be locked anew by that: then the time is waited for once
    more. Raises Inconclusive, LinkError.
    """
    lasts, longest, watch = terms.lock_seconds, _longest(terms, end, 2), terms.clock_watch()
    began, early_at = monotonic(), 0.9 * lasts
    ways = [terms.pass_time(early_at)]
    early, until_early = right_password(surface, user), watch.step()
    gone = max(early_at, monotonic() - began)
    if not early.accepted:
        ways.append(terms.pass_time(longest - gone))
    late_at, late = longest, right_password(surface, user)
    if late.clear and not late.accepted:
        ways.append(terms.pass_time(longest))
        late_at, late = late_at + longest, right_password(surface, user)
    return LockEnd(
        surface=surface.name,
        declared_seconds=lasts,
        declared=terms.declared,
        early=early,
        early_at=early_at,
        late=late,
        late_at=late_at,
        how="; ".join(ways),
        steps=(until_early, watch.step()),
    )


def wrong_ends(found: LockEnd) -> Iterator[str]:
    """What is wrong with the end of a lock, as sentences."""
    meanwhile = f"; {told(found.steps[0])} meanwhile" if found.steps[0] else ""
    lasts = "is declared to last" if found.declared else "should last"
    if found.jumped is not None and found.jumped.accepted:
        yield f"{found.surface}: setting the camera's clock ahead ends a lock."
    elif found.early is not None and found.early.accepted:
        yield (
            f"{found.surface}: a lock that {lasts} {found.declared_seconds:.0f} s ends "
            f"before {found.early_at:.0f} s are over{meanwhile}."
        )
    told_why = min(found.steps) < 0 or CAPTCHA in found.late.said
    if found.late.clear and not found.late.accepted and not told_why and found.declared:
        yield (
            f"{found.surface}: {found.late_at:.0f} s after a lock that is declared to last "
            f"{found.declared_seconds:.0f} s the right password is still refused: the owner is "
            "locked out."
        )


def demand_end(found: LockEnd) -> None:
    """Raises Inconclusive where the end of a lock was not seen, or tells nothing."""
    if found.unsteady:
        raise Inconclusive(f"{found.surface}: {found.unsteady}", "unsteady-clock")
    if not found.late.clear:
        raise Inconclusive(
            f"{found.surface}: the right password is answered {found.late.answer}", "garbled"
        )
    if CAPTCHA in found.late.said:
        raise Inconclusive(
            f"{found.surface} {found.late.said}: whether it lets the owner in is to be judged by "
            "hand",
            "captcha",
        )
    if not found.late.accepted:
        raise Inconclusive(
            f"{found.surface}: {found.late_at:.0f} s after a lock the right password is still "
            "refused: how long a lock lasts is not declared; give declared.lockout.seconds",
            "not-declared",
        )


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
    with guessing.clock.moved(seconds):
        return right_password(held.surface, held.user)
