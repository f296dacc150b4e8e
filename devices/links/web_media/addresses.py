"""Secrets in an address: whether a URL holds a token that nobody could guess."""

from __future__ import annotations

import math
import re
import secrets
import string
from itertools import pairwise
from urllib.parse import urljoin

from devices.errors import Garbled

_SHOWN = 12
"""Characters of a value in a query from which it is masked: it may be a token."""
_RUN = re.compile(r"[A-Za-z0-9_-]{16,}")
_SHARE, _HEX_SHARE = 0.4, 0.2
"""Least share of neighbouring characters of different kinds in a token (expected: 0.65, and 0.47
of hexadecimal digits); names made of words and dates have fewer."""


def joined(base: str, address: str) -> str:
    """What an address in an answer of ``base`` leads to. Raises Garbled when it is none."""
    try:
        return urljoin(base, address)
    except ValueError as error:
        raise Garbled(f"not an address: {address[:80]!r}") from error


def token_of(url: str) -> str:
    """The longest part of path and query that looks random; empty when none does.

    Names made of words, dates and numbers are no tokens, however long.
    """
    rest = url.partition("://")[2].partition("/")[2]
    return max((run for run in _RUN.findall(rest) if _looks_random(run)), key=len, default="")


def token_bits(url: str) -> int:
    """Most bits that the token of an address can hold; 0 when it has none."""
    token = token_of(url).replace("-", "")
    size = 16 if re.fullmatch(r"[0-9a-fA-F]*", token) else 64
    return int(len(token) * math.log2(size))


def shown(text: str) -> str:
    """A URL, or a request target, for people: without user name, with long values masked."""
    if token := token_of(text if "://" in text else f"x://x{text}"):
        text = text.replace(token, f"[{len(token)}]")
    head, mark, query = text.partition("?")
    head = re.sub(r"(?<=://)[^/@]*@", "", head)
    return head + mark + re.sub(rf"(?<==)[^&]{{{_SHOWN},}}", lambda m: f"[{len(m[0])}]", query)


def with_other_token(url: str) -> str:
    """The same address with a made-up token of the same form."""
    token = token_of(url)
    hexadecimal = re.fullmatch(r"[0-9a-fA-F-]*", token) is not None
    letters = string.digits + ("abcdef" if hexadecimal else string.ascii_letters)
    other = "".join(c if c in "-_" else secrets.choice(letters) for c in token)
    return url.replace(token, other) if token else url


def _looks_random(run: str) -> bool:
    text = run.replace("-", "").replace("_", "")
    kinds = [("digit" if c.isdigit() else "capital" if c.isupper() else "small") for c in text]
    if len(text) < 16 or len(set(kinds)) < 2:
        return False
    changes = sum(one != other for one, other in pairwise(kinds))
    hexadecimal = re.fullmatch(r"[0-9a-f]+|[0-9A-F]+", text) is not None
    return changes >= (_HEX_SHARE if hexadecimal else _SHARE) * len(text)
