"""Whether two answers of a web interface are the same page, or the same resource.

Status codes alone do not tell: many cameras answer every path with 200 and their login page, the
one page of their application, or an error in JSON.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter

from devices.errors import Garbled
from devices.links.http.envelopes import hollow
from devices.links.http.exchange import Exchange

_VARYING_SHARE = 0.05
_VARYING_WORDS = 20
"""Of the words of a page, how many may be others in the next answer: a nonce, the time."""
_COMPARED = 64 * 1024
_MOST_OF_IT, _FEWEST_WORDS = 0.8, 4
_REFUSING = re.compile(
    rb"log ?in|sign ?in|denied|error|fail|unauthori|forbidden|permi|invalid|expired|not allowed"
    rb'|"(?:code|ret|result|success|status)"'
)


def same_page(one: Exchange, other: Exchange) -> bool:
    """Whether two answers are one page, but for a few words such as a nonce or what was asked."""
    if (one.status, one.media_type) != (other.status, other.media_type):
        return False
    if one.body_sha256 == other.body_sha256:
        return True
    texts = [_without_target(answer) for answer in (one, other)]
    if max(map(len, texts)) > _COMPARED or any(b"\0" in text[:512] for text in texts):
        return False
    words, others = (Counter(re.findall(rb"[\w+/=-]+", text)) for text in texts)
    differing = max((words - others).total(), (others - words).total())
    share = int(_VARYING_SHARE * max(words.total(), others.total()))
    return differing <= max(1, min(_VARYING_WORDS, share))


def _without_target(answer: Exchange) -> bytes:
    """The body without what many error pages repeat of the request."""
    text, path = answer.content, answer.target.partition("?")[0]
    for part in (answer.target, path, path.strip("/")):
        text = text.replace(part.encode(), b"") if part.strip("/") else text
    return text


def same_kind(one: Exchange, genuine: Exchange) -> bool:
    """Whether an answer may be the resource of which ``genuine`` is a true copy, at another time.

    Not where it has the form alone: an error in the same envelope, or nothing where there is data.
    """
    if one.media_type != genuine.media_type or not one.body_bytes:
        return False
    if one.body_sha256 == genuine.body_sha256:
        return True
    if one.picture != genuine.picture or _members(one) != _members(genuine):
        return False
    return one.picture or not hollow(one, genuine)


def gives_away(refusal: Exchange, genuine: Exchange) -> bool:
    """Whether what came with a refusal holds nearly all of the resource (CWE-698).

    A program that redirects to the login, and does not end there, sends the page all the same.
    """
    if not refusal.body_bytes or not genuine.succeeded or not genuine.body_bytes:
        return False
    if genuine.picture or refusal.body_sha256 == genuine.body_sha256:
        return refusal.picture == genuine.picture
    if any(b"\0" in answer.content[:512] for answer in (refusal, genuine)):
        return False
    words, wanted = (_words(answer.content[:_COMPARED]) for answer in (refusal, genuine))
    most = _MOST_OF_IT * wanted.total()
    return wanted.total() >= _FEWEST_WORDS and (words & wanted).total() >= most


def thinned(one: Exchange, genuine: Exchange) -> bool:
    """Whether a page is ``genuine`` with some words left out, and nothing of its own.

    The frame of a page is so before its values are filled in, or where they are kept back.
    """
    if one.media_type != "text/html" or genuine.media_type != "text/html":
        return False
    words, wanted = (_words(answer.content[:_COMPARED]) for answer in (one, genuine))
    return not words - wanted and bool(wanted - words)


def says_refusal(answer: Exchange) -> bool:
    """Whether a success may be a refusal in words; only the device file can tell."""
    text = answer.content[:_COMPARED].lower()
    return _REFUSING.search(text) is not None


def kindred(one: Exchange, other: Exchange) -> bool:
    """Whether two answers may show the same thing at different times, to different users.

    A JSON object has the same names; a text has half of its words in common with the other.
    """
    if one.body_sha256 == other.body_sha256:
        return True
    if one.media_type != other.media_type or one.picture != other.picture:
        return False
    if isinstance(_members(one), frozenset) or isinstance(_members(other), frozenset):
        return _members(one) == _members(other)
    words, others = (_words(answer.content[:_COMPARED]) for answer in (one, other))
    return 2 * (words & others).total() >= min(words.total(), others.total())


def _words(text: bytes) -> Counter[bytes]:
    return Counter(re.findall(rb"[\w+/=-]+", text))


def _members(answer: Exchange) -> frozenset[str] | str:
    """The names of a JSON object: an error has others than data, where both come with 200."""
    try:
        content = answer.json()
    except Garbled:
        return ""
    return frozenset(content) if isinstance(content, dict) else type(content).__name__


def impossible_neighbour(target: str) -> str:
    """A path beside ``target``, with the same extension, that no camera has."""
    path = target.partition("?")[0]
    folder, _, name = path.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    made_up = secrets.token_hex(8)
    if not name:  # a folder: its neighbour is a folder
        return f"{folder.rpartition('/')[0]}/{made_up}/"
    return f"{folder}/{made_up}" + (f".{extension}" if dot and stem else "")
