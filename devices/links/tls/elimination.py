"""What a server accepts of many, found by taking away what it chose until it refuses the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Choose = Callable[[Sequence[int]], int | None]
"""Offers these code points and returns the chosen one, None when all of them were refused."""


@dataclass
class Choices:
    """What was chosen, in this order; ``complete``: all the rest was refused."""

    found: list[int] = field(default_factory=list)
    complete: bool = True

    def add(self, others: Choices) -> None:
        """Take in what was found of another batch."""
        self.found += [code for code in others.found if code not in self.found]
        self.complete = self.complete and others.complete


def eliminate(choose: Choose, offered: Sequence[int], most: int = 1000) -> Choices:
    """Offer, take away, offer again. ``most``: of how many the rest is left unasked.

    A server that chooses what it was not offered ends it: it does not look at what is offered.
    """
    remaining, choices = list(offered), Choices()
    while remaining:
        if len(choices.found) >= most:
            choices.complete = False
            return choices
        chosen = choose(remaining)
        if chosen is None:
            return choices
        choices.found.append(chosen)
        if chosen not in remaining:
            return choices
        remaining.remove(chosen)
    return choices
