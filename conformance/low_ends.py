"""Are two samples alike at their low ends? What decides where answers wait for a random time.

Servers pad a refusal to a random time (Dropbear to 250...350 ms, src/svr-auth.c), so that medians
are known badly, but a padded time is never shorter than its least: the low ends of samples come
close to it as 1/n, not as 1/sqrt(n). Crosby, Wallach and Riedi, "Opportunities and Limits of Remote
Timing Attacks" (2009), find low percentiles the best filter for the same reason.

The test supposes a shift, as the one of Mann and Whitney does: then a permutation test is exact
whatever the distribution (Lehmann and Romano, Testing Statistical Hypotheses, 15.2). Times that
differ otherwise are left to that rank test, which must not find a difference either.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass

SHARE = 0.05
"""Of each sample, the part that is looked at."""
LEAST_SIZE = 128
"""Values that each sample needs: fewer seldom decide."""
_ROUNDS = 1999


@dataclass(frozen=True)
class LowEnds:
    """The second low end less the first; ``p``: of a shift as large as the least one that counts.

    The larger one of both directions. ``counted``: how many values make up each low end.
    """

    shift: float
    counted: int
    p: float


def compare_low_ends(
    first: Sequence[float], second: Sequence[float], *, least_shift: float
) -> LowEnds:
    """Whether a shift of ``least_shift`` can be ruled out. Raises ValueError for few values."""
    if min(len(first), len(second)) < LEAST_SIZE:
        raise ValueError(f"each sample needs {LEAST_SIZE} values")
    count = int(SHARE * min(len(first), len(second)))
    back = [value - least_shift for value in second]
    ahead = [value - least_shift for value in first]
    ps = (_sooner(first, back, count), _sooner(second, ahead, count))
    return LowEnds(_low(second, count) - _low(first, count), count, max(ps))


def _sooner(first: Sequence[float], second: Sequence[float], count: int) -> float:
    """The p of the second low end being this much sooner by chance alone."""
    seen = _low(second, count) - _low(first, count)
    order = random.Random(0)  # noqa: S311 - the same samples give the same verdict again
    every, as_low = [*first, *second], 0
    for _ in range(_ROUNDS):
        order.shuffle(every)
        one, other = every[: len(first)], every[len(first) :]
        as_low += _low(other, count) - _low(one, count) <= seen
    return (1 + as_low) / (1 + _ROUNDS)


def _low(values: Sequence[float], count: int) -> float:
    return sum(heapq.nsmallest(count, values)) / count
