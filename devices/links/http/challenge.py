"""Logins of two steps, as the device file describes them: a challenge, and a hash in answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from devices.description import Computed, HttpChallenge
from devices.errors import Garbled
from devices.links.http.exchange import Exchange
from devices.links.http.places import field_of

if TYPE_CHECKING:
    from devices.links.http.client import HttpClient

MAX_ROUNDS = 100_000
_SOFIA = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def answered(
    client: HttpClient, challenge: HttpChallenge, values: Mapping[str, str]
) -> dict[str, str]:
    """The values with what the camera's challenge says and what is worked out from it.

    Raises LinkError; Garbled when the answer holds no challenge.
    """
    answer = client.perform(challenge.call, values)
    known = told(challenge, answer, client.cookies)
    client.values |= known
    return computed(challenge, {**values, **known})


def told(
    challenge: HttpChallenge, answer: Exchange, cookies: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What the camera's answer says, by placeholder. Raises Garbled when something is missing."""
    found: dict[str, str] = {}
    for name, place in challenge.fields.items():
        value = field_of(answer, place, cookies or {})
        if value is None:
            raise Garbled(f"{answer.request}: the challenge holds no {place!r}")
        found[name] = value
    return found


def computed(challenge: HttpChallenge, values: Mapping[str, str]) -> dict[str, str]:
    """The values, and those that are worked out from them in order. Raises Garbled."""
    known = dict(values)
    for each in challenge.computed:
        known[each.name] = _hashed(each, known)
    return known


def _hashed(each: Computed, values: Mapping[str, str]) -> str:
    text = _filled(each.of, values).encode()
    rounds = _filled(each.rounds, values)
    if not re.fullmatch(r"\d{1,6}", rounds) or not 1 <= int(rounds) <= MAX_ROUNDS:
        raise Garbled(f"the challenge asks for {rounds[:20]!r} rounds of {each.hash}")
    digest = _once(each, text, values)
    for _ in range(int(rounds) - 1):
        digest = _once(each, digest.hex().encode(), values)
    if each.form == "base64":
        return base64.b64encode(digest).decode("ascii")
    if each.form == "sofia":  # pairs of bytes, added up and written in 62 characters
        pairs = zip(digest[::2], digest[1::2], strict=False)
        return "".join(_SOFIA[(one + other) % 62] for one, other in pairs)[:8]
    return digest.hex().upper() if each.form == "HEX" else digest.hex()


def _once(each: Computed, text: bytes, values: Mapping[str, str]) -> bytes:
    if each.key is not None:
        return hmac.new(_filled(each.key, values).encode(), text, each.hash).digest()
    return hashlib.new(each.hash, text, usedforsecurity=False).digest()


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], m[0]), text)
