"""CRED-004: guessing over the web is stopped. CRED-008: the login does not tell who exists."""

from __future__ import annotations

import secrets as random
import time
from dataclasses import dataclass
from typing import Any

from conformance.case import case
from conformance.credentials.login_refusals import Comparison, Refusal, Telling, compare, refusal_of
from conformance.credentials.web_accounts import accepts, expendable_account
from conformance.verdict import Inconclusive
from devices.description import Account, DeviceFile
from devices.journal import LOCK_SECONDS
from devices.links.http.captcha import captcha_word
from devices.links.http.gate import LoginAttempt
from devices.links.http.link import HttpLink
from devices.observation import Observation
from devices.secrets import Secrets


@dataclass(frozen=True, kw_only=True)
class Guessing(Observation):
    """Wrong passwords in a row, then the right one; ``seconds`` for the wrong ones together."""

    username: str
    wrong: tuple[LoginAttempt, ...]
    right: LoginAttempt
    seconds: float


@case(
    "CRED-004",
    severity="high",
    needs=("http",),
    catches=("cred-no-lockout-http",),
    changes="lockout",
    applies_to=("http",),
    revision=2,
)
def test_web_guessing_is_stopped(
    http: HttpLink, device: DeviceFile, secrets: Secrets, evidence: Any, policy: Any
) -> None:
    """Guessing the password of the web interface is stopped.

    Method: with an account set aside for it (purpose "lockout"), log in once with the right
    password, then with as many wrong ones as the declared lock allows (at most the number of the
    policy "passwords"), then with the right one; once more with one wrong password more, for
    cameras that count differently. A CAPTCHA is left to a person.
    Pass: the right password is refused after the wrong ones, or each guess takes as long as the
    policy demands.
    """
    limits = policy("passwords")["guessing"]
    name, account = expendable_account(secrets)
    password = secrets.password(name)
    _demand_login(http, account, name, secrets)
    declared = device.declared.lockout
    allowed = min(declared.attempts if declared else limits["max_attempts"], limits["max_attempts"])
    for attempts in (allowed, allowed + 1):
        lasts = declared.seconds if declared else LOCK_SECONDS
        entry = http.journal.begin("lock", account.username, "http", seconds=lasts)
        found = evidence.observe(_guess(http, account.username, password, attempts))
        if found.right.accepted:
            http.journal.end(entry, "the right password logs in")
        if found.right.answer.status >= 500:
            raise Inconclusive(
                f"{found.right.answer.request} is answered {found.right.answer.status} after "
                f"{attempts} wrong passwords, which is no refusal",
                "garbled",
            )
        if not found.right.accepted and (word := _new_captcha(found)):
            raise Inconclusive(
                f"{found.right.answer.request} speaks of a {word!r} after {attempts} wrong "
                "passwords: whether that stops a guesser is to be judged by hand",
                "captcha",
            )
        if not found.right.accepted:
            return
        if found.seconds >= attempts * limits["seconds_per_guess"]:
            return
    raise AssertionError(
        f"{found.right.answer.request}: after {attempts} wrong passwords in {found.seconds:.1f} s "
        f"the right one is accepted at once, expected the account to be closed after {allowed}"
        f"{', as declared' if declared else ''}."
    )


def _demand_login(http: HttpLink, account: Account, name: str, secrets: Secrets) -> None:
    """The account exists and is not locked: else its refusals show nothing."""
    if not accepts(http, account.username, secrets.password(name)).accepted:
        raise Inconclusive(
            f"the account {name} cannot log in with its own password; is it still locked?",
            "login-refused",
        )


def _guess(http: HttpLink, username: str, password: str, attempts: int) -> Guessing:
    began = time.monotonic()
    wrong = [accepts(http, username, f"Wr0ng-{random.token_hex(6)}") for _ in range(attempts)]
    seconds = time.monotonic() - began
    right = accepts(http, username, password)
    if any(attempt.accepted for attempt in wrong):
        raise AssertionError(f"{wrong[0].answer.request} accepts a made-up password.")
    return Guessing(username=username, wrong=tuple(wrong), right=right, seconds=round(seconds, 2))


def _new_captcha(found: Guessing) -> str:
    """What asks for proof that somebody is no machine, where the first refusal did not."""
    return "" if captcha_word(found.wrong[0].answer) else captcha_word(found.right.answer)


@case(
    "CRED-008",
    severity="medium",
    needs=("http",),
    catches=("cred-user-enumeration",),
    changes="settings",
    applies_to=("http",),
    revision=2,
)
def test_login_does_not_tell_which_users_exist(
    http: HttpLink, secrets: Secrets, evidence: Any
) -> None:
    """The web login does not tell which user names exist.

    Method: log in with the account set aside for it (purpose "lockout"), to know that it exists;
    send wrong passwords for a user name that does not exist, twice for that account, and again for
    the former; then the account's right password, so that it is not locked. Compare status,
    headers, the whole text and the Location of the refusals, with the user name left out and what
    varies for the user who does not exist too. Where they differ, do it all once more.
    Pass: the refusals for the existing and for the made-up user are the same.
    """
    name, account = expendable_account(secrets)
    password = secrets.password(name)
    _demand_login(http, account, name, secrets)
    asked = _Asked(http, account.username, evidence)
    entry = http.journal.begin("lock", account.username, "http", seconds=LOCK_SECONDS)
    found = asked.once_more()
    right = accepts(http, account.username, password).accepted
    if right and found.telling is not Telling.NOTHING:
        found = asked.once_more()
        right = accepts(http, account.username, password).accepted
    if right:
        http.journal.end(entry, "the right password logs in")
    assert found.telling is not Telling.DIFFERENT, (
        f"{asked.request}: a wrong password of an existing user is answered {found.existing}, a "
        f"user who does not exist {found.unknown}, expected one answer."
    )
    assert not (found.telling is Telling.VARYING and asked.rounds > 1), (
        f"{asked.request}: a user who does not exist is always answered the same, and an existing "
        f"one from wrong password to wrong password another way ({found.unknown}, then "
        f"{found.existing}), expected one answer."
    )
    if found.telling is not Telling.NOTHING:
        raise Inconclusive(
            f"{asked.request}: the same wrong login is not answered the same way twice "
            f"({found.unknown}; {found.existing}): compare by hand, or give an account with "
            "purpose 'lockout' that bears two wrong passwords",
            "unstable",
        )


class _Asked:
    """Wrong passwords for one user who exists, and between them for others who do not."""

    def __init__(self, http: HttpLink, existing: str, evidence: Any) -> None:
        self._http, self._existing, self._evidence = http, existing, evidence
        self._seen: dict[str, list[Refusal]] = {"made-up": [], "existing": []}
        self.request = ""
        self.rounds = 0

    def once_more(self) -> Comparison:
        """Two more of either; compares all that were seen."""
        self.rounds += 1
        made_up = f"{self._existing[:3]}{random.token_hex(4)}"
        names = {"made-up": made_up, "existing": self._existing}
        for number, kind in enumerate(("made-up", "existing", "existing", "made-up"), 1):
            attempt = accepts(self._http, names[kind], f"Wr0ng-{random.token_hex(6)}")
            title = f"wrong password {number} of round {self.rounds}, of the {kind} user"
            self._evidence.observe(attempt, title)
            self.request = attempt.answer.request
            # the made-up one first: it may begin like the other
            refused = refusal_of(attempt.answer, [made_up, self._existing])
            self._seen[kind].append(refused)
        return compare(self._seen["made-up"], self._seen["existing"])
