"""MD5-crypt and SHA-crypt, to try published passwords against a stored form. Sans-io.

Sources: Poul-Henning Kamp's MD5-crypt as crypt(5) describes it; Ulrich Drepper, "Unix crypt using
SHA-256 and SHA-512", 0.6.
"""

from __future__ import annotations

import hashlib
import re

_ITOA = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FEWEST, _MOST, _DEFAULT = 1000, 200_000, 5000
_MD5_ORDER = ((0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5))


def md5_crypt(password: str, salt: str, magic: str = "$1$") -> str:
    """``$1$salt$...`` of a password, Apache's with magic ``$apr1$``; of the salt eight count."""
    raw, seed = password.encode(), salt.encode()[:8]
    inner = _md5(raw + seed + raw)
    text = raw + magic.encode() + seed + (inner * (len(raw) // 16 + 1))[: len(raw)]
    length = len(raw)
    while length:
        text += b"\0" if length & 1 else raw[:1]
        length >>= 1
    state = _md5(text)
    for number in range(1000):
        parts = [raw if number & 1 else state]
        parts += [seed] if number % 3 else []
        parts += [raw] if number % 7 else []
        parts.append(state if number & 1 else raw)
        state = _md5(b"".join(parts))
    letters = "".join(_letters(state[a], state[b], state[c], 4) for a, b, c in _MD5_ORDER)
    return f"{magic}{salt[:8]}${letters}{_letters(0, 0, state[11], 2)}"


def sha_crypt(password: str, stored: str) -> str:
    """The SHA-crypt form of ``password`` with method, rounds and salt of ``stored``.

    Empty when ``stored`` is of no such form, or asks for more rounds than are computed here.
    """
    match = re.match(r"\$([56])\$(rounds=(\d{1,9})\$)?([^$]{0,16})", stored)
    if match is None:
        return ""
    rounds = max(_FEWEST, int(match[3])) if match[3] else _DEFAULT
    if rounds > _MOST:
        return ""
    name = "sha256" if match[1] == "5" else "sha512"
    state = _sha_state(name, password.encode(), match[4].encode(), rounds)
    shown = f"rounds={rounds}$" if match[2] else ""
    return f"${match[1]}${shown}{match[4]}${_written(state)}"


def _sha_state(name: str, raw: bytes, salt: bytes, rounds: int) -> bytes:
    def digest(data: bytes) -> bytes:
        return hashlib.new(name, data).digest()

    inner = digest(raw + salt + raw)
    text = raw + salt + _filled(inner, len(raw))
    length = len(raw)
    while length:
        text += inner if length & 1 else raw
        length >>= 1
    state = digest(text)
    p = _filled(digest(raw * len(raw)), len(raw))
    s = _filled(digest(salt * (16 + state[0])), len(salt))
    for number in range(rounds):
        parts = [p if number & 1 else state]
        parts += [s] if number % 3 else []
        parts += [p] if number % 7 else []
        parts.append(state if number & 1 else p)
        state = digest(b"".join(parts))
    return state


def _filled(data: bytes, length: int) -> bytes:
    return (data * (length // len(data) + 1))[:length]


def _written(state: bytes) -> str:
    """The digest in the order of the specification, six bits a letter."""
    if len(state) == 32:
        text, (a, b, c) = "", (0, 10, 20)
        for _ in range(10):
            text += _letters(state[a], state[b], state[c], 4)
            a, b, c = c + 1, a + 1, b + 1
        return text + _letters(0, state[31], state[30], 3)
    text, (a, b, c) = "", (0, 21, 42)
    for _ in range(21):
        text += _letters(state[a], state[b], state[c], 4)
        a, b, c = b + 1, c + 1, a + 1
    return text + _letters(0, 0, state[63], 2)


def _letters(high: int, middle: int, low: int, count: int) -> str:
    value = high << 16 | middle << 8 | low
    return "".join(_ITOA[(value >> 6 * place) & 0x3F] for place in range(count))


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()
