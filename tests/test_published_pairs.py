"""Published passwords on accounts that the device file knows: entered, and ended by a login."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from web_stand import DEVICE, Kept

from conformance.credentials.published_pairs import LockWatch, SafeTries, Tried, try_all
from conformance.credentials.ssh_published import try_published
from conformance.verdict import Inconclusive
from devices.description import DeviceFile, Lockout
from devices.journal import Journal
from devices.links.ssh.trials import PasswordPair, PasswordTrials

ADMIN = ("admin", "Quiet-Harbour-7")
PAIRS = [Tried(user, word, "Acme") for word in ("1", "2", "3") for user in ("admin", "root")]


class Camera:
    """Locks a user after so many wrong passwords; notes what was in the journal at each login."""

    def __init__(self, journal: Journal, locks_after: int) -> None:
        self.journal, self.left = journal, locks_after
        self.seen: list[tuple[str, list[str]]] = []

    def __call__(self, username: str, password: str) -> tuple[int, bool]:
        self.seen.append((username, [change.subject for change in self.journal.open()]))
        right = (username, password) == ADMIN and self.left > 0
        self.left -= username == "admin" and not right
        return (200, True) if right else (401, False)


def tried(journal: Journal, locks_after: int, safe: SafeTries) -> Camera:
    camera = Camera(journal, locks_after)
    watch = LockWatch(journal, "http", DeviceFile.model_validate(DEVICE))
    own = {"": ADMIN} if safe.together else {"admin": ADMIN}
    try_all(camera, PAIRS, own, safe, watch)
    return camera


def test_a_try_on_a_known_account_is_in_the_journal_before_it_is_made() -> None:
    journal = Journal()
    camera = tried(journal, 10, SafeTries(2, 2, together=False))
    assert all(names == ["admin"] for user, names in camera.seen if user == "admin")
    assert camera.seen[0] == ("admin", ["admin"])
    assert journal.open() == []


def test_a_lock_of_the_address_is_that_of_the_account_which_opens_it() -> None:
    journal = Journal()
    camera = tried(journal, 10, SafeTries(2, 2, together=True))
    assert ("root", ["admin"]) in camera.seen
    assert journal.open() == []


def test_an_account_that_closed_too_early_stays_in_the_journal() -> None:
    journal = Journal()
    with pytest.raises(Inconclusive, match="can no longer log in"):
        tried(journal, 1, SafeTries(2, 2, together=False))
    (left,) = journal.open()
    assert (left.kind, left.subject, left.via) == ("lock", "admin", "http")
    assert left.seconds_left() > 200


class Ssh:
    """Notes how many wrong passwords each user got; ``keys`` are users who have no password."""

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self.keys, self.wrong = keys, dict[str, int]()

    def try_pairs(
        self, pairs: Sequence[PasswordPair], *, each_user: int, seconds: float
    ) -> PasswordTrials:
        assert seconds > 0
        tried, users = 0, tuple(dict.fromkeys(pair.user for pair in pairs))
        offered = tuple(user for user in users if user not in self.keys)
        for user in offered:
            mine = min(each_user, sum(pair.user == user for pair in pairs))
            self.wrong[user] = self.wrong.get(user, 0) + mine
            tried += mine
        return PasswordTrials(
            endpoint="there", users=users, offered=offered, tried=tried, accepted=()
        )


SSH_PAIRS = [(user, str(n)) for n in range(9) for user in ("root", "admin", "guest")]


@pytest.mark.parametrize(
    ("lock", "keys", "wrong"),
    [
        (None, (), {"root": 9, "admin": 9, "guest": 9}),
        (Lockout(attempts=5), (), {"root": 5, "admin": 4, "guest": 5}),
        (Lockout(attempts=5, scope="address"), (), {"root": 4, "admin": 0, "guest": 0}),
        (Lockout(attempts=5, scope="address"), ("root", "guest"), {"admin": 4}),
    ],
)
def test_ssh_is_tried_as_often_as_the_lock_allows(
    lock: Lockout | None, keys: Sequence[str], wrong: dict[str, int]
) -> None:
    ssh: Any = Ssh(keys)
    rounds = try_published(ssh, SSH_PAIRS, {"admin"}, lock, Kept())
    assert ssh.wrong == wrong
    assert sorted(pair for pairs, _ in rounds for pair in pairs) == sorted(SSH_PAIRS)
