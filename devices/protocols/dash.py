"""DASH manifests (ISO/IEC 23009-1): the addresses of one video representation, sans-io."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from devices.errors import Garbled

MAX_BYTES = 1024 * 1024

_PLACEHOLDER = re.compile(r"\$(RepresentationID|Number|Time|Bandwidth|)(?:%0(\d{1,2})d)?\$")
_LIVE_MARGIN = 2  # segments behind the newest that the clock says is there


@dataclass(frozen=True)
class Manifest:
    """Addresses as written but for BaseURLs: the initialisation section, and one segment.

    Empty where the representation has none. ``codecs`` is the attribute of that name.
    ``by_clock``: the number of the segment was reckoned by the time of day.
    """

    initialisation: str
    segment: str
    codecs: str = ""
    by_clock: bool = False


def parse_manifest(data: bytes, now: float) -> Manifest:
    """Read a manifest at Unix time ``now`` (s); raises Garbled when it is none or has no video."""
    if len(data) > MAX_BYTES:
        raise Garbled(f"a DASH manifest of more than {MAX_BYTES} bytes")
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise Garbled(f"not a DASH manifest: {error}") from error
    if _name(root) != "MPD":
        raise Garbled(f"not a DASH manifest: its root is {_name(root)}")
    for above in _representations(root):
        try:
            return _manifest(above, now)
        except ValueError as error:  # of urljoin
            raise Garbled(f"a DASH manifest with an address that is none: {error}") from error
    raise Garbled("a DASH manifest without a video representation")


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _children(element: Any, name: str) -> Iterator[Any]:
    return (child for child in element if _name(child) == name)


def _representations(root: Any) -> Iterator[list[Any]]:
    """Video representations, each with what is above it: MPD, Period, set, representation."""
    for period in _children(root, "Period"):
        for group in _children(period, "AdaptationSet"):
            for representation in _children(group, "Representation"):
                kinds = [
                    element.get(key, "")
                    for element in (group, representation)
                    for key in ("mimeType", "contentType")
                ]
                told = [kind for kind in kinds if kind]
                if not told or any(kind.startswith("video") for kind in told):
                    yield [root, period, group, representation]


def _manifest(above: list[Any], now: float) -> Manifest:
    representation = above[-1]
    base = ""
    for element in above:
        base = urljoin(
            base, next((b.text or "" for b in _children(element, "BaseURL")), "").strip()
        )
    codecs = representation.get("codecs") or above[-2].get("codecs", "")
    for element in reversed(above[1:]):
        for template in _children(element, "SegmentTemplate"):
            return _templated(template, above, base, codecs, now)
        for listed in _children(element, "SegmentList"):
            head = next((i.get("sourceURL", "") for i in _children(listed, "Initialization")), "")
            urls = [u.get("media", "") for u in _children(listed, "SegmentURL")]
            return Manifest(_under(base, head), _under(base, urls[-1] if urls else ""), codecs)
    return Manifest("", base, codecs)  # one file for each representation


def _under(base: str, address: str) -> str:
    return urljoin(base, address) if address else ""


def _templated(template: Any, above: list[Any], base: str, codecs: str, now: float) -> Manifest:
    representation = above[-1]
    first = _whole(template.get("startNumber"), 1)
    scale = max(1, _whole(template.get("timescale"), 1))
    time, count = _timeline(template, first)
    by_clock = count is None and above[0].get("type") == "dynamic"
    if count is None:
        length = _whole(template.get("duration"), 0)
        count = first + _elapsed(above[0], now, length / scale)
    values = {
        "RepresentationID": representation.get("id", ""),
        "Bandwidth": representation.get("bandwidth", ""),
        "Number": count,
        "Time": time,
        "": "$",
    }
    initialisation = _filled(template.get("initialization", ""), values)
    media = _filled(template.get("media", ""), values)
    return Manifest(_under(base, initialisation), _under(base, media), codecs, by_clock)


def _filled(text: str, values: dict[str, Any]) -> str:
    def value(match: re.Match[str]) -> str:
        found = values[match[1]]
        return str(found).zfill(int(match[2])) if match[2] else str(found)

    return _PLACEHOLDER.sub(value, text)


def _timeline(template: Any, first: int) -> tuple[int, int | None]:
    """Time and number of the last segment of a SegmentTimeline; no number when there is none."""
    time, number = 0, None
    for timeline in _children(template, "SegmentTimeline"):
        after, count = 0, 0
        for entry in _children(timeline, "S"):
            repeats = max(0, _whole(entry.get("r"), 0))
            duration = _whole(entry.get("d"), 0)
            begin = _whole(entry.get("t"), after)
            time = begin + repeats * duration
            after, count = time + duration, count + repeats + 1
        number = first + count - 1 if count else None
    return time, number


def _elapsed(root: Any, now: float, seconds: float) -> int:
    """How many segments of a live presentation are over, less a margin; 0 for a recorded one."""
    if root.get("type") != "dynamic" or seconds <= 0:
        return 0
    try:
        start = datetime.fromisoformat(root.get("availabilityStartTime", ""))
        over = (now - start.timestamp()) / seconds
    except (ValueError, OverflowError):
        return 0
    return max(0, int(min(over, 1e15)) - _LIVE_MARGIN)


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and re.fullmatch(r"-?[0-9]{1,15}", text) else default
