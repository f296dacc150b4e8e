"""Logins that say what their user may do, changed to say that it may do more.

A role in a cookie, or in a token whose signature nobody looks at, is whatever the client says. The
words for the higher role are taken from a login that has it. Only words that anybody could guess
are put in the place of others (a name, a small number, a yes or no): an identifier of a session, or
a password, would be that login itself.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

_WORD = re.compile(r"[A-Za-z]?[a-z_-]{0,15}|[A-Z_-]{1,16}|\d{1,3}")
_OF_THE_SESSION = {"iat", "exp", "nbf", "jti", "sid", "nonce", "auth_time"}
_LONGEST = 8192
_DEEPEST = 6
NO_SIGNATURE = "a token with another role and no signature (alg none)"
OLD_SIGNATURE = "a token with another role under its old signature"


def raised(own: str, higher: str, secret: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """What to send in the place of ``own``, each with what that is, for people.

    Nothing where there is no role in it. ``secret``: passwords, which nobody could guess.
    """
    if own == higher or max(len(own), len(higher)) > _LONGEST:
        return
    tokens = _token(own), _token(higher)
    if tokens[0] is not None and tokens[1] is not None:
        yield from _forged(own, tokens[0], tokens[1], secret)
        return
    if _guessable(own, secret) and _guessable(higher, secret):
        yield "another role, in clear", higher
        return
    for form, (read, write) in _FORMS.items():
        one, other = read(own), read(higher)
        if one is not None and other is not None and (changed := _mixed(one, other, secret)) != one:
            yield f"another role, {form}", write(changed)
            return


def _forged(
    own: str, one: tuple[Any, Any], other: tuple[Any, Any], secret: Collection[str]
) -> Iterator[tuple[str, str]]:
    head, claims = one
    changed = _mixed(claims, other[1], secret)
    if changed == claims:
        return
    first, _, signature = own.split(".")
    body = _base64url(changed)
    yield OLD_SIGNATURE, f"{first}.{body}.{signature}"
    yield NO_SIGNATURE, f"{_base64url({**head, 'alg': 'none'})}.{body}."


def _mixed(own: Any, higher: Any, secret: Collection[str], depth: int = 0) -> Any:
    """``own`` with those words of ``higher`` that anybody could guess."""
    if depth > _DEEPEST:
        return own
    if isinstance(own, dict) and isinstance(higher, dict):
        return {
            name: _mixed(value, higher[name], secret, depth + 1)
            if name in higher and name not in _OF_THE_SESSION
            else value
            for name, value in own.items()
        }
    if isinstance(own, list) and isinstance(higher, list):
        plain = all(_guessable(value, secret) for value in (*own, *higher))
        return higher if plain else own
    return higher if _guessable(own, secret) and _guessable(higher, secret) else own


def _guessable(value: Any, secret: Collection[str]) -> bool:
    if isinstance(value, bool):
        return True
    text = str(value) if isinstance(value, int | str) else ""
    return bool(text) and text not in secret and _WORD.fullmatch(text) is not None


def _token(text: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Head and claims of a JSON Web Token (RFC 7519); None for anything else."""
    parts = text.split(".")
    if len(parts) != 3:
        return None
    head, claims = (_from_base64(part) for part in parts[:2])
    return (head, claims) if isinstance(head, dict) and isinstance(claims, dict) else None


def _from_base64(text: str) -> Any:
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        data = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return _from_json(data.decode("utf-8", "replace"))


def _from_json(text: str) -> Any:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _from_pairs(text: str) -> Any:
    """``user=ana&level=1``, or the same with other signs between."""
    if not re.fullmatch(r"[\w-]+=[^=]*(?:[&|,;:][\w-]+=[^=]*)+", text):
        return None
    return dict(enumerate(re.split(r"([&|,;:=])", text)))


def _base64url(value: Any) -> str:
    return base64.urlsafe_b64encode(_compact(value).encode()).decode().rstrip("=")


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


_FORMS: Mapping[str, Any] = {
    "in JSON": (_from_json, _compact),
    "in encoded JSON": (lambda text: _from_json(unquote(text)), lambda v: quote(_compact(v))),
    "in Base64": (
        _from_base64,
        lambda value: base64.b64encode(_compact(value).encode()).decode(),
    ),
    "in fields": (_from_pairs, lambda value: "".join(map(str, value.values()))),
}
