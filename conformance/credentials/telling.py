"""Whether refusals tell which users exist: by what they say, or by when they come."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from conformance import low_ends
from conformance.low_ends import LowEnds
from conformance.two_samples import Comparison, Shift, compare
from conformance.verdict import Inconclusive
from devices.links.guessing.oracle import OracleSamples
from devices.links.guessing.refusers import Refusal
from devices.observation import Observation

WORD = re.compile(r"[\w+/=.-]+|[^\w+/=.-]")
"""Texts are compared word by word, so that what varies can be told from what tells."""


@dataclass(frozen=True, kw_only=True)
class TimesCompared(Observation):
    """The times of both kinds of refusal, in seconds, and what the tests made of them.

    ``low_ends``: where the ranks of large samples leave it open.
    """

    surface: str
    known: tuple[float, ...]
    unknown: tuple[float, ...]
    shift: Shift
    low_ends: LowEnds | None = None


def told_by_words(found: OracleSamples) -> str:
    """How the refusals differ, as a sentence part; empty when they do not. Raises Inconclusive."""
    known, unknown = found.of(known=True), found.of(known=False)
    shapes = [Counter(map(_shape, kind)) for kind in (known, unknown)]
    if not set(shapes[0]) & set(shapes[1]):
        return difference(known[0], unknown[0])
    if set(shapes[0]) != set(shapes[1]):
        raise Inconclusive(
            f"{found.surface} does not answer the same wrong login in the same way each time",
            "unstable",
        )
    shape = shapes[0].most_common(1)[0][0]
    columns = [
        list(zip(*[_words(r) for r in kind if _shape(r) == shape], strict=True))
        for kind in (known, unknown)
    ]
    for one, other in zip(*columns, strict=True):
        if _apart(one, other):
            return difference(known[0], unknown[0])
    return ""


def _shape(refusal: Refusal) -> tuple[int, tuple[str, ...], int]:
    return refusal.status, refusal.fields, len(_words(refusal))


def _words(refusal: Refusal) -> list[str]:
    return [str(refusal.size), *WORD.findall(refusal.text)]


def _apart(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether a word never is the same in both kinds, and is not made up each time (a nonce)."""
    few = len(set(one) | set(other)) <= max(2, (len(one) + len(other)) // 3)
    return few and not set(one) & set(other)


def difference(known: Refusal, unknown: Refusal) -> str:
    """The refusals of a user and of a made-up name for people, from where they begin to differ."""
    pairs = enumerate(zip(known.text, unknown.text, strict=False))
    first = next((place for place, (one, other) in pairs if one != other), 0)
    same = max(0, first - 40)
    return (
        f"a wrong password of an existing user is answered {_said(known, same)}, a user who does "
        f"not exist {_said(unknown, same)}"
    )


def _said(refusal: Refusal, start: int) -> str:
    text = refusal.text[start:].strip()[:160]
    return f"{refusal.status} {text!r} ({refusal.size} bytes)"


def told_by_time(take: Any, rule: dict[str, Any]) -> tuple[OracleSamples, TimesCompared]:
    """Take samples until their times decide, or the last number of the policy is reached.

    ``take(number)`` takes so many more of each kind and gives all. The low ends are compared where
    all that may be taken were; more than `longest_seconds` of the policy are not spent.
    """
    sizes = [int(size) for size in rule["samples"]]
    taken, warm_up, began = 0, int(rule["warm_up"]), time.monotonic()
    for size in sizes:
        spent = time.monotonic() - began
        if taken and spent * size / taken > float(rule["longest_seconds"]):
            break
        found: OracleSamples = take(size + (warm_up if not taken else 0) - taken)
        taken = size
        known, unknown = (
            tuple(r.seconds for r in found.of(known=kind)[warm_up:]) for kind in (True, False)
        )
        shift = compare(
            unknown,
            known,
            least_shift=float(rule["least_shift"]),
            fail_confidence=float(rule["fail_confidence"]),
            pass_confidence=float(rule["pass_confidence"]),
            looks=len(sizes) + 1,  # the low ends are one more
        )
        if shift.comparison is not Comparison.OPEN:
            break
    times = TimesCompared(surface=found.surface, known=known, unknown=unknown, shift=shift)
    return found, _with_low_ends(times, rule, looks=len(sizes) + 1)


def _with_low_ends(times: TimesCompared, rule: dict[str, Any], looks: int) -> TimesCompared:
    """The same with what the low ends of large samples say, where the ranks leave it open."""
    enough = len(times.known) >= low_ends.LEAST_SIZE
    if times.shift.comparison is not Comparison.OPEN or not enough:
        return times
    ends = low_ends.compare_low_ends(
        times.unknown, times.known, least_shift=float(rule["least_shift"])
    )
    error = 1 - float(rule["pass_confidence"])
    alike = ends.p <= error / looks and times.shift.p > error
    kind = Comparison.ALIKE if alike else Comparison.OPEN
    return replace(times, shift=replace(times.shift, comparison=kind), low_ends=ends)


def demand_same_time(times: TimesCompared) -> None:
    """Fail when the times tell who exists. Raises Inconclusive when they are too noisy."""
    shift = times.shift
    bounds = shift.to_fail
    assert shift.comparison is not Comparison.SHIFTED, (
        f"{times.surface}: a wrong password of an existing user is refused "
        f"{abs(bounds.estimate) * 1000:.0f} ms {'later' if bounds.estimate > 0 else 'sooner'} than "
        f"a user who does not exist (between {bounds.low * 1000:.0f} and {bounds.high * 1000:.0f} "
        f"ms with a confidence of {bounds.confidence:.2%}, {shift.sizes[0]} answers each), "
        "expected the same time."
    )
    if shift.comparison is Comparison.OPEN:
        noise = shift.to_pass
        raise Inconclusive(
            f"{times.surface}: the times vary too much to tell: the shift between both kinds lies "
            f"between {noise.low * 1000:.0f} and {noise.high * 1000:.0f} ms after "
            f"{shift.sizes[0]} answers each; measure again on a quiet network",
            "noise",
        )
