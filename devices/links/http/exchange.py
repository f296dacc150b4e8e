"""One HTTP request and its answer, as an observation that holds no secret."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import InitVar, dataclass
from typing import Any, ClassVar

from devices.errors import Garbled
from devices.observation import Observation

SHOWN = 200
"""Bytes of a body that are kept as evidence, where they may be kept at all."""

ANONYMOUS = "anonymous"
"""The sender that gives no credentials."""

_FRAMED = re.compile(rb"\s{0,8}--[^\r\n]{1,200}\r?\n(?:[^\r\n]{1,400}\r?\n){0,16}\r?\n\xff\xd8\xff")
"""The first part of MJPEG (RFC 2046, 5.1), for servers that give it another name: FFmpeg's does."""

_SECRET_HEADER = re.compile(
    r"authorization|authentication-info|token|csrf|xsrf|session", re.IGNORECASE
)
_JUDGED = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Exchange(Observation):
    """What was asked and what came back.

    ``sender`` is ``anonymous`` or a user name; ``target`` is the request target as it went out.
    ``protection``: ``none`` for plain HTTP, ``authenticated TLS``, or ``TLS`` with the reason why
    the server is not authenticated. Length and SHA-256 are of the body as far as it was read;
    ``truncated`` says that there is more. ``denied``: a 2xx that holds what the device file says
    refusals hold (links.http.refusal). ``body_start`` is kept for refusals and pictures alone:
    what a camera answers successfully may hold somebody's credentials.
    """

    sender: str
    method: str
    target: str
    server: str
    protection: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body_bytes: int
    body_sha256: str
    body_start: bytes
    truncated: bool = False
    seconds: float = 0.0
    denied: bool = False
    body: InitVar[bytes] = b""
    # No field: fields are evidence, and the body is not.
    _body: ClassVar[bytes] = b""
    _told: ClassVar[tuple[tuple[str, str], ...]] = ()

    def __post_init__(self, body: bytes) -> None:
        object.__setattr__(self, "_body", body)

    @property
    def content(self) -> bytes:
        """The body as far as it was read; for use, not for evidence."""
        return self._body

    @property
    def request(self) -> str:
        """The request for people: ``GET https://192.0.2.7/api/users``."""
        return f"{self.method} {self.server}{self.target}"

    @property
    def succeeded(self) -> bool:
        """Whether the status is of the class 2xx, and the body is no refusal."""
        return 200 <= self.status < 300 and not self.denied

    @property
    def media_type(self) -> str:
        """The declared media type, lower case, without parameters."""
        return self.header("Content-Type").partition(";")[0].strip().lower()

    @property
    def picture(self) -> bool:
        """Whether the body is a picture by its first bytes (JPEG or PNG), or a series of them."""
        start = self._body[:4096]
        framed = self.media_type.startswith("multipart/") and b"\xff\xd8\xff" in start
        unnamed = _FRAMED.match(start) is not None
        return start.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n")) or framed or unnamed

    def judged(self, refusal: re.Pattern[bytes] | None) -> Exchange:
        """Itself, ``denied`` where its success holds what is a refusal by the device file."""
        if refusal is not None and self.succeeded and refusal.search(self._body[:_JUDGED]):
            object.__setattr__(self, "denied", True)
            object.__setattr__(self, "body_start", self._body[:SHOWN])
        return self

    def header(self, name: str) -> str:
        """The first header of this name; empty when there is none."""
        return next(iter(self.all_headers(name)), "")

    def all_headers(self, name: str) -> list[str]:
        """Every header of this name."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def told(self, name: str) -> str:
        """The first header of this name as it came, secret or not; for use, not for evidence."""
        return next((value for key, value in self._told if key.lower() == name.lower()), "")

    def json(self) -> Any:
        """The body as JSON; raises Garbled."""
        try:
            return json.loads(self._body)
        except (ValueError, RecursionError) as error:
            raise Garbled(f"{self.request}: the answer is not JSON") from error


def make_exchange(
    *,
    sender: str,
    method: str,
    target: str,
    server: str,
    protection: str,
    status: int,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    truncated: bool,
    seconds: float,
) -> Exchange:
    """An exchange of an answer's parts, with what is secret in the headers masked."""
    told = tuple(headers)
    exchange = Exchange(
        sender=sender,
        method=method,
        target=target,
        server=server,
        protection=protection,
        status=status,
        headers=tuple((name, _masked(name, value)) for name, value in told),
        body_bytes=len(body),
        body_sha256=hashlib.sha256(body).hexdigest(),
        body_start=b"",
        truncated=truncated,
        seconds=round(seconds, 3),
        body=body,
    )
    object.__setattr__(exchange, "_told", told)
    if status >= 300 or exchange.picture:
        object.__setattr__(exchange, "body_start", body[:SHOWN])
    return exchange


def _masked(name: str, value: str) -> str:
    if name.lower() == "set-cookie":
        return re.sub(
            r"^([^=;]*)=([^;]*)", lambda m: f"{m[1]}=[{len(m[2])} characters]", value, count=1
        )
    return f"[{len(value)} characters]" if _SECRET_HEADER.search(name) else value
