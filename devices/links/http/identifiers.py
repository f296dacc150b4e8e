"""Session identifiers: what those of consecutive sessions have in common."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

MAX_STEP = 1000
"""Largest step between two identifiers, read as numbers, that counts as counting."""

_ALPHABETS = (
    ("digits", string.digits),
    ("hexadecimal", string.digits + "abcdef"),
    ("hexadecimal", string.digits + "ABCDEF"),
    ("base64url", string.ascii_letters + string.digits + "-_="),
    ("base64", string.ascii_letters + string.digits + "+/="),
)


@dataclass(frozen=True)
class IdentifierFacts:
    """What a series of session identifiers has in common; never an identifier itself.

    ``varying`` counts the character positions that differ between any two of them; ``bits`` is
    the most that these positions can hold in the alphabet seen: an upper bound of the entropy.
    ``counting``: read as numbers, each is the one before plus the same small step. ``unknown``:
    of how many sessions it was not found.
    """

    count: int
    distinct: int
    length: int
    alphabet: str
    varying: int
    bits: float
    counting: bool
    unknown: int = 0


def identifier_facts(identifiers: Sequence[str]) -> IdentifierFacts:
    """Compare identifiers of consecutive sessions."""
    length = max((len(i) for i in identifiers), default=0)
    inner = _without_common_ends(identifiers)
    width = max((len(text) for text in inner), default=0)
    varying = min(  # where lengths differ, the better of both alignments: this is an upper bound
        sum(len(set(column)) > 1 for column in zip(*aligned, strict=True))
        for aligned in ([t.rjust(width) for t in inner], [t.ljust(width) for t in inner])
    )
    name, size = _alphabet("".join(identifiers))
    return IdentifierFacts(
        count=len(identifiers),
        distinct=len(set(identifiers)),
        length=length,
        alphabet=name,
        varying=varying,
        bits=round(varying * math.log2(size), 1),
        counting=_counting(identifiers) or _counting(inner),
        unknown=sum(not identifier for identifier in identifiers),
    )


def _without_common_ends(identifiers: Sequence[str]) -> list[str]:
    """The identifiers without what all of them begin and end with."""
    start = _alike(identifiers)
    rest = [identifier[start:] for identifier in identifiers]
    end = _alike([text[::-1] for text in rest])
    return [text[: len(text) - end] for text in rest]


def _alike(texts: Sequence[str]) -> int:
    """How many characters all begin with."""
    columns = zip(*texts, strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


def _alphabet(text: str) -> tuple[str, int]:
    for name, characters in _ALPHABETS:
        if set(text) <= set(characters):
            return name, len(characters)
    return "other", max(2, len(set(text)))


def _counting(identifiers: Sequence[str]) -> bool:
    """Whether the identifiers are numbers that rise by small steps."""
    for base in (10, 16):
        try:
            numbers = [int(identifier, base) for identifier in identifiers]
        except ValueError:
            continue
        steps = {after - before for before, after in pairwise(numbers)}
        if steps and all(0 < abs(step) <= MAX_STEP for step in steps):
            return True
    return False
