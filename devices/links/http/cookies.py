"""Cookies that a web interface sets, by their attributes (RFC 6265)."""

from __future__ import annotations

from dataclasses import dataclass

from devices.links.http.exchange import Exchange
from devices.observation import Observation


@dataclass(frozen=True, kw_only=True)
class CookieFacts(Observation):
    """One cookie that a login sets, by its attributes (RFC 6265)."""

    name: str
    secure: bool
    http_only: bool
    same_site: str


def cookie_facts(answer: Exchange) -> list[CookieFacts]:
    """The attributes of every cookie that an answer sets."""
    found: list[CookieFacts] = []
    for value in answer.all_headers("Set-Cookie"):
        pair, *attributes = (part.strip() for part in value.split(";"))
        named = {
            key.strip().lower(): text for key, _, text in (a.partition("=") for a in attributes)
        }
        found.append(
            CookieFacts(
                name=pair.partition("=")[0].strip(),
                secure="secure" in named,
                http_only="httponly" in named,
                same_site=named.get("samesite", "").strip().lower(),
            )
        )
    return found
