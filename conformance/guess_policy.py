"""Policies for guessing: the numbers of each rule book that gives any.

What was measured is held against them, so that it can be judged again by another edition.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from pydantic import BaseModel, ConfigDict, Field

from conformance import policy
from devices.links.guessing.guess import SurfaceGuessing

PREFIX = "guessing-"


class GuessPolicy(BaseModel):
    """``attempts`` failures in a row within ``window_seconds`` close for ``block_seconds``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: str
    edition: str
    sources: tuple[str, ...]
    regulations: tuple[str, ...]
    clause: str = Field(min_length=1)
    attempts: int = Field(gt=0)
    window_seconds: float = Field(gt=0)
    block_seconds: float = Field(gt=0)

    @property
    def title(self) -> str:
        """Name, version and clause, for a verdict."""
        return f"{self.name}, version {self.version}; {self.clause}"

    def breaches(self, found: SurfaceGuessing) -> Iterator[str]:
        """What a surface does against it; nothing where the camera's clock jumped meanwhile."""
        for one in () if found.jumped else found.rounds:
            took = self._seconds(found)
            if len(one.wrong) >= self.attempts and one.right.accepted:
                if took is not None and took <= self.window_seconds:
                    yield (
                        f"{found.surface}: {len(one.wrong)} wrong passwords of {found.username}, "
                        f"{self.attempts} of them within {took:.1f} s, do not close the login, "
                        f"expected {self.attempts} within {self.window_seconds:.0f} s to "
                        f"({self.title})."
                    )
                return

    def doubts(self, found: SurfaceGuessing) -> Iterator[str]:
        """Why it cannot be told of a surface."""
        closed, took = found.closed_after, self._seconds(found)
        if found.shortfall:
            yield found.shortfall
        elif closed is not None and closed <= self.attempts:
            return
        elif took is None:
            yield f"{found.surface}: fewer than {self.attempts} wrong passwords were tried"
        elif took > self.window_seconds:
            yield (
                f"{found.surface}: {self.attempts} wrong passwords took {took:.0f} s, longer than "
                f"the window of {self.window_seconds:.0f} s ({self.title})"
            )

    def _seconds(self, found: SurfaceGuessing) -> float | None:
        """How long so many wrong passwords took; None where so many were never tried."""
        for one in found.rounds:
            if len(one.wrong) >= self.attempts:
                return sum(each.seconds for each in one.wrong[: self.attempts])
        return None


def load(name: str) -> GuessPolicy:
    """The policy ``guessing-NAME``. Raises CatalogueError; ValueError where it is malformed."""
    return GuessPolicy.model_validate(policy.load(PREFIX + name))


def chosen(regulations: Iterable[str]) -> list[GuessPolicy]:
    """The policies that these regulations call for, by name."""
    ids = list(regulations)
    every = [load(n.removeprefix(PREFIX)) for n in policy.names() if n.startswith(PREFIX)]
    return [each for each in every if any(fnmatchcase(i, p) for i in ids for p in each.regulations)]
