"""The addresses of recordings in whatever a camera lists them in: JSON, HTML, XML, plain text."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

from devices.links.http.exchange import Exchange
from devices.links.web_media.addresses import shown

MAX_CLIPS = 64
MAX_DEPTH = 16

_EXTENSION = r"\.(?:mp4|m4s|mov|avi|mkv|ts|mpg|mpeg|asf|flv|dav|ps|h26[45]|26[45])"
_IN_TEXT = re.compile(
    rf"""[^\s"'<>()=,]{{1,500}}{_EXTENSION}(?:\?[^\s"'<>]*)?(?=[\s"'<>,)]|$)""", re.IGNORECASE
)
_LINKED = re.compile(r"""\b(?:href|src)\s*=\s*["']?([^\s"'<>]{1,1000})""", re.IGNORECASE)
_KEY = re.compile(r"url|uri|href|path|link|file|download|src", re.IGNORECASE)


def clip_addresses(answer: Exchange) -> list[str]:
    """Addresses of recordings, as written and each once; none in an answer that lists none."""
    text = answer.content.decode("utf-8", "replace")
    try:
        found = list(_in_json(json.loads(text), "", 0))
    except (ValueError, RecursionError):
        linked = [match for match in _LINKED.findall(text) if _IN_TEXT.fullmatch(match)]
        found = linked or [match[0] for match in _IN_TEXT.finditer(text)]
        found = [html.unescape(address) for address in found]
    return list(dict.fromkeys(found))[:MAX_CLIPS]


def clip_paths(answer: Exchange) -> list[str]:
    """The same without query, tokens masked: to tell lists apart, and for evidence."""
    return [shown(address.partition("?")[0]) for address in clip_addresses(answer)]


def _in_json(value: Any, key: str, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        return
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _in_json(item, name, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _in_json(item, key, depth + 1)
    elif isinstance(value, str) and len(value) < 2048 and not re.search(r"\s", value):
        named = _KEY.search(key) and value.startswith(("/", "http://", "https://"))
        if named or _IN_TEXT.fullmatch(value):
            yield value
