"""Parts of an answer that goes on for ever (multipart/x-mixed-replace), sans-io.

Written for what cameras send, not for what RFC 2046 says: boundaries declared with or without
their leading dashes, line ends without carriage return, wrong or missing lengths.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message

MAX_HEAD = 8 * 1024
"""Bytes of a part's header fields; a longer head is no head."""

_BLANK = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True)
class Part:
    """One part; names of ``headers`` are in lower case."""

    headers: dict[str, str]
    body: bytes = field(repr=False)


def boundary_of(content_type: str) -> str:
    """The boundary of a Content-Type, without quotes and leading dashes; empty when none."""
    message = Message()
    message["Content-Type"] = content_type.replace("\r", " ").replace("\n", " ")
    value = message.get_param("boundary", "")
    return value.strip().lstrip("-") if isinstance(value, str) else ""


def parts(data: bytes, boundary: str) -> Iterator[Part]:
    """The whole parts in ``data``; ``boundary`` as boundary_of() gives it.

    The last part counts when its length is stated, or when another boundary follows.
    """
    if not boundary:
        return
    token = re.escape(boundary.encode("latin-1", "replace"))
    mark = re.compile(rb"(?:\A|\r?\n|(?<=\xd9))-{0,4}" + token + rb"(?:--)?[ \t]*\r?\n")
    at = mark.search(data)
    while at is not None:
        head = _BLANK.search(data, at.end() - 1, at.end() + MAX_HEAD)
        if head is None:
            at = mark.search(data, at.end())
            continue
        headers = _fields(data[at.end() : head.start()])
        after = mark.search(data, head.end())
        length = _length(headers)
        whole = length is not None and head.end() + length <= len(data)
        if whole and length is not None and _ends_there(data, head.end() + length, mark):
            after = mark.search(data, max(head.end(), head.end() + length - 2))
            yield Part(headers, data[head.end() : head.end() + length])
        elif after is not None:
            yield Part(headers, data[head.end() : after.start()])
        at = after


def _ends_there(data: bytes, end: int, mark: re.Pattern[bytes]) -> bool:
    """Whether a part of the stated length is followed by a boundary, or by nothing yet."""
    rest = data[end : end + 512]
    return len(rest) < 80 or mark.search(b"\n" + rest) is not None


def _fields(head: bytes) -> dict[str, str]:
    pairs = (line.decode("latin-1").partition(":") for line in head.splitlines())
    return {name.strip().lower(): value.strip() for name, _, value in pairs if value}


def _length(headers: dict[str, str]) -> int | None:
    value = headers.get("content-length", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None
