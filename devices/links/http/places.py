"""Where an answer says something: in its JSON, its XML, a header, a cookie, a field of a form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

from devices.links.http.exchange import Exchange
from devices.protocols import soap

LONGEST = 4096
_SEARCHED = 512 * 1024
_TAGS = re.compile(rb"<(?:input|meta)\b[^<>]{1,2000}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([\w:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")


def field_of(answer: Exchange, place: str, cookies: Mapping[str, str]) -> str | None:
    """What stands at ``place`` of an answer; None where there is nothing. Raises Garbled.

    ``place``: a path in its JSON (``data.token``; a number takes an element of a list), the local
    name of an element where it is XML, ``header:NAME``, ``cookie:NAME`` of the cookies held, or
    ``input:NAME`` of a hidden field (or meta element) of an HTML page.
    """
    kind, colon, name = place.partition(":")
    if colon and kind == "header":
        return answer.told(name) or None
    if colon and kind == "cookie":
        return cookies.get(name) or None
    if colon and kind == "input":
        return _form_field(answer.content[:_SEARCHED], name)
    if answer.content.lstrip()[:1] == b"<":
        return _element(answer.content, place)
    return _member(answer.json(), place)


def _member(value: Any, path: str) -> str | None:
    for part in path.split("."):
        if isinstance(value, list) and re.fullmatch(r"\d{1,3}", part):
            value = value[int(part)] if int(part) < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value) if len(str(value)) <= LONGEST else None


def _element(content: bytes, name: str) -> str | None:
    """The text of the first element of this local name."""
    root = soap.element_tree(content)
    found = next((node for node in root.iter() if soap.local(node) == name), None)
    text = (found.text or "").strip() if found is not None else ""
    return text if 0 < len(text) <= LONGEST else None


def _form_field(page: bytes, name: str) -> str | None:
    for tag in _TAGS.findall(page):
        text = tag.decode("utf-8", "replace")
        given = {m[1].lower(): m[2] or m[3] or m[4] or "" for m in _ATTRIBUTE.finditer(text)}
        if name in (given.get("name"), given.get("id")):
            value = unescape(given.get("value") or given.get("content") or "")
            return value if 0 < len(value) <= LONGEST else None
    return None
