"""Refusals of a user whom guesses lock, beside those of made-up names guessed as often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from devices.errors import LinkError
from devices.journal import Journal
from devices.links.guessing.guess import GuessUser, made_up_name, wrong_password
from devices.links.guessing.refusers import Refusal, Refuser
from devices.links.guessing.surfaces import Surface
from devices.observation import Observation

AFTER = 4
"""Wrong passwords that are sent after those that lock."""


@dataclass(frozen=True, kw_only=True)
class LockRefusals(Observation):
    """All refusals of a user, and those of each made-up name, in order; the last AFTER are judged.

    ``wrong``: how many wrong passwords each had before. ``in_turn``: a made-up name, the user, the
    next made-up name, and again; else one after the other, with the time of a lock between.
    Names in the refusals' texts are ``<user>``.
    """

    surface: str
    username: str
    origin: str
    wrong: int
    in_turn: bool
    known: tuple[Refusal, ...]
    made_up: tuple[tuple[Refusal, ...], ...]

    @property
    def last_known(self) -> tuple[Refusal, ...]:
        """Those of the user that are judged."""
        return self.known[-AFTER:]

    @property
    def last_made_up(self) -> list[tuple[Refusal, ...]]:
        """Those of each made-up name that are judged."""
        return [refusals[-AFTER:] for refusals in self.made_up]


class LockOracle:
    """Takes them on one surface."""

    def __init__(
        self, surface: Surface, refuser: Callable[[], Refuser], user: GuessUser, journal: Journal
    ) -> None:
        """``refuser`` makes one: a camera that hangs up is connected to again."""
        self._surface, self._refuser, self._user = surface, refuser, user
        self._journal = journal

    def take(
        self, wrong: int, *, lasts: float, between: Callable[[], None] | None = None
    ) -> LockRefusals:
        """``wrong`` wrong passwords for each name, and AFTER more.

        ``lasts``: seconds of a lock, for the journal. ``between``: called between the names, where
        one guesser's lock shuts out all names; there is one made-up name then. Raises LinkError.
        """
        name, kind = self._user.username, self._surface.kind
        entry = self._journal.begin("lock", name, kind, seconds=lasts)
        number = wrong + AFTER
        if between is None:
            names = (made_up_name(name), name, made_up_name(name))
            first, known, second = self._in_turn(names, number)
            made_up: tuple[tuple[Refusal, ...], ...] = (tuple(first), tuple(second))
        else:
            made_up = (tuple(self._in_turn([made_up_name(name)], number)[0]),)
            between()
            known = self._in_turn([name], number)[0]
        if self._surface.attempt(name, self._user.password).accepted:
            self._journal.end(entry, "the right password logs in")
        return LockRefusals(
            surface=self._surface.name,
            username=name,
            origin=self._user.origin,
            wrong=wrong,
            in_turn=between is None,
            known=tuple(known),
            made_up=made_up,
        )

    def _in_turn(self, names: Sequence[str], number: int) -> list[list[Refusal]]:
        seen: list[list[Refusal]] = [[] for _ in names]
        with _Persistent(self._refuser) as refuser:
            for _ in range(number):
                for name, refusals in zip(names, seen, strict=True):
                    refusal = refuser.refuse(name, wrong_password())
                    refusals.append(refusal.of_anybody(name))
        return seen


class _Persistent:
    """A refuser that is made anew once where the camera ends its connection."""

    def __init__(self, make: Callable[[], Refuser]) -> None:
        self._make = make
        self._refuser: Refuser | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def refuse(self, username: str, password: str) -> Refusal:
        try:
            return self._open().refuse(username, password)
        except LinkError:
            self._close()
            return self._open().refuse(username, password)

    def _open(self) -> Refuser:
        if self._refuser is None:
            self._refuser = self._make().__enter__()
        return self._refuser

    def _close(self) -> None:
        if self._refuser is not None:
            self._refuser.__exit__()
            self._refuser = None
