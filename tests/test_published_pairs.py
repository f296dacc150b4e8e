"""Published passwords on accounts that the device file knows: entered, and ended by a login."""

from __future__ import annotations

import pytest
from web_stand import DEVICE

from conformance.credentials.published_pairs import LockWatch, SafeTries, Tried, try_all
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.journal import Journal

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
