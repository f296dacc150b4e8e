"""Logins of two steps, as the device file describes them: a challenge, and a hash in answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from devices.description import Computed, HttpChallenge
from devices.errors import Garbled
from devices.links.http.exchange import Exchange
from devices.protocols import soap

if TYPE_CHECKING:
    from devices.links.http.client import HttpClient

MAX_ROUNDS = 100_000
_LONGEST = 4096
_SOFIA = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def answered(
    client: HttpClient, challenge: HttpChallenge, values: Mapping[str, str]
) -> dict[str, str]:
    """The values with what the camera's challenge says and what is worked out from it.

    Raises LinkError; Garbled when the answer holds no challenge.
    """
    return computed(
        challenge, {**values, **told(challenge, client.perform(challenge.call, values))}
    )


def told(challenge: HttpChallenge, answer: Exchange) -> dict[str, str]:
    """What the camera's answer says, by placeholder. Raises Garbled when something is missing."""
    found: dict[str, str] = {}
    for name, place in challenge.fields.items():
        value = _field(answer, place)
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


def _field(answer: Exchange, place: str) -> str | None:
    kind, colon, name = place.partition(":")
    if colon and kind == "header":
        return answer.header(name) or None
    if answer.content.lstrip()[:1] == b"<":
        return _element(answer.content, place)
    value: Any = answer.json()
    for part in place.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value) if len(str(value)) <= _LONGEST else None


def _element(content: bytes, name: str) -> str | None:
    """The text of the first element of this local name."""
    root = soap.element_tree(content)
    found = next((node for node in root.iter() if soap.local(node) == name), None)
    text = (found.text or "").strip() if found is not None else ""
    return text if 0 < len(text) <= _LONGEST else None


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
