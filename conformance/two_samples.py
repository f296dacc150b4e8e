"""Are two samples shifted against each other? A rank test, which knows no distribution.

The shift is estimated as Hodges and Lehmann do: the median of all differences between a value of
one sample and a value of the other. Its confidence interval is the distribution-free one that
belongs to the Mann-Whitney test (Hollander and Wolfe, Nonparametric Statistical Methods, 4.3), with
the normal approximation, which is good from eight values in each sample on. Outliers, as a loaded
machine makes them, move neither much. A verdict needs an effect as well as significance: the whole
interval beyond the least shift that matters, or within it (an equivalence test).
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, median

LEAST_SIZE = 8
"""Values that each sample needs."""


class Comparison(enum.StrEnum):
    """What the samples show."""

    SHIFTED = "shifted"
    ALIKE = "alike"
    OPEN = "open"


@dataclass(frozen=True)
class Interval:
    """A shift between two samples, in their unit, with its confidence interval."""

    estimate: float
    low: float
    high: float
    confidence: float


@dataclass(frozen=True)
class Shift:
    """How the second sample is shifted against the first.

    ``p`` is the two-sided one of the Mann-Whitney test; ``superiority`` the share of pairs in which
    the second value is the larger (ties count half).
    """

    sizes: tuple[int, int]
    p: float
    superiority: float
    to_fail: Interval
    to_pass: Interval
    comparison: Comparison


def compare(
    first: Sequence[float],
    second: Sequence[float],
    *,
    least_shift: float,
    fail_confidence: float,
    pass_confidence: float,
    looks: int = 1,
) -> Shift:
    """Compare two samples. ``looks``: how often it is looked at most while samples grow.

    Each look gets its share of both error rates (Bonferroni). Raises ValueError for samples of
    fewer than LEAST_SIZE values.
    """
    differences = _differences(first, second)
    fails = interval(differences, (len(first), len(second)), 1 - (1 - fail_confidence) / looks)
    passes = interval(differences, (len(first), len(second)), 1 - (1 - pass_confidence) / looks)
    if fails.low > least_shift or fails.high < -least_shift:
        comparison = Comparison.SHIFTED
    elif -least_shift <= passes.low and passes.high <= least_shift:
        comparison = Comparison.ALIKE
    else:
        comparison = Comparison.OPEN
    p, superiority = mann_whitney(first, second)
    return Shift((len(first), len(second)), p, superiority, fails, passes, comparison)


def mann_whitney(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """The two-sided p of the Mann-Whitney test, and how often the second value is the larger.

    By the normal approximation with corrections for ties and for continuity.
    """
    n, m = len(first), len(second)
    greater = sum(1.0 if b > a else 0.5 if b == a else 0.0 for a in first for b in second)
    every = sorted([*first, *second])
    ties = sum(t**3 - t for t in _runs(every))
    total = n + m
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance <= 0:  # one value in all
        return 1.0, 0.5
    distance = max(0.0, abs(greater - n * m / 2) - 0.5)
    p = 2 * (1 - NormalDist().cdf(distance / math.sqrt(variance)))
    return min(1.0, p), greater / (n * m)


def interval(differences: Sequence[float], sizes: tuple[int, int], confidence: float) -> Interval:
    """The shift and its interval from all sorted pairwise differences."""
    n, m = sizes
    z = NormalDist().inv_cdf(1 - (1 - confidence) / 2)
    rank = math.floor(n * m / 2 - z * math.sqrt(n * m * (n + m + 1) / 12))
    if rank < 1:  # too few values for this confidence: no bound
        return Interval(median(differences), -math.inf, math.inf, confidence)
    low, high = differences[rank - 1], differences[len(differences) - rank]
    return Interval(median(differences), low, high, confidence)


def _differences(first: Sequence[float], second: Sequence[float]) -> list[float]:
    if min(len(first), len(second)) < LEAST_SIZE:
        raise ValueError(f"each sample needs {LEAST_SIZE} values")
    return sorted(b - a for a in first for b in second)


def _runs(values: Sequence[float]) -> list[int]:
    """Lengths of the runs of equal values in a sorted sequence."""
    runs: list[int] = []
    previous: float | None = None
    for value in values:
        if value == previous:
            runs[-1] += 1
        else:
            runs.append(1)
        previous = value
    return runs
