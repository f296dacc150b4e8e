"""CRED-054: the login of the serial console cannot be guessed without end."""

from __future__ import annotations

import re
import secrets as random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from conformance.case import case
from conformance.console import login_marks, patterns
from conformance.credentials.lock_end import demand_end, end_of_one, wrong_ends
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.journal import LOCK_SECONDS
from devices.links.guessing import console
from devices.links.guessing.console import ConsoleSurface
from devices.links.guessing.guess import (
    CLOSED,
    GuessUser,
    SurfaceGuessing,
    guess,
    wrong_password,
)
from devices.links.guessing.surfaces import Try
from devices.links.serial.link import SerialLink
from devices.observation import Observation
from devices.secrets import Secrets


@dataclass(frozen=True, kw_only=True)
class ConsoleGuesses(Observation):
    """Wrong passwords in a row of a user who need not exist."""

    username: str
    wrong: tuple[Try, ...]


@case(
    "CRED-054",
    severity="high",
    needs=("serial",),
    catches=(
        "cred-serial-no-lockout",
        "cred-serial-lockout-for-ever",
        "cred-serial-lockout-brief",
    ),
    changes="lockout",
    revision=3,
)
def test_guessing_on_the_serial_console_is_stopped(
    *,
    serial: SerialLink,
    device: DeviceFile,
    secrets: Secrets,
    lock_ends: Any,
    knowledge: Any,
    policy: Any,
    evidence: Any,
) -> None:
    """Guessing passwords on the serial console is stopped as on the network.

    Method: log in on the console once with the account set aside for it (services "serial", best
    with purpose "lockout"), then with as many wrong passwords as the declared lock allows (at most
    the number of the policy "guessing"), then with the right one; once more with one wrong
    password more. Without such an account, try a made-up user. The lock is in the run's journal
    before it is tried, and the run ends when the account logs in again. A console that fell silent
    is watched for the declared time of the lock; one that shows the system start is no lock. Where
    an account was closed, send the right password when nine tenths of the declared time are over,
    and when it is over (a bench that can lets it pass at once).
    Pass: the right password is refused after the wrong ones, the console says that it is closed, or
    each guess takes as long as the policy demands; silence counts where the login comes back. A
    lock lasts as long as declared, and then the right password logs in: its owner is not shut out.
    """
    rules = policy("guessing")
    limits = rules["limits"]
    surface = ConsoleSurface(serial, login_marks(knowledge), console.ANSWER_SECONDS)
    _demand_login(surface.asks())
    declared = device.declared.lockout
    most = int(limits["max_attempts"])
    allowed = min(declared.attempts if declared else most, most)
    name = console_account(device)
    if not name:
        _judge_unknown(surface, allowed + 1, limits, evidence)
        return
    user = GuessUser(device.accounts[name].username, secrets.password(name), f"the account {name}")
    if not _logs_in(surface, user, lock_ends, serial):
        raise Inconclusive(
            f"the account {name} of the device file does not open a shell on the console; is it "
            "still locked?",
            "login-refused",
        )
    lasts = float(declared.seconds if declared else LOCK_SECONDS)
    attempts = (allowed, allowed + 1)
    mark = serial.mark()
    with serial.logging_in():
        found = guess(surface, user, attempts, serial.journal, lasts)
    evidence.observe(_whole(found))
    _demand_no_restart(serial.text_since(mark), knowledge)
    _judge(found, limits, declared=declared is not None)
    if _fell_silent(found):
        _demand_return(surface, declared.seconds if declared else 0)
        _demand_no_restart(serial.text_since(mark), knowledge)
    elif found.closed_after is not None:
        _judge_end(surface, user, lock_ends, rules["end"], evidence)


def _judge_end(
    surface: ConsoleSurface, user: GuessUser, terms: Any, end: dict[str, Any], evidence: Any
) -> None:
    found = evidence.observe(end_of_one(surface, user, terms, end), "the end of a lock")
    problems = list(wrong_ends(found))
    assert not problems, " ".join(problems)
    demand_end(found)


def _demand_no_restart(text: str, knowledge: Any) -> None:
    """A console that starts anew answers no login either, and forgets what it counted."""
    started = re.search(patterns(knowledge("bootloader"), "handover"), text)
    if started:
        raise Inconclusive(
            f"the system started anew while passwords were guessed on the console ({started[0]!r} "
            "was printed), so that a lock cannot be told from that: find out why it starts, and "
            "measure again",
            "restarted",
        )


