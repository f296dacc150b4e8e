"""The test of low ends: right where answers are padded to a random time, and never too bold."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance import low_ends, policy
from conformance.credentials import telling
from conformance.low_ends import LEAST_SIZE, compare_low_ends
from conformance.two_samples import Comparison
from conformance.verdict import Inconclusive
from devices.links.guessing.oracle import OracleSamples, Sample
from devices.links.guessing.refusers import Refusal

RULE = policy.load("guessing")["oracle"]
SIZE = RULE["samples"][-1]


@pytest.fixture(autouse=True)
def _fewer_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(low_ends, "_ROUNDS", 299)


def padded(chance: random.Random) -> float:
    """As Dropbear waits: 300 ms, 50 more or less."""
    return chance.uniform(0.25, 0.35) + chance.expovariate(1 / 0.002)


def taker(known: Callable[[], float], unknown: Callable[[], float]) -> Callable[[int], Any]:
    """What takes so many more refusals that come after these times."""
    samples: list[Sample] = []

    def take(number: int) -> OracleSamples:
        for _ in range(number):
            for kind, seconds in ((True, known()), (False, unknown())):
                samples.append(Sample(kind, Refusal(51, (), "refused", 0, seconds)))
        return OracleSamples(
            surface="x", username="u", origin="", seed=0, right_logins=0, samples=tuple(samples)
        )

    return take


def judged(known: Callable[[], float], unknown: Callable[[], float]) -> telling.TimesCompared:
    _, times = telling.told_by_time(taker(known, unknown), RULE)
    return times


def test_padded_answers_are_alike_by_their_low_ends() -> None:
    decided = []
    for seed in range(6):
        chance = random.Random(seed)
        times = judged(lambda: padded(chance), lambda: padded(chance))  # noqa: B023 - called here
        telling.demand_same_time(times)
        decided.append(times.low_ends is not None)
        assert len(times.known) <= SIZE
    assert any(decided)


@pytest.mark.parametrize("seed", range(3))
def test_a_shift_that_counts_is_never_alike(seed: int) -> None:
    chance = random.Random(seed)
    least = RULE["least_shift"]
    times = judged(lambda: padded(chance) + least, lambda: padded(chance))
    with pytest.raises((Inconclusive, AssertionError)):
        telling.demand_same_time(times)


def test_a_hash_beside_the_padding_is_found() -> None:
    chance = random.Random(4)
    times = judged(lambda: padded(chance) + 0.1, lambda: padded(chance))
    assert times.shift.comparison is Comparison.SHIFTED


def test_the_same_low_end_does_not_hide_another_middle() -> None:
    """Known users are refused later now and then: no shift, and yet a tell-tale."""
    chance = random.Random(5)
    times = judged(
        lambda: padded(chance) + (0.05 if chance.random() < 0.4 else 0), lambda: padded(chance)
    )
    assert times.shift.comparison is not Comparison.ALIKE


def test_no_more_time_is_spent_than_the_policy_gives() -> None:
    chance = random.Random(6)
    take = taker(lambda: padded(chance), lambda: padded(chance))
    _, times = telling.told_by_time(take, RULE | {"longest_seconds": 0.0})
    assert len(times.known) == RULE["samples"][0]
    with pytest.raises(Inconclusive, match="vary too much"):
        telling.demand_same_time(times)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.floats(-1, 1, allow_subnormal=False))
def test_the_other_way_round_is_the_same_shift(seed: int, shift: float) -> None:
    chance = random.Random(seed)
    first = [padded(chance) for _ in range(LEAST_SIZE)]
    second = [padded(chance) + shift for _ in range(LEAST_SIZE)]
    one = compare_low_ends(first, second, least_shift=0.01)
    other = compare_low_ends(second, first, least_shift=0.01)
    assert one.shift == pytest.approx(-other.shift)
    assert 0 < one.p <= 1
    assert abs(one.shift) < 0.05 or one.p > 0.05


def test_few_values_are_too_few() -> None:
    with pytest.raises(ValueError, match="needs"):
        compare_low_ends([0.1] * (LEAST_SIZE - 1), [0.1] * 500, least_shift=0.01)
