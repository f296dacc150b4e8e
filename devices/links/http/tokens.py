"""What a sample of session tokens gives away: how they are made, never the tokens themselves."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from devices.links.http.identifiers import identifier_facts

_Z99 = 2.576
"""Of the upper bound of the most common value's share (NIST SP 800-90B, 6.3.1)."""
_HASHES = ("md5", "sha1", "sha256")
_SECONDS_AROUND = 90
_MS_AROUND = 2500
_COUNTS = 5000
_SHORTEST_HASH = 16
"""Hexadecimal digits of a hash from which on a coincidence is out of the question."""
_MOMENT = re.compile(r"(?<!\d)(\d{10}|\d{13}|\d{16})(?!\d)")
ESTIMATOR = (
    "upper bound: characters that differ between any two tokens, times the bits of the alphabet "
    "seen; estimate: most common value of those characters, pooled over the sample, with its 99 % "
    "upper bound (NIST SP 800-90B, 6.3.1)"
)


@dataclass(frozen=True)
class Issued:
    """One token, the time (seconds since 1970) just before and after its login, and for whom."""

    token: str
    before: float
    after: float
    username: str = ""


@dataclass(frozen=True)
class TokenFacts:
    """A sample of tokens. ``upper_bits`` and ``estimated_bits`` by ESTIMATOR, for one token.

    ``made_of``: how they are made, where that was found out (``md5 of the time in ms``).
    ``dated``: they hold the time of the login in clear, which is no fault by itself.
    """

    count: int
    distinct: int
    shortest: int
    alphabet: str
    varying: int
    upper_bits: float
    estimated_bits: float
    counting: bool
    made_of: str = ""
    dated: bool = False
    estimator: str = ESTIMATOR


def token_facts(sample: Sequence[Issued], camera_ahead: float = 0.0) -> TokenFacts:
    """Compare the tokens of a sample; ``camera_ahead`` is the camera's clock against the bench's.

    Bounded work: some hundred thousand hashes.
    """
    tokens = [issued.token for issued in sample]
    known = identifier_facts(tokens)
    return TokenFacts(
        count=len(tokens),
        distinct=known.distinct,
        shortest=min(map(len, tokens), default=0),
        alphabet=known.alphabet,
        varying=known.varying,
        upper_bits=known.bits,
        estimated_bits=_estimated(tokens, known.varying),
        counting=known.counting,
        made_of=_made_of(sample, camera_ahead),
        dated=_dated(sample, camera_ahead),
    )


def _estimated(tokens: Sequence[str], varying: int) -> float:
    """Min-entropy of a token, by the most common value among the characters that vary."""
    length = max(map(len, tokens), default=0)
    columns = zip(*(token.rjust(length) for token in tokens), strict=True)
    seen = Counter(char for column in columns if len(set(column)) > 1 for char in column)
    total = seen.total()
    if total < 2:
        return 0.0
    share = seen.most_common(1)[0][1] / total
    bound = min(1.0, share + _Z99 * math.sqrt(share * (1 - share) / (total - 1)))
    return round(-math.log2(bound) * varying, 1)


def _dated(sample: Sequence[Issued], ahead: float) -> bool:
    """Whether most tokens hold the time of their login as a decimal number, s, ms or us."""
    hits = sum(
        any(_near(digits, issued, ahead) for digits in _MOMENT.findall(issued.token))
        for issued in sample
    )
    return bool(sample) and hits * 2 > len(sample)


def _near(digits: str, issued: Issued, ahead: float) -> bool:
    scale = {10: 1, 13: 1_000, 16: 1_000_000}[len(digits)]
    clocks = (issued.before, issued.before + ahead)
    return any(abs(int(digits) / scale - clock) < _SECONDS_AROUND for clock in clocks)


def _made_of(sample: Sequence[Issued], ahead: float) -> str:
    """What the first tokens are the hash of, among what can be guessed; empty when not found."""
    for issued in sample[:2]:
        if not (wanted := _as_hex(issued.token)):
            continue
        for what, text in _guesses(issued, ahead):
            for name in _HASHES:
                digest = hashlib.new(name, text, usedforsecurity=False).hexdigest()
                if digest.startswith(wanted):
                    return f"{name} of {what}"
    return ""


def _as_hex(token: str) -> str:
    """A token as the hexadecimal digits that a hash would have; empty when it cannot be one."""
    if re.fullmatch(r"[0-9a-fA-F]+", token):
        found = token.lower()
    else:
        try:
            padded = token.replace("-", "+").replace("_", "/").rstrip("=")
            found = base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True).hex()
        except (binascii.Error, ValueError):
            return ""
    return found if _SHORTEST_HASH <= len(found) <= 64 else ""


def _guesses(issued: Issued, ahead: float) -> Iterator[tuple[str, bytes]]:
    user = issued.username
    for clock in dict.fromkeys((0.0, round(ahead))):
        start, end = issued.before + clock, issued.after + clock
        seconds = range(int(start) - _SECONDS_AROUND, int(end) + _SECONDS_AROUND)
        for number in seconds:
            yield from _written(number, "the time in seconds", user)
        milliseconds = range(int(start * 1000) - _MS_AROUND, int(end * 1000) + _MS_AROUND)
        for number in milliseconds:
            yield "the time in ms", str(number).encode()
    for number in range(_COUNTS):
        yield from _written(number, "a counter", user)
    if user:
        yield "the user name", user.encode(errors="replace")


def _written(number: int, what: str, user: str) -> Iterable[tuple[str, bytes]]:
    yield what, str(number).encode()
    for text in (f"{user}{number}", f"{number}{user}", f"{user}:{number}") if user else ():
        yield f"{what} and the user name", text.encode(errors="replace")
