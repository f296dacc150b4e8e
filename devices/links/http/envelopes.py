"""Answers that have the form of a resource and not its content.

Many cameras answer everything with 200, and say in JSON (or in words) whether there was an error.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from devices.errors import Garbled
from devices.links.http.exchange import Exchange

_OUTCOMES = {
    "code", "error", "errorcode", "error_code", "errno", "ok", "result", "ret", "retcode",
    "return", "rspcode", "statuscode", "success",
}  # fmt: skip
"""Names under which an envelope says whether a call succeeded, lower case."""
_COMPARED = 64 * 1024
_WORD = re.compile(rb"[\w+/=-]+")


def hollow(one: Exchange, genuine: Exchange) -> bool:
    """Whether ``one`` lacks what ``genuine`` holds, though both have the same outer form."""
    try:
        return _lacks(one.json(), genuine.json())
    except Garbled:
        return _other_words(one.content[:_COMPARED], genuine.content[:_COMPARED])


def _lacks(one: Any, genuine: Any) -> bool:
    if isinstance(one, list) and isinstance(genuine, list):
        if not one or not genuine:
            return bool(genuine)
        first, wanted = one[0], genuine[0]
        both = isinstance(first, dict) and isinstance(wanted, dict)
        return both and (set(first) != set(wanted) or _lacks(first, wanted))
    if not isinstance(one, dict) or not isinstance(genuine, dict):
        return False
    return any(_differs(name, one[name], genuine[name]) for name in one.keys() & genuine.keys())


def _differs(name: str, one: Any, genuine: Any) -> bool:
    if isinstance(genuine, dict | list) and genuine and not one:
        return True
    said = (bool, int, str)
    return name.lower() in _OUTCOMES and isinstance(one, said) and one != genuine


def _other_words(one: bytes, genuine: bytes) -> bool:
    """Whether a text has little in common with another: fewer than half of its words."""
    if b"\0" in one[:512] or b"\0" in genuine[:512]:
        return False
    words, others = (Counter(_WORD.findall(text)) for text in (one, genuine))
    return 2 * (words & others).total() < min(words.total(), others.total())
