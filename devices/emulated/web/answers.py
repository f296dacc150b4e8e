"""Answers and requests of the JSON API: refusals, bodies, and the headers that all answers bear."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from aiohttp import web

MAX_JSON = 64 * 1024
"""Longest JSON body that is read, in bytes."""

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Refusal(Exception):
    """A request that is answered with ``status`` and a sentence for the user."""

    def __init__(self, status: int, message: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.headers = tuple(headers)

    def response(self) -> web.Response:
        """The answer itself."""
        response = web.json_response({"error": str(self)}, status=self.status)
        for name, value in self.headers:
            response.headers.add(name, value)
        return response


async def json_object(request: web.Request) -> dict[str, Any]:
    """The request's JSON object; raises Refusal.

    Demanding the media type keeps HTML forms of other sites out: a browser asks first (CORS)
    before it sends ``application/json`` across sites.
    """
    if request.content_type != "application/json":
        raise Refusal(415, "the body must be application/json")
    body = await bounded_body(request, MAX_JSON)
    try:
        value = json.loads(body)
    except ValueError as error:
        raise Refusal(400, "the body is not JSON") from error
    except RecursionError as error:
        raise Refusal(400, "the body is nested too deeply") from error
    if not isinstance(value, dict):
        raise Refusal(400, "the body must be a JSON object")
    return value


def text_field(value: dict[str, Any], name: str) -> str:
    """A text of a JSON object; raises Refusal."""
    text = value.get(name)
    if not isinstance(text, str) or not text:
        raise Refusal(400, f"{name} must be a text")
    return text


async def bounded_body(request: web.Request, limit: int) -> bytes:
    """The body up to ``limit`` bytes; raises Refusal when it is longer."""
    data = bytearray()
    async for chunk in request.content.iter_chunked(65536):
        data += chunk
        if len(data) > limit:
            raise Refusal(413, f"the body is longer than {limit} bytes")
    return bytes(data)
