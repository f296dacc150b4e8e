"""CRED-004: guessing over the web is stopped. CRED-008: the login does not tell who exists."""

from __future__ import annotations

import re
import secrets as random
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from conformance.case import case
from conformance.credentials.web_accounts import accepts, expendable_account
from conformance.verdict import Inconclusive
from devices.description import Account, DeviceFile
from devices.journal import LOCK_SECONDS
from devices.links.http.captcha import captcha_word
from devices.links.http.exchange import Exchange
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


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """The answer to a wrong login, in words, so that what varies can be told from what tells."""

    status: int
    headers: tuple[str, ...]
    words: tuple[str, ...]

    def masked(self, numbers: AbstractSet[int]) -> Refusal:
        """The refusal with the words at these numbers left out."""
        words = ("#" if number in numbers else word for number, word in enumerate(self.words))
        return replace(self, words=tuple(words))

    def differing(self, other: Refusal) -> str:
        """Status and text for people, from shortly before the first word that the other lacks."""
        pairs = enumerate(zip_longest(self.words, other.words))
        first = next((number for number, (one, two) in pairs if one != two), 0)
        return f"{self.status} {''.join(self.words[max(0, first - 8) :])[:200]!r}"


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
)
def test_login_does_not_tell_which_users_exist(
    http: HttpLink, secrets: Secrets, evidence: Any
) -> None:
    """The web login does not tell which user names exist.

    Method: log in with the account set aside for it (purpose "lockout"), to know that it exists;
    log in twice with a user name that does not exist and twice, with wrong passwords, with that
    account, in turn; then once with its right password, so that it is not locked. Compare status,
    header names, the whole text and the Location of the refusals, with the user name left out and
    what differs between two refusals of the same user.
    Pass: the refusals for the existing and for the made-up user are the same.
    """
    name, account = expendable_account(secrets)
    _demand_login(http, account, name, secrets)
    made_up = f"{account.username[:3]}{random.token_hex(4)}"
    names = (made_up, account.username)  # the made-up one first: it may begin like the other
    seen: dict[str, list[Refusal]] = {username: [] for username in names}
    entry = http.journal.begin("lock", account.username, "http", seconds=LOCK_SECONDS)
    for number in (1, 2):
        for kind, username in (("made-up", made_up), ("existing", account.username)):
            attempt = accepts(http, username, f"Wr0ng-{random.token_hex(6)}")
            evidence.observe(attempt, f"wrong password {number} of the {kind} user")
            seen[username].append(_refusal(attempt.answer, names))
    if accepts(http, account.username, secrets.password(name)).accepted:
        http.journal.end(entry, "the right password logs in")
    unknown, existing = _without_what_varies(*seen.values())
    assert existing == unknown, (
        f"{attempt.answer.request}: a wrong password of an existing user is answered "
        f"{existing.differing(unknown)}, a user who does not exist {unknown.differing(existing)}, "
        "expected one answer."
    )


def _refusal(answer: Exchange, usernames: Sequence[str]) -> Refusal:
    """What of a refusal may not depend on whether the user exists.

    Both user names are masked in both kinds of refusal: one may be a word of the page as well.
    """
    text = answer.content.decode("utf-8", "replace") + answer.header("Location")
    for username in usernames:
        text = text.replace(username, "<user>")
    headers = {name.lower() for name, _ in answer.headers} - {"set-cookie", "date"}
    words = tuple(re.findall(r"[\w+/]+|[^\w+/]", text))
    return Refusal(status=answer.status, headers=tuple(sorted(headers)), words=words)


def _without_what_varies(
    unknown: Sequence[Refusal], existing: Sequence[Refusal]
) -> tuple[Refusal, Refusal]:
    """Mask the words in which two refusals of the same user differ. Raises Inconclusive."""
    varying: set[int] = set()
    for one, two in (unknown, existing):
        alike = (one.status, one.headers, len(one.words)) == (
            two.status,
            two.headers,
            len(two.words),
        )
        if not alike:
            raise Inconclusive(
                "the same wrong login is not answered the same way twice", "unstable"
            )
        words = enumerate(zip(one.words, two.words, strict=True))
        varying |= {number for number, (word, again) in words if word != again}
    return unknown[0].masked(varying), existing[0].masked(varying)
