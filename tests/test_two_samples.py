"""The rank test: symmetric, seldom wrong where nothing is, and right where something is."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance import policy
from conformance.two_samples import Comparison, Shift, compare, mann_whitney

RULE = policy.load("guessing")["oracle"]
TIMES = st.lists(st.floats(0, 10, allow_subnormal=False), min_size=8, max_size=40)


def judge(first: list[float], second: list[float]) -> Shift:
    return compare(
        first,
        second,
        least_shift=RULE["least_shift"],
        fail_confidence=RULE["fail_confidence"],
        pass_confidence=RULE["pass_confidence"],
        looks=len(RULE["samples"]),
    )


def noisy(chance: random.Random, size: int, middle: float, jitter: float) -> list[float]:
    """Times with a long tail, and now and then a machine that does something else."""
    return [
        middle + chance.expovariate(1 / jitter) + (0.2 if chance.random() < 0.05 else 0)
        for _ in range(size)
    ]


@given(TIMES, TIMES)
def test_the_other_way_round_is_the_same_with_the_other_sign(
    first: list[float], second: list[float]
) -> None:
    one, other = judge(first, second), judge(second, first)
    assert one.comparison is other.comparison
    assert one.p == pytest.approx(other.p)
    assert one.superiority == pytest.approx(1 - other.superiority)
    assert one.to_fail.estimate == pytest.approx(-other.to_fail.estimate)
    assert one.to_fail.low == pytest.approx(-other.to_fail.high)


@given(TIMES, TIMES, st.floats(-5, 5, allow_subnormal=False))
def test_a_shift_of_all_values_is_found_again(
    first: list[float], second: list[float], shift: float
) -> None:
    before, after = judge(first, second), judge(first, [value + shift for value in second])
    assert after.to_fail.estimate - before.to_fail.estimate == pytest.approx(shift, abs=1e-9)


@given(TIMES, TIMES)
def test_intervals_hold_their_estimate_and_grow_with_confidence(
    first: list[float], second: list[float]
) -> None:
    found = judge(first, second)
    for interval in (found.to_fail, found.to_pass):
        assert interval.low <= interval.estimate <= interval.high
    assert found.to_fail.low <= found.to_pass.low
    assert found.to_pass.high <= found.to_fail.high
    assert 0 <= found.p <= 1


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32))
def test_where_nothing_is_it_hardly_ever_fails(seed: int) -> None:
    chance = random.Random(seed)
    size = RULE["samples"][0]
    wrong = sum(
        judge(noisy(chance, size, 0.02, 0.03), noisy(chance, size, 0.02, 0.03)).comparison
        is Comparison.SHIFTED
        for _ in range(40)
    )
    assert wrong == 0


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.045, 0.3))
def test_a_hash_for_known_users_alone_is_found(seed: int, shift: float) -> None:
    chance = random.Random(seed)
    size = RULE["samples"][-1]
    first, second = noisy(chance, size, 0.005, 0.01), noisy(chance, size, 0.005 + shift, 0.01)
    assert judge(first, second).comparison is Comparison.SHIFTED


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.floats(0, 0.004))
def test_a_difference_too_small_to_matter_never_fails(seed: int, shift: float) -> None:
    chance = random.Random(seed)
    size = RULE["samples"][-1]
    first, second = noisy(chance, size, 0.005, 0.02), noisy(chance, size, 0.005 + shift, 0.02)
    assert judge(first, second).comparison is not Comparison.SHIFTED


def test_quiet_samples_are_alike_and_noisy_ones_stay_open() -> None:
    chance = random.Random(1)
    quiet = [judge(*(noisy(chance, 16, 0.005, 0.001) for _ in range(2))) for _ in range(20)]
    assert {found.comparison for found in quiet} == {Comparison.ALIKE}
    wild = judge(noisy(chance, 16, 0.1, 0.5), noisy(chance, 16, 0.1, 0.5))
    assert wild.comparison is Comparison.OPEN


def test_the_test_is_that_of_mann_and_whitney() -> None:
    """With ties: the variance by its formula (Hollander and Wolfe, 4.1), written out."""
    first, second = [1, 2, 3, 4, 5, 6, 7, 8], [2, 3, 3, 5, 9, 9, 10, 11]
    p, superiority = mann_whitney(first, second)
    greater = sum((b > a) + 0.5 * (a == b) for a in first for b in second)
    assert superiority == greater / 64
    ties = 2 * (2**3 - 2) + (3**3 - 3) + (2**3 - 2)
    deviation = math.sqrt(64 / 12 * (17 - ties / (16 * 15)))
    z = (abs(greater - 32) - 0.5) / deviation
    assert p == pytest.approx(math.erfc(z / math.sqrt(2)))


def test_equal_values_and_few_values() -> None:
    assert judge([0.01] * 16, [0.01] * 16).comparison is Comparison.ALIKE
    assert mann_whitney([1.0] * 8, [1.0] * 8) == (1.0, 0.5)
    with pytest.raises(ValueError, match="needs 8 values"):
        judge([0.01] * 7, [0.01] * 16)
    few = judge([0.01] * 8, [5.0] * 8)  # too few for so much confidence
    assert few.to_fail.low == -math.inf
    assert few.comparison is Comparison.OPEN
