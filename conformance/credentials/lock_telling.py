"""Whether the refusals after a lock tell which users exist."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from conformance.credentials.telling import WORD, difference
from conformance.verdict import Inconclusive
from devices.links.guessing.lock_oracle import LockRefusals
from devices.links.guessing.refusers import Refusal

_NUMBER = re.compile(r"\d+")


def told_by_lock(found: LockRefusals) -> str:
    """How the last refusals differ, as a sentence part; empty when they do not.

    Raises Inconclusive where a camera refuses the same name now so, now otherwise.
    """
    known, made_up = found.last_known, found.last_made_up
    shapes = Counter(_shape(refusal) for refusal in known)
    others = [{_shape(refusal) for refusal in one} for one in made_up]
    if not any(set(shapes) & other for other in others):
        return difference(known[0], made_up[0][0])
    if any(set(shapes) != other for other in others):
        raise Inconclusive(
            f"{found.surface} does not answer the same wrong login in the same way each time",
            "unstable",
        )
    shape = shapes.most_common(1)[0][0]
    columns = [_columns(one, shape, numbers=found.in_turn) for one in (known, *made_up)]
    for one, *rest in zip(*columns, strict=True):
        if _tells(one, rest):
            return difference(known[0], made_up[0][0])
    return ""


def _shape(refusal: Refusal) -> tuple[int, tuple[str, ...], int]:
    return refusal.status, refusal.fields, len(WORD.findall(refusal.text))


def _columns(
    refusals: Sequence[Refusal], shape: tuple[int, tuple[str, ...], int], *, numbers: bool
) -> list[set[str]]:
    """The values that each word of the refusals takes.

    Numbers are left out where the names were locked at other times: they may count down to its end.
    """
    texts = [refusal.text for refusal in refusals if _shape(refusal) == shape]
    words = [WORD.findall(text if numbers else _NUMBER.sub("0", text)) for text in texts]
    return [set(column) for column in zip(*words, strict=True)]


def _tells(known: set[str], made_up: Sequence[set[str]]) -> bool:
    """Whether a word is one for the user and another for made-up names, which have it in common.

    What those do not share is made up each time (a nonce), or says when the lock of each ends.
    """
    shared = set.intersection(*made_up)
    return bool(shared) and not any(known & values for values in made_up)