def _logs_in(surface: ConsoleSurface, user: GuessUser, terms: Any, serial: SerialLink) -> bool:
    """Whether the user is let in, once the locks of other test cases are over."""
    if any(surface.attempt(user.username, user.password).accepted for _ in range(2)):
        return True
    held = [c for c in serial.journal.open() if (c.kind, c.subject) == ("lock", user.username)]
    if not held:
        return False
    terms.pass_time(terms.lock_seconds * 1.1)
    return surface.attempt(user.username, user.password).accepted


def console_account(device: DeviceFile) -> str:
    """The account that the device file gives for the console, one that may be locked first."""
    named = {n: a for n, a in device.accounts.items() if "serial" in a.services and a.password}
    expendable = [name for name, account in named.items() if account.purpose == "lockout"]
    return next(iter(expendable), "")


def _demand_login(state: str) -> None:
    if state == "login":
        return
    if state == "shell":
        raise Inconclusive("the console is a shell without login (see BACKDOOR-010)", "no-login")
    raise Inconclusive(
        "the serial console asks for no login that is known: where it has none, declare CRED-054 "
        "under declared.not_applicable",
        "silent-console",
    )


def _whole(found: SurfaceGuessing) -> SurfaceGuessing:
    """A console that answers no more after it had answered is closed: that is no shortfall."""
    return replace(found, shortfall="") if _fell_silent(found) else found


def _fell_silent(found: SurfaceGuessing) -> bool:
    last = found.rounds[-1] if found.rounds else None
    return last is not None and last.wrong[0].clear and not last.right.clear


def _judge(found: SurfaceGuessing, limits: dict[str, Any], *, declared: bool) -> None:
    _demand_refusals(found.username, [one for r in found.rounds for one in r.wrong])
    if not found.rounds:
        raise Inconclusive(found.shortfall, "silent-console")
    last = found.rounds[-1]
    taken = sum(one.seconds for one in last.wrong)
    slow = any(_slow(r.wrong, limits["seconds_per_guess"]) for r in found.rounds)
    assert slow or not last.right.accepted, (
        f"on the serial console the right password of {found.username!r} is accepted at once after "
        f"{len(last.wrong)} wrong ones in {taken:.1f} s; expected the account to be closed after "
        f"{len(found.rounds[0].wrong)}{', as declared' if declared else ''}"
    )


def _judge_unknown(
    surface: ConsoleSurface, attempts: int, limits: dict[str, Any], evidence: Any
) -> None:
    """What can be told with a user who does not exist."""
    username, wrong = f"u{random.token_hex(4)}", []
    for _ in range(attempts):
        wrong.append(surface.attempt(username, wrong_password()))
        if wrong[-1].said in CLOSED:
            break
    evidence.observe(ConsoleGuesses(username=username, wrong=tuple(wrong)))
    _demand_refusals(username, wrong)
    slow = _slow(wrong, limits["seconds_per_guess"])
    if not slow and wrong[-1].said != "locked":
        raise Inconclusive(
            f"after {len(wrong)} wrong passwords of a made-up user the console goes on asking and "
            'says nothing of a lock: give an account with services = ["serial"] and purpose = '
            '"lockout", so that a silent lock can be told',
            "not-declared",
        )


def _demand_refusals(username: str, wrong: Sequence[Try]) -> None:
    assert not any(one.accepted for one in wrong), (
        f"the serial console accepts a made-up password of {username!r}"
    )
    if wrong and wrong[0].said == "silent":
        raise Inconclusive("the console did not answer a login at all", "silent-console")


def _demand_return(surface: ConsoleSurface, seconds: float) -> None:
    """A login that comes back was closed; a console that does not may as well be unplugged."""
    ends = time.monotonic() + seconds
    while surface.asks() != "login":
        if time.monotonic() > ends:
            raise Inconclusive(
                "the console fell silent while passwords were guessed, and asked for no login "
                f"within {seconds:.0f} s: a lock and a lost line look alike; give the time after "
                "which the login comes back as declared.lockout.seconds",
                "silent-console",
            )


def _slow(wrong: Sequence[Try], seconds_per_guess: float) -> bool:
    """Whether each guess takes long: what is answered with silence tells nothing of that."""
    answered = [one.seconds for one in wrong if one.said != "silent"]
    return bool(answered) and sum(answered) >= len(answered) * seconds_per_guess
