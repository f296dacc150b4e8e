"""The HTTP of an RTSP tunnel, sans-io: its media type, and the head of an answer."""

from __future__ import annotations

import re
from dataclasses import dataclass

from devices.errors import Garbled

MEDIA_TYPE = "application/x-rtsp-tunnelled"
MAX_HEAD = 32 * 1024
"""Longest head of an answer in bytes."""

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(r"HTTP/1\.[01] +(\d{3})(?: .*)?")


@dataclass(frozen=True)
class HttpHead:
    """Status and headers of an answer; names in lower case, the first value counts."""

    status: int
    headers: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for key, value in self.headers if key == name.lower()]

    def first(self, name: str) -> str:
        """Return the first value of a header; empty without it."""
        return next(iter(self.all(name)), "")

    @property
    def media_type(self) -> str:
        """The Content-Type without parameters, lower case."""
        return self.first("content-type").partition(";")[0].strip().lower()


def parse_head(data: bytes) -> tuple[HttpHead, bytes] | None:
    """Return an HTTP answer's head and what follows it; None when it is not whole yet.

    Raises Garbled for what is no HTTP answer, and for a head of more than ``MAX_HEAD`` bytes.
    """
    found = _HEAD_END.search(data)
    if (found.start() if found else len(data)) > MAX_HEAD:
        raise Garbled(f"an HTTP head of more than {MAX_HEAD} bytes")
    if data[:5] != b"HTTP/"[: len(data)]:
        raise Garbled(f"not an HTTP answer: starts with {data[:16]!r}")
    if found is None:
        return None
    first, *lines = data[: found.start()].decode("latin-1").replace("\r\n", "\n").split("\n")
    status = _STATUS.fullmatch(first.strip())
    if status is None:
        raise Garbled(f"not an HTTP status line: {first[:80]!r}")
    pairs = (line.partition(":") for line in lines)
    headers = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)
    return HttpHead(int(status[1]), headers), data[found.end() :]
