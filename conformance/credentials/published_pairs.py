"""Published user names and passwords, tried without locking anybody out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from conformance.credentials.web_accounts import MODEST_FIRST
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.journal import LOCK_SECONDS, Journal
from devices.observation import Observation
from devices.secrets import Secrets

Login = Callable[[str, str], tuple[int, bool]]
"""Tries a user name and a password; returns the HTTP status, and whether they were accepted."""

Known = tuple[str, str]
"""A user name of the device file with its right password."""


_TOO_MANY = {429, 503}
"""How a server turns requests away for their number (RFC 6585, 4; RFC 9110, 15.6.4)."""


@dataclass(frozen=True)
class Tried:
    """One published pair; ``status`` of the answer, 0 when it was not tried."""

    username: str
    password: str
    vendor: str
    status: int = 0
    accepted: bool = False


@dataclass(frozen=True, kw_only=True)
class PublishedPairs(Observation):
    """Published pairs tried on one login, and those that the camera's lock left out.

    ``listed``: names of left-out pairs that the camera's own list of users holds.
    """

    tried: tuple[Tried, ...]
    left_out: tuple[Tried, ...]
    listed: tuple[str, ...] = ()

    def with_users(self, users: Collection[str] | None) -> PublishedPairs:
        """The same, partial where a left-out pair might have opened the camera.

        ``users``: the camera's own list; None when none could be had. A name that it does not hold
        is taken not to exist: of its pairs the most widely published ones, tried as a sample, are
        enough. Of one that it holds, all would have to be tried.
        """
        if not self.left_out:
            return self
        of = Counter(pair.username for pair in self.left_out)
        if users is None:
            return replace(
                self,
                shortfall=f"{of.total()} published pairs of {_named(of)} were not tried, for the "
                "lock (or the camera's limit of logins) forbids more, and no list of the camera's "
                "users shows that these do not exist",
            )
        known = {name.casefold() for name in users}
        listed = [name for name in of if name.casefold() in known]
        untried = sum(of[name] for name in listed)
        return replace(
            self,
            listed=tuple(listed),
            shortfall=f"{untried} published pairs of {_named(listed)}, which the camera lists as "
            "its users, were not tried, for the lock forbids more: declare them as accounts"
            if listed
            else "",
        )

    def accepted_by(self, url: str) -> str:
        """What was accepted, as a sentence; empty when every pair was refused."""
        accepted = [pair for pair in self.tried if pair.accepted]
        pairs = ", ".join(f"{p.username!r} with {p.password!r} ({p.vendor})" for p in accepted)
        return f"{url} accepts the published {pairs}; expected a refusal." if accepted else ""


@dataclass(frozen=True)
class SafeTries:
    """How many wrong passwords in a row close nothing.

    ``known`` for a user name of the device file, ``others`` for any other one; ``together``: they
    count for all user names, as the lock is of the address.
    """

    known: int
    others: int
    together: bool


class LockWatch:
    """Enters in the journal which accounts of the device file get wrong passwords over a link.

    They are fewer than close an account; a run that is killed among them, or a camera with a lock
    that its device file does not tell, may leave one closed all the same.
    """

    def __init__(self, journal: Journal, via: str, device: DeviceFile) -> None:
        self._journal, self._via = journal, via
        declared = device.declared.lockout
        self._seconds = declared.seconds if declared else LOCK_SECONDS
        self._entries: dict[str, str] = {}

    def begin(self, username: str) -> None:
        """A wrong password is about to be sent for this user."""
        if username not in self._entries:
            self._entries[username] = self._journal.begin(
                "lock", username, self._via, seconds=self._seconds
            )

    def watches(self, username: str) -> bool:
        """Whether it got a wrong password, and no right one since."""
        return username in self._entries

    def end(self, username: str) -> None:
        """Its right password was taken."""
        self._journal.end(self._entries.pop(username), "the right password logs in")


def _named(names: Iterable[str]) -> str:
    return ", ".join(sorted(map(repr, names)))


def safe_tries(device: DeviceFile, policy: Any) -> SafeTries:
    """What the declared lock allows; without one, what the policy "passwords" says."""
    declared = device.declared.lockout
    if declared is None:
        published = policy("passwords")["published"]
        return SafeTries(published["own_tries"], published["tries"], together=False)
    tries = max(1, declared.attempts - 1)
    return SafeTries(tries, tries, together=declared.scope == "address")


def published_pairs(rows: Sequence[dict[str, str]]) -> list[Tried]:
    """The web pairs of the table, each once, those of the most vendors first."""
    counts: Counter[tuple[str, str]] = Counter()
    vendors: dict[tuple[str, str], str] = {}
    for row in rows:
        if row["service"] == "http" and row["username"]:
            pair = (row["username"], row["password"])
            counts[pair] += 1
            vendors.setdefault(pair, row["vendor"])
    ordered = sorted(counts, key=lambda pair: (-counts[pair], pair))
    return [Tried(name, password, vendors[name, password]) for name, password in ordered]


def own_passwords(device: DeviceFile, secrets: Secrets, service: str) -> dict[str, Known]:
    """The accounts of the device file for a service, by user name."""
    found: dict[str, Known] = {}
    for name, account in device.accounts.items():
        meant = not account.services or service in account.services
        if account.password is not None and meant and account.role in MODEST_FIRST:
            found[account.username] = (account.username, secrets.password(name))
    return found


def try_all(
    login: Login,
    pairs: Sequence[Tried],
    own: Mapping[str, Known],
    safe: SafeTries,
    watch: LockWatch,
) -> PublishedPairs:
    """Try every pair, as many in a row as are safe.

    Before the next one the right password is given: that of the name, or under ``""`` in ``own``
    that of an account that may be locked. Raises Inconclusive when it is refused.
    """
    wrong: Counter[str] = Counter()
    tried: list[Tried] = []
    left_out: list[Tried] = []
    for pair in pairs:
        key = "" if safe.together else pair.username
        if wrong[key] >= (safe.known if key in own else safe.others):
            if key not in own:
                left_out.append(pair)
                continue
            _unlock(login, *own[key], watch)
            wrong[key] = 0
        if key in own:
            watch.begin(own[key][0])
        status, accepted = login(pair.username, pair.password)
        if status in _TOO_MANY and not accepted:  # not looked at: it may be right all the same
            left_out.append(pair)
            continue
        wrong[key] = 0 if accepted else wrong[key] + 1
        tried.append(Tried(pair.username, pair.password, pair.vendor, status, accepted))
    for name, password in dict.fromkeys(own.values()):
        if watch.watches(name):
            _unlock(login, name, password, watch)
    return PublishedPairs(tried=tuple(tried), left_out=tuple(left_out))


def _unlock(login: Login, username: str, password: str, watch: LockWatch) -> None:
    if not login(username, password)[1]:
        raise Inconclusive(
            f"{username} can no longer log in after fewer wrong passwords than the device file "
            "declares: the published passwords cannot all be tried",
            "login-refused",
        )
    watch.end(username)
