"""Weak passwords to try: one for each rule that a rule book may have."""

from __future__ import annotations

import secrets as random
import string
from collections.abc import Callable, Iterator, Sequence

from conformance.credentials.web_accounts import strong_password
from conformance.password_policy import PasswordPolicy
from devices.description import DeviceFile
from devices.links.password_trials import Candidate, kinds_of

_OF = {
    "small letters": string.ascii_lowercase,
    "capital letters": string.ascii_uppercase,
    "digits": string.digits,
    "others": "-_.+=",
}
_LONG = 16
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
    reuse = any(policy.demands(["reuse"]) for policy in policies)
    return [
        *_short({declared, *(p.min_length for p in policies)}),
        *_lacking(),
        *_holding_the_name(),
        *_common(common, declared),
        *([Candidate("reuse", "the old password", lambda _: "")] if reuse else []),
    ]


def _short(lengths: set[int]) -> Iterator[Candidate]:
    for length in sorted(one for one in lengths if one > len(_OF)):
        what = f"{length - 1} characters of four kinds"
        yield Candidate("length", what, _made(strong_password, length - 1))


def _made(make: Callable[[int], str], length: int) -> Callable[[str], str]:
    return lambda _: make(length)


def _lacking() -> Iterator[Candidate]:
    for kind in _OF:
        yield Candidate("kinds", f"{_LONG} characters without {kind}", _without(kind))


def _without(kind: str) -> Callable[[str], str]:
    others = [text for other, text in _OF.items() if other != kind]

    def make(_: str) -> str:
        while True:
            password = "".join(random.choice("".join(others)) for _ in range(_LONG))
            if password[0].isalnum() and all(set(password) & set(text) for text in others):
                return password

    return make


def _holding_the_name() -> Iterator[Candidate]:
    yield Candidate("username", "the user name with more around it", lambda n: f"Wq7+{n}-zK")
    yield Candidate(
        "username",
        "the user name in other case with more around it",
        lambda n: f"Wq7+{_case(n)}-zK",
    )


def _case(name: str) -> str:
    return name.swapcase()


def _common(rows: Sequence[dict[str, str]], shortest: int) -> Iterator[Candidate]:
    """The first of the list that no other rule refuses, and the first of all."""
    words = [row["password"] for row in rows if len(row["password"]) >= shortest]
    mixed = [word for word in words if len(kinds_of(word)) == len(_OF)]
    chosen = dict.fromkeys([*mixed[:_MIXED_WORDS], *words[:_PLAIN_WORDS]])
    for word in chosen or [row["password"] for row in rows[:_PLAIN_WORDS]]:
        yield Candidate("common", f"the common {word!r}", _always(word))


def _always(word: str) -> Callable[[str], str]:
    return lambda _: word
