"""Refusals of known and of unknown users, taken in turn at random within the camera's lock."""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass

from devices.errors import LoginRefused
from devices.journal import LOCK_SECONDS, Journal
from devices.links.guessing.guess import GuessUser, made_up_name, wrong_password
from devices.links.guessing.refusers import Refusal, Refuser
from devices.links.guessing.surfaces import Surface
from devices.observation import Observation


@dataclass(frozen=True)
class Sample:
    """One wrong login: of the known user or of one that does not exist, and its refusal.

    ``text`` of the refusal has ``<user>`` in the name's place.
    """

    known: bool
    refusal: Refusal


@dataclass(frozen=True, kw_only=True)
class OracleSamples(Observation):
    """Refusals in the order in which they came. ``seed`` gives that order again.

    ``right_logins``: how often the known user logged in between, so that it was not locked.
    """

    surface: str
    username: str
    origin: str
    seed: int
    right_logins: int
    samples: tuple[Sample, ...]

    def of(self, *, known: bool) -> list[Refusal]:
        """The refusals of one kind, in order."""
        return [sample.refusal for sample in self.samples if sample.known is known]


class Oracle:
    """Takes samples on one surface."""

    def __init__(
        self, surface: Surface, refuser: Refuser, user: GuessUser, budget: int, journal: Journal
    ) -> None:
        """``budget``: wrong passwords of the known user between two right ones."""
        self._surface, self._refuser, self._user = surface, refuser, user
        self._budget, self._journal = max(1, budget), journal
        self._seed = secrets.randbits(32)
        self._random = random.Random(self._seed)  # noqa: S311 - an order, not a secret
        self._failures = self._rights = 0
        self._samples: list[Sample] = []

    def more(self, number: int, *, every: bool) -> OracleSamples:
        """``number`` more of each kind; all that were taken so far.

        ``every``: unknown users count towards the budget too, as where a lock is of the address.
        Raises LoginRefused when the known user cannot log in any more, and other LinkErrors.
        """
        name, kind = self._user.username, self._surface.kind
        entry = self._journal.begin("lock", name, kind, seconds=LOCK_SECONDS)
        order = [True] * number + [False] * number
        self._random.shuffle(order)
        for known in order:
            if (known or every) and self._failures >= self._budget:
                self._log_in()
            self._failures += known or every
            name = self._user.username if known else made_up_name(self._user.username)
            self._samples.append(Sample(known, self._refuse(name).of_anybody(name)))
        self._log_in()
        self._journal.end(entry, "the right password logs in")
        return OracleSamples(
            surface=self._surface.name,
            username=self._user.username,
            origin=self._user.origin,
            seed=self._seed,
            right_logins=self._rights,
            samples=tuple(self._samples),
        )

    def _refuse(self, name: str) -> Refusal:
        return self._refuser.refuse(name, wrong_password())

    def _log_in(self) -> None:
        answer = self._surface.attempt(self._user.username, self._user.password)
        if not answer.accepted:
            raise LoginRefused(
                f"{self._surface.name} refuses the right password of {self._user.username} after "
                f"{self._failures} wrong ones ({answer.status}): samples cannot be taken within "
                "its lock; declare lockout.attempts as the camera has it"
            )
        self._failures = 0
        self._rights += 1
