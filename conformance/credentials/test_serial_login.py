"""CRED-054: the login of the serial console cannot be guessed without end."""

from __future__ import annotations

import re
import secrets as random
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from conformance.case import case
from conformance.console import FLUSH_SECONDS, patterns
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.errors import TimedOut
from devices.links.serial import SerialLink
from devices.observation import Observation
from devices.secrets import Secrets

_SECONDS = 20.0
"""Longest time for an answer: a slow board, a login that delays refusals, a getty that returns."""

_WAYS = ("login", "password", "shell", "refused")


@dataclass(frozen=True)
class ConsoleTry:
    """One login on the console. ``outcome``: shell, locked, refused, or silent."""

    outcome: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class ConsoleGuesses(Observation):
    """Wrong passwords in a row on the console, then the right one where there is one."""

    username: str
    wrong: tuple[ConsoleTry, ...]
    right: ConsoleTry | None = None


class _Login:
    """Logins on a console, told apart by the suite's landmarks."""

    def __init__(self, serial: SerialLink, knowledge: Any) -> None:
        self._serial = serial
        rows = knowledge("boot_log")
        self._marks = {kind: patterns(rows, kind) for kind in _WAYS}
        self._marks["locked"] = patterns(knowledge("console"), "locked")

    def asks(self) -> str:
        """What the console waits with: login, shell, or nothing that is known."""
        known = f"{self._marks['shell']}|{self._marks['login']}"
        said = self._serial.exchange("\r", known, _SECONDS).text
        return next((kind for kind in ("shell", "login") if self._is(kind, said)), "")

    def attempt(self, name: str, password: str) -> ConsoleTry:
        """Log in once; a shell is left again."""
        began = time.monotonic()
        marks = self._marks
        if self.asks() != "login":
            return self._ended("silent", began)
        after = f"{marks['password']}|{marks['shell']}|{marks['locked']}|{marks['refused']}"
        said = self._serial.exchange(f"{name}\r", after, _SECONDS).text
        if self._is("password", said):
            self._serial.wait_quiet(FLUSH_SECONDS, 1.0)
            mark = self._serial.mark()
            until = f"{marks['shell']}|{marks['refused']}|{marks['locked']}|{marks['login']}"
            said = self._serial.exchange(f"{password}\r", until, _SECONDS, shown="a password").text
            if not self._is("shell", said):  # a reason may stand on the line behind
                said = self._until_login(mark)
        outcome = next((k for k in ("shell", "locked", "refused") if self._is(k, said)), "")
        if not outcome:
            outcome = "refused" if self._is("login", said) else "silent"
        if outcome == "shell":
            self._serial.exchange("exit\r", marks["login"], _SECONDS)
        return self._ended(outcome, began)

    def _until_login(self, mark: int) -> str:
        with suppress(TimedOut):  # a getty that does not come back is an answer too
            self._serial.wait_for(f"{self._marks['login']}|{self._marks['shell']}", _SECONDS, mark)
        return self._serial.text_since(mark)

    def _is(self, kind: str, text: str) -> bool:
        return re.search(self._marks[kind], text, re.MULTILINE) is not None

    @staticmethod
    def _ended(outcome: str, began: float) -> ConsoleTry:
        return ConsoleTry(outcome, round(time.monotonic() - began, 2))


@case(
    "CRED-054",
    severity="high",
    needs=("serial",),
    catches=("cred-serial-no-lockout",),
    changes="lockout",
    revision=2,
)
def test_guessing_on_the_serial_console_is_stopped(
    *,
    serial: SerialLink,
    device: DeviceFile,
    secrets: Secrets,
    knowledge: Any,
    policy: Any,
    evidence: Any,
) -> None:
    """Guessing passwords on the serial console is stopped as on the network.

    Method: log in on the console once with the account set aside for it (services "serial", best
    with purpose "lockout"), then with as many wrong passwords as the declared lock allows (at most
    the number of the policy "passwords"), then with the right one; once more with one wrong
    password more. Without such an account, try a made-up user. The account opens again by itself. A
    console that fell silent is watched for the declared time of the lock.
    Pass: the right password is refused after the wrong ones, the console says that it is closed, or
    each guess takes as long as the policy demands; silence counts where the login comes back.
    """
    limits = policy("passwords")["guessing"]
    login = _Login(serial, knowledge)
    _demand_login(login.asks())
    name = console_account(device)
    password = secrets.password(name) if name else ""
    username = device.accounts[name].username if name else f"u{random.token_hex(4)}"
    if name and not any(login.attempt(username, password).outcome == "shell" for _ in range(2)):
        raise Inconclusive(
            f"the account {name} of the device file does not open a shell on the console; is it "
            "still locked?",
            "login-refused",
        )
    declared = device.declared.lockout
    allowed = min(declared.attempts if declared else limits["max_attempts"], limits["max_attempts"])
    for attempts in (allowed, allowed + 1) if name else (allowed + 1,):
        found = evidence.observe(_guess(login, username, password, attempts))
        _demand_refusals(found)
        if _limited(found, limits["seconds_per_guess"]):
            if "silent" in (found.wrong[-1].outcome, found.right.outcome if found.right else ""):
                _demand_return(login, declared.seconds if declared else 0)
            return
    if found.right is None:
        raise Inconclusive(
            f"after {attempts} wrong passwords of a made-up user the console goes on asking and "
            'says nothing of a lock: give an account with services = ["serial"] and purpose = '
            '"lockout", so that a silent lock can be told',
            "not-declared",
        )
    taken = sum(each.seconds for each in found.wrong)
    raise AssertionError(
        f"on the serial console the right password of {username!r} is accepted at once after "
        f"{attempts} wrong ones in {taken:.1f} s; expected the account to be closed after {allowed}"
        f"{', as declared' if declared else ''}"
    )


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


def _guess(login: _Login, username: str, password: str, attempts: int) -> ConsoleGuesses:
    wrong = []
    for _ in range(attempts):
        wrong.append(login.attempt(username, f"Wr0ng-{random.token_hex(6)}"))
        if wrong[-1].outcome in ("locked", "silent"):
            break
    right = login.attempt(username, password) if password else None
    return ConsoleGuesses(username=username, wrong=tuple(wrong), right=right)


def _demand_refusals(found: ConsoleGuesses) -> None:
    assert all(each.outcome != "shell" for each in found.wrong), (
        f"the serial console accepts a made-up password of {found.username!r}"
    )
    if found.wrong[0].outcome == "silent":
        raise Inconclusive("the console did not answer a login at all", "silent-console")


def _demand_return(login: _Login, seconds: float) -> None:
    """A login that comes back was closed; a console that does not may as well be unplugged."""
    ends = time.monotonic() + seconds
    while login.asks() != "login":
        if time.monotonic() > ends:
            raise Inconclusive(
                "the console fell silent while passwords were guessed, and asked for no login "
                f"within {seconds:.0f} s: a lock and a lost line look alike; give the time after "
                "which the login comes back as declared.lockout.seconds",
                "silent-console",
            )


def _limited(found: ConsoleGuesses, seconds_per_guess: float) -> bool:
    """The right password decides where there is one: a message alone stops nobody."""
    answered = [each.seconds for each in found.wrong if each.outcome != "silent"]
    if answered and sum(answered) >= len(answered) * seconds_per_guess:
        return True
    if found.right is not None:
        return found.right.outcome != "shell"
    return found.wrong[-1].outcome == "locked"
