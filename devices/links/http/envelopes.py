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
_SUCCESS = ("ok", "result", "success")
_GOOD = {0, 1, 100, 200}
"""Codes by which one vendor or another says that a call succeeded (100: Xiongmai's)."""
_COMPLAINT = re.compile(
    rb"(?i)\b(?:error|fail|invalid|bad request|denied|malformed|missing|pars(?:e|ing)|syntax|"
    rb"unexpected|illegal|wrong|not allowed)"
)
_NOTHING = re.compile(
    r"(?i)[\s*.#-]*|null|none|n/?a|unknown|undefined|false|0|<?(?:hidden|masked)>?"
)
_LEAVES, _DEEPEST = 2000, 12
_ASSIGNED = re.compile(rb"^\s*(?:var\s+)?[\w.\[\]-]{1,80}\s*=[ \t]*([^\r\n]*)$", re.MULTILINE)
_COMPARED = 64 * 1024
_WORD = re.compile(rb"[\w+/=-]+")


def hollow(one: Exchange, genuine: Exchange) -> bool:
    """Whether ``one`` lacks what ``genuine`` holds, though both have the same outer form."""
    try:
        told, wanted = one.json(), genuine.json()
    except Garbled:
        return _other_words(one.content[:_COMPARED], genuine.content[:_COMPARED]) or (
            _no_values(one.content) and not _no_values(genuine.content)
        )
    return _lacks(told, wanted) or (not _values(told) and bool(_values(wanted)))


def complains(answer: Exchange) -> bool:
    """Whether a success tells of an error: the call was not carried out, whoever asked."""
    try:
        content = answer.json()
    except Garbled:
        return _COMPLAINT.search(answer.content[:_COMPARED]) is not None
    if isinstance(content, list):  # several calls in one, as JSON-RPC has them
        content = next((item for item in content if isinstance(item, dict)), None)
    if not isinstance(content, dict):
        return False
    told = {name.lower(): value for name, value in content.items()}
    if told.get("error") or told.get("errors"):
        return True
    flags = [told[name] for name in _SUCCESS if isinstance(told.get(name), bool)]
    codes = [told[name] for name in _OUTCOMES if type(told.get(name)) is int]
    if any(flags) or any(code in _GOOD for code in codes):
        return False
    texts = [str(value).encode() for value in told.values() if isinstance(value, str)]
    return bool(flags or codes) or any(_COMPLAINT.search(text) for text in texts)


def _values(content: Any) -> list[str]:
    """What a JSON value tells beyond its form and its outcome; masks and noughts tell nothing."""
    found: list[str] = []
    waiting: list[tuple[Any, int]] = [(content, 0)]
    while waiting and len(found) < _LEAVES:
        item, depth = waiting.pop()
        if depth > _DEEPEST:
            continue
        if isinstance(item, dict):
            told = [value for name, value in item.items() if name.lower() not in _OUTCOMES]
            waiting += [(value, depth + 1) for value in told]
        elif isinstance(item, list):
            waiting += [(value, depth + 1) for value in item]
        elif not _NOTHING.fullmatch(str(item)):
            found.append(str(item))
    return found


def _no_values(text: bytes) -> bool:
    """Whether a text of ``name=value`` lines has names alone."""
    values = [value.strip(b" \t;'\"") for value in _ASSIGNED.findall(text[:_COMPARED])]
    return bool(values) and not any(values)


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
