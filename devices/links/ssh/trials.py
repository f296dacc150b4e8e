"""Trying published user names and passwords over SSH: each once, bounded, stopping when stopped.

Each try has a connection of its own: many servers end a connection after the first wrong password,
and one that ends it unanswered must not be taken for one that refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from devices.errors import LinkError, LoginRefused, NotOffered
from devices.links.ssh.session import MoreAsked, Session
from devices.observation import Observation

_PASSWORD_METHODS = {"password", "keyboard-interactive"}


@dataclass(frozen=True)
class PasswordPair:
    """One published user name and password. The password stays out of evidence."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class PasswordTrials(Observation):
    """Published pairs tried once each.

    ``accepted``: positions, in the list given, of pairs that logged in; all of a user who is let
    in without any proof, for whom none was sent. ``offered``: users who
    may use a password at all; for the others of ``users`` there was nothing to try. ``tried``:
    how many pairs were sent.
    """

    endpoint: str
    users: tuple[str, ...]
    offered: tuple[str, ...]
    tried: int
    accepted: tuple[int, ...]


_SILENCES = 3
"""Users in a row for whom the server did not answer, before it counts as gone."""


class Trials:
    """One round of tries."""

    def __init__(self, connect: Callable[[], Session], each_user: int, seconds: float) -> None:
        self._connect = connect
        self._each_user = each_user
        self._end = time.monotonic() + seconds
        self._offered: list[str] = []
        self._accepted: list[int] = []
        self._tried = 0
        self._left_out: dict[str, int] = {}

    def run(self, endpoint: str, pairs: Sequence[PasswordPair]) -> PasswordTrials:
        """Try the pairs, user by user."""
        users = tuple(dict.fromkeys(pair.user for pair in pairs))
        silent = 0
        for user in users:
            numbered = [(n, pair) for n, pair in enumerate(pairs) if pair.user == user]
            if silent >= _SILENCES:
                self._leave_out("the server had stopped answering", len(numbered))
                continue
            try:
                self._try_user(user, numbered)
                silent = 0
            except LinkError as error:
                silent += 1
                why = f"with {user!r} the server stopped answering: {error}"
                self._leave_out(why, len(numbered))
        shortfall = "; ".join(
            f"{n} pairs not tried or not answered: {why}" for why, n in self._left_out.items()
        )
        return PasswordTrials(
            endpoint=endpoint,
            users=users,
            offered=tuple(self._offered),
            tried=self._tried,
            accepted=tuple(self._accepted),
            shortfall=shortfall,
        )

    def _try_user(self, user: str, numbered: Sequence[tuple[int, PasswordPair]]) -> None:
        with self._connect() as session:
            methods, none_accepted = session.methods(user)
        if none_accepted:
            self._offered.append(user)
            self._accepted += [number for number, _ in numbered]
            return
        if not _PASSWORD_METHODS & set(methods):
            return
        self._offered.append(user)
        for done, (number, pair) in enumerate(numbered):
            if done >= self._each_user:
                why = f"more than {self._each_user} tries would lock {user!r}"
                self._leave_out(why, len(numbered) - done)
                return
            if time.monotonic() > self._end:
                self._leave_out("the time set for this is over", len(numbered) - done)
                return
            try:
                accepted = self._accepts(pair)
            except MoreAsked as error:
                self._leave_out(str(error), len(numbered) - done)
                return
            if accepted:
                self._accepted.append(number)

    def _accepts(self, pair: PasswordPair) -> bool:
        with self._connect() as session:
            self._tried += 1
            try:
                session.log_in_by_password(pair.user, pair.password)
            except (LoginRefused, NotOffered):
                return False
            return True

    def _leave_out(self, why: str, pairs: int) -> None:
        self._left_out[why] = self._left_out.get(why, 0) + pairs
