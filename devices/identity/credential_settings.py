"""Stored forms of passwords in settings: the key says what the value is. Sans-io."""

from __future__ import annotations

import re
from collections.abc import Iterator

from devices.protocols.password_hashes import PasswordHash, recognise

_KEY = r"\b(?P<key>\w{0,40}(?:passw(?:or)?d|passwd|pass|pwd|passphrase)\w{0,24})"
_SETTING = re.compile(
    rf"(?i)[\"']?{_KEY}(?:[\"']?[ \t]*[:=][ \t]*[\"']?|[ \t]+[\"'])"
    r"(?P<value>[^\s\0\"',;&<>]{8,512})"
)
"""``key: value``, ``key=value`` and, as UCI has it, ``option key 'value'``."""
_ELEMENT = re.compile(rf"(?i)<{_KEY}(?:\s[^<>]{{0,200}})?>\s*(?P<value>[^\s\0\"'<>]{{8,512}})\s*</")
_ITERATIONS = re.compile(
    r"(?i)(?:[\"']?\b(?:iterations?|rounds|iter)[\"']?\s*[:=]\s*[\"']?|<(?:iterations?|rounds)>)"
    r"(\d{1,9})"
)
_SALT = re.compile(
    r"(?i)(?:[\"']?\b\w*salt[\"']?\s*[:=]\s*[\"']?|<\w{0,40}salt>|\b\w*salt[ \t]+[\"'])"
    r"([^\s\"',;&<>]{2,128})"
)
_USER = re.compile(
    r"(?i)[\"'<]?\b(?:user(?:_?name)?|name|login|account)"
    r"(?:[\"']?\s*[:=]\s*[\"']?|>|[ \t]+[\"'])([\w.@-]+)"
)
_AROUND = 240


def settings(text: str) -> Iterator[tuple[str, str, PasswordHash]]:
    """(account, stored form, its method) of each key of a password: text, JSON, XML, UCI."""
    for pattern in (_SETTING, _ELEMENT):
        for match in pattern.finditer(text):
            if (hashed := _read(text, match)) is not None:
                yield _user_before(text, match.start()), match["value"], hashed


def _read(text: str, match: re.Match[str]) -> PasswordHash | None:
    value = match["value"]
    hashed = recognise(value)
    if hashed is None and re.fullmatch(r"[0-9A-Fa-f]+", value):
        hashed = recognise(value, bare=True)
        if hashed is not None:
            return _beside(hashed, text[max(0, match.start() - _AROUND) : match.end() + _AROUND])
    return hashed


def _beside(hashed: PasswordHash, around: str) -> PasswordHash:
    """Hexadecimal digits with a salt or a number of iterations in the neighbouring keys."""
    salt = _SALT.search(around)
    base = hashed.scheme.removesuffix("-hex")
    if rounds := _ITERATIONS.search(around):
        named = re.search(r"(?i)sha-?(1|224|256|384|512)\b", around)
        digest = f"sha{named[1]}" if named else base
        cost = {"iterations": int(rounds[1])}
        return PasswordHash(f"pbkdf2-{digest}", cost, salt[1] if salt else "")
    return PasswordHash(f"{base}-salted", {}, salt[1]) if salt else hashed


def _user_before(text: str, position: int) -> str:
    named = _USER.findall(text[max(0, position - _AROUND) : position])
    return named[-1][:64] if named else ""
