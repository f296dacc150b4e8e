"""What a camera says about itself, from whatever source, in one form.

ONVIF names the fields (Core, GetDeviceInformation); web interfaces each have names of their own,
in JSON or XML, nested or flat. The names in use are data (``reported.toml``).
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from devices.errors import Garbled

MAX_BYTES = 1024 * 1024
_MAX_LEAVES = 10_000


@dataclass(frozen=True)
class ReportedInformation:
    """One source's words; a field is empty when the source does not tell."""

    source: str
    manufacturer: str = ""
    model: str = ""
    hardware: str = ""
    serial: str = ""
    firmware: str = ""
    mac: str = ""


def parse_reported(data: bytes, source: str) -> ReportedInformation:
    """Read a JSON or XML answer, taking for each field the value under its clearest name.

    The order is that of the table; of one name's values the first counts. Raises Garbled when the
    answer is neither, or holds no known name.
    """
    found: dict[str, tuple[int, str]] = {}
    for name, value in _leaves(data, source):
        field, rank = _field(name)
        if field and value.strip() and (field not in found or rank < found[field][0]):
            found[field] = rank, value.strip()
    if not found:
        raise Garbled(f"{source}: the answer names neither manufacturer, model nor serial number")
    return ReportedInformation(source=source, **{field: text for field, (_, text) in found.items()})


def normal_mac(text: str) -> str:
    """A hardware address as twelve upper-case hexadecimal digits; empty when it is none."""
    digits = re.sub(r"[^0-9A-Fa-f]", "", text).upper()
    return digits if len(digits) == 12 else ""


@cache
def _names() -> dict[str, tuple[str, int]]:
    """Name -> the field that it is for, and its rank among the names of that field."""
    data = tomllib.loads(Path(__file__).with_name("reported.toml").read_text(encoding="utf-8"))
    return {
        alias: (field, rank)
        for field, aliases in data["names"].items()
        for rank, alias in enumerate(aliases)
    }


def _field(name: str) -> tuple[str, int]:
    return _names().get(re.sub(r"[^a-z]", "", name.lower()), ("", 0))


def _leaves(data: bytes, source: str) -> Iterator[tuple[str, str]]:
    if len(data) > MAX_BYTES:
        raise Garbled(f"{source}: {len(data)} bytes are more than such an answer may have")
    text = data.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith((b"{", b"[")):
        yield from _json_leaves(text, source)
    elif text.startswith(b"<"):
        yield from _xml_leaves(text, source)
    else:
        raise Garbled(f"{source}: the answer is neither JSON nor XML")


def _json_leaves(text: bytes, source: str) -> Iterator[tuple[str, str]]:
    try:
        waiting: list[tuple[str, Any]] = [("", json.loads(text))]
    except (ValueError, RecursionError) as error:
        raise Garbled(f"{source}: the answer is not JSON") from error
    for _ in range(_MAX_LEAVES):
        if not waiting:
            return
        name, value = waiting.pop(0)
        if isinstance(value, dict):
            waiting.extend((str(key), inner) for key, inner in value.items())
        elif isinstance(value, list):
            waiting.extend((name, inner) for inner in value)
        elif isinstance(value, str | int) and not isinstance(value, bool):
            yield name, str(value)


def _xml_leaves(text: bytes, source: str) -> Iterator[tuple[str, str]]:
    try:
        root: Element = fromstring(text)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise Garbled(f"{source}: the answer is not XML that is safe to read") from error
    for element in root.iter():
        if len(element) == 0 and element.text and isinstance(element.tag, str):
            yield element.tag.rpartition("}")[2], element.text
