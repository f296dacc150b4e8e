"""Weak passwords to try: one for each rule that a rule book may have."""

from __future__ import annotations

import secrets as random
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from conformance.password_policy import PasswordPolicy
from devices.description import DeviceFile
from devices.links.password_trials import Candidate, kinds_of
from devices.trial_password import KINDS, LENGTH, strong_password

_MIXED_WORDS = 3
_PLAIN_WORDS = 1


def user_name(word: str) -> str:
    """A user name of letters and digits, which every camera takes, that holds ``word``."""
    return f"Tr{random.token_hex(3)}{word}"


def candidates(
    policies: Sequence[PasswordPolicy], device: DeviceFile, common: Sequence[dict[str, str]]
) -> list[Candidate]:
    """What to try on every interface. ``common``: the table of common passwords."""
    declared = device.declared.passwords.min_length
    longest = min(device.declared.passwords.max_length or LENGTH, LENGTH)
    reuse = any(policy.demands(["reuse"]) for policy in policies)
    return [
        *_short({declared, *(p.min_length for p in policies)}),
        *_lacking(longest),
        *_holding_the_name(longest),
        *_common(common, declared),
        *([Candidate("reuse", "the old password", lambda _: "")] if reuse else []),
    ]


def _short(lengths: set[int]) -> Iterator[Candidate]:
    for length in sorted(one for one in lengths if one > len(KINDS)):
        what = f"{length - 1} characters of four kinds"
        yield Candidate("length", what, _made(strong_password, length - 1))


def _made(make: Callable[[int], str], length: int) -> Callable[[str], str]:
    return lambda _: make(length)


def _lacking(length: int) -> Iterator[Candidate]:
    for kind in KINDS:
        make = _made(partial(strong_password, without=kind), length)
        yield Candidate("kinds", f"{length} characters without {kind}", make)


def _holding_the_name(longest: int) -> Iterator[Candidate]:
    """Not longer than the camera takes: a refusal for its length would tell nothing."""
    before, after = ("Wq7+", "-zK") if longest >= LENGTH else ("W7+", "")

    def around(name: str) -> str:
        return f"{before}{name}{after}"

    yield Candidate("username", "the user name with more around it", around)
    what = "the user name in other case with more around it"
    yield Candidate("username", what, lambda name: around(_case(name)))


def _case(name: str) -> str:
    return name.swapcase()


def _common(rows: Sequence[dict[str, str]], shortest: int) -> Iterator[Candidate]:
    """The first of the list that no other rule refuses, and the first of all."""
    words = [row["password"] for row in rows if len(row["password"]) >= shortest]
    mixed = [word for word in words if len(kinds_of(word)) == len(KINDS)]
    chosen = dict.fromkeys([*mixed[:_MIXED_WORDS], *words[:_PLAIN_WORDS]])
    for word in chosen or [row["password"] for row in rows[:_PLAIN_WORDS]]:
        yield Candidate("common", f"the common {word!r}", _always(word))


def _always(word: str) -> Callable[[str], str]:
    return lambda _: word
