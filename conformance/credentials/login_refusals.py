"""Refusals of wrong logins, compared in words: what differs by the user, and what merely varies."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest
from operator import attrgetter
from urllib.parse import quote

from devices.links.http.exchange import Exchange

# The finest first: a token of a page has as many words each time only in one of them.
_GRAINS = tuple(
    re.compile(rf"{word}|\W") for word in (r"\w+", r"[\w+/]+", r"[\w+/=-]+", r"[\w+/=.~%-]+")
)
_OF_THE_CONNECTION = {"date", "set-cookie", "connection", "keep-alive"}
_VALUES_THAT_SAY_NOTHING = {
    *("age", "content-length", "content-md5", "digest", "etag", "expires", "last-modified"),
    *("location", "server-timing", "x-response-time", "x-runtime"),
}


class Telling(Enum):
    """What two sets of refusals say of whether a user exists."""

    NOTHING = "the same"
    DIFFERENT = "different"
    VARYING = "the same for one who does not exist, and not for one who does"
    UNSTABLE = "not the same twice"


@dataclass(frozen=True)
class Refusal:
    """One refusal: ``text`` is its content and where it leads, ``headers`` the rest of its head."""

    status: int
    text: str
    headers: str


def refusal_of(answer: Exchange, usernames: Sequence[str]) -> Refusal:
    """What of a refusal may not depend on whether the user exists.

    Every user name is masked in all of them: one may be a word of the page as well.
    """
    head = sorted((name.lower(), value) for name, value in answer.headers)
    lines = [
        name if name in _VALUES_THAT_SAY_NOTHING else f"{name}: {value}"
        for name, value in head
        if name not in _OF_THE_CONNECTION
    ]
    text = answer.content.decode("utf-8", "replace") + answer.header("Location")
    masked, headers = (_masked(each, usernames) for each in (text, "\n".join(lines)))
    return Refusal(answer.status, masked, headers)


def _masked(text: str, usernames: Sequence[str]) -> str:
    for name in usernames:
        coded = base64.b64encode(name.encode()).decode().rstrip("=")
        forms = sorted({name, quote(name, safe=""), html.escape(name)}, key=len, reverse=True)
        text = re.sub("|".join(map(re.escape, forms)), "<user>", text, flags=re.IGNORECASE)
        text = re.sub(rf"{re.escape(coded)}(?:=|%3D)*", "<user>", text)
    return text


@dataclass(frozen=True)
class Comparison:
    """What was found, with what either user is told from where they begin to differ."""

    telling: Telling
    unknown: str = ""
    existing: str = ""


def compare(unknown: Sequence[Refusal], existing: Sequence[Refusal]) -> Comparison:
    """Compare the refusals of a user who does not exist with those of one who does.

    What changes with time alone, or by chance, changes for the first as well, whose refusals are
    the first and the last of all: where it is the same for him each time, it is the user's.
    """
    parts = [
        _kind([part(each) for each in unknown], [part(each) for each in existing])
        for part in (attrgetter("text"), attrgetter("headers"), _status)
    ]
    for kind in (Telling.DIFFERENT, Telling.VARYING, Telling.UNSTABLE):
        for found, one, other in parts:
            if found is kind:
                codes = unknown[0].status, existing[0].status
                return Comparison(kind, f"{codes[0]} {one!r}", f"{codes[1]} {other!r}")
    return Comparison(Telling.NOTHING)


def _status(refusal: Refusal) -> str:
    return str(refusal.status)


def _kind(unknown: Sequence[str], existing: Sequence[str]) -> tuple[Telling, str, str]:
    """How one part of the refusals compares, and both from where they begin to differ."""
    texts = [*unknown, *existing]
    for grain in _GRAINS:
        words = [grain.findall(text) for text in texts]
        if len({len(each) for each in words}) == 1:
            break
    ours, theirs = words[: len(unknown)], words[len(unknown) :]
    alike, constant = _one_length(ours), all(each == ours[0] for each in ours)
    if not alike or not _one_length(theirs):
        return (Telling.VARYING if constant else Telling.UNSTABLE), *_shown(ours[0], theirs[-1])
    one, other = _without(ours, theirs)
    if one != other:
        return Telling.DIFFERENT, *_shown(one, other)
    if set(_varying(theirs)) - set(_varying(ours)):
        changed = next(each for each in theirs if each != theirs[0])
        return Telling.VARYING, *_shown(theirs[0], changed)
    return Telling.NOTHING, "", ""


def _one_length(rows: Sequence[Sequence[str]]) -> bool:
    return len({len(row) for row in rows}) == 1


def _varying(rows: Sequence[Sequence[str]]) -> Iterator[int]:
    """Numbers of the words in which rows of one length differ."""
    columns = zip(*rows, strict=True)
    return (number for number, column in enumerate(columns) if len(set(column)) > 1)


def _without(
    ours: Sequence[Sequence[str]], theirs: Sequence[Sequence[str]]
) -> tuple[list[str], list[str]]:
    """Both without the words that vary for one user."""
    masked = {*_varying(ours), *_varying(theirs)}
    one, other = (
        ["#" if number in masked else word for number, word in enumerate(rows[0])]
        for rows in (ours, theirs)
    )
    return one, other


def _shown(one: Sequence[str], other: Sequence[str]) -> tuple[str, str]:
    """Both for people, from shortly before the first word that the other lacks."""
    pairs = enumerate(zip_longest(one, other))
    first = max(0, next((number for number, (a, b) in pairs if a != b), 0) - 8)
    return "".join(one[first:])[:200], "".join(other[first:])[:200]
