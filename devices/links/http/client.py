"""Somebody who asks a camera's web interface: anonymous, or logged in one way or another."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

from devices.description import HttpToken, Operation
from devices.errors import Garbled
from devices.links.http.cookies import cookie_facts
from devices.links.http.exchange import ANONYMOUS, Exchange
from devices.links.http.places import field_of
from devices.links.http.server import Server
from devices.links.http.transport import ANSWER_SECONDS, MAX_BODY, Transport
from devices.protocols.digest import Challenge, DigestClient, basic, parse_challenges

_STALE_RETRIES = 2
_QUOTES = {'"': "&quot;", "'": "&apos;"}


class HttpClient:
    """One sender with its own cookies. Anonymous until told otherwise; for one thread."""

    def __init__(
        self,
        transport: Transport,
        sender: str = ANONYMOUS,
        refusal: re.Pattern[bytes] | None = None,
    ) -> None:
        self._transport = transport
        self._refusal = refusal
        self.sender = sender
        self.values: dict[str, str] = {}  # placeholders that the camera has filled for this client
        self._query: dict[str, str] = {}
        self._digest: DigestClient | None = None
        self._headers: dict[str, str] = {}
        self.token = ""
        self.set_by: dict[str, Exchange] = {}
        """Cookies by name: the answer that set each one last."""

    def use_digest(self, username: str, password: str) -> None:
        """Answer Digest challenges (RFC 7616) from now on."""
        self.sender = username
        self._digest = DigestClient(username, password)

    def use_basic(self, username: str, password: str) -> None:
        """Send Basic credentials (RFC 7617) from now on."""
        self.sender = username
        self._headers["Authorization"] = basic(username, password)

    def use_fields(self, sender: str, fields: Mapping[str, str]) -> None:
        """Send these header fields with every request from now on, in the name of ``sender``."""
        self.sender = sender
        self.use_headers(fields)

    def use_headers(self, headers: Mapping[str, str]) -> None:
        """Send these header fields too from now on."""
        self._headers |= headers

    def use_token(self, exchange: Exchange, token: HttpToken) -> bool:
        """Send the token of a login answer from now on; False when the answer holds none."""
        try:
            value = field_of(exchange, token.json_field, self.cookies)
        except Garbled:
            return False
        if not value or not value.isprintable():
            return False
        if token.query is not None:
            self._query[token.query] = value
        else:
            self._headers[token.header] = token.prefix + value
        self.token = value
        return True

    def use_query(self, sender: str, parameters: Mapping[str, str]) -> None:
        """Send these parameters in the address of every request from now on."""
        self.sender = sender
        self._query |= parameters

    def addressed(self, target: str) -> str:
        """A target with the parameters that carry the login; as given where there are none."""
        if not self._query:
            return target
        return f"{target}{'&' if '?' in target else '?'}{urlencode(self._query)}"

    @property
    def server(self) -> Server:
        """Whom it asks."""
        return self._transport.server

    @property
    def cookies(self) -> dict[str, str]:
        """Names and values of the cookies that the server has set."""
        return {cookie.name: cookie.value or "" for cookie in self._transport.cookies}

    def login_fields(self) -> dict[str, str]:
        """The header fields that carry the login in every request, cookies included; no Digest."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return self._headers | ({"Cookie": cookies} if cookies else {})

    def forget(self) -> None:
        """Be nobody again, on the same connection."""
        self._transport.cookies.clear()
        self._headers.clear()
        self._query.clear()
        self.values.clear()
        self._digest, self.token, self.sender = None, "", ANONYMOUS

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def request(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        limit: int = MAX_BODY,
        seconds: float = ANSWER_SECONDS,
    ) -> Exchange:
        """Send one request, answering a Digest challenge if this client can. Raises LinkError."""
        send = partial(
            self._send, method, target, headers=headers, body=body, limit=limit, seconds=seconds
        )
        exchange = send()
        for _ in range(_STALE_RETRIES):
            if self._digest is None or exchange.status != 401:
                break
            first = self._digest.challenge is None
            challenges = _challenges(exchange)
            again = first or self._digest.asked_again(challenges)
            if not again or not self._digest.challenged(challenges):
                break
            exchange = send()
        if self._digest is not None and exchange.succeeded:
            self._digest.proved = True
        return exchange

    def perform(self, operation: Operation, values: Mapping[str, str] | None = None) -> Exchange:
        """Call a named operation of the device file with its placeholders filled in."""
        call = filled(operation, self.values | dict(values or {}))
        return self.request(call.method, call.target, headers=call.headers, body=call.body)

    def _send(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None,
        body: bytes,
        limit: int,
        seconds: float,
    ) -> Exchange:
        every = self._headers | dict(headers or {})
        if self._digest is not None:
            authorization = self._digest.authorization(method, self.addressed(target), body)
            if authorization is not None:
                every["Authorization"] = authorization
        exchange = self._transport.exchange(
            method,
            self.addressed(target),
            sender=self.sender,
            headers=every,
            body=body,
            limit=limit,
            seconds=seconds,
            shown=target,
        )
        self.set_by |= {cookie.name: exchange for cookie in cookie_facts(exchange)}
        return exchange.judged(self._refusal)


@dataclass(frozen=True)
class Call:
    """An operation ready to be sent."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


def filled(operation: Operation, values: Mapping[str, str]) -> Call:
    """Fill an operation's ``{placeholders}``; in the path they are percent-encoded."""
    escaped = {name: quote(value, safe="") for name, value in values.items()}
    target = _replaced(operation.path, escaped)
    fixed = _replaced(operation.headers, values)
    if operation.json_body is not None:
        body = json.dumps(_replaced(operation.json_body, values)).encode()
        return Call(operation.method, target, {"Content-Type": "application/json"} | fixed, body)
    if operation.form is not None:
        body = urlencode(_replaced(operation.form, values)).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return Call(operation.method, target, kind | fixed, body)
    if operation.text is not None:
        text = _replaced(operation.text, {k: escape(v, _QUOTES) for k, v in values.items()})
        kind = {"Content-Type": "application/xml" if text.lstrip()[:1] == "<" else "text/plain"}
        return Call(operation.method, target, kind | fixed, text.encode())
    return Call(operation.method, target, fixed, b"")


def completed(texts: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Texts with their ``{placeholders}`` filled in."""
    return {name: str(_replaced(text, values)) for name, text in texts.items()}


def _replaced(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, values) for item in value]
    if isinstance(value, str):  # in one pass: a value may itself look like a placeholder
        return re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], m[0]), value)
    return value


def _challenges(exchange: Exchange) -> list[Challenge]:
    try:
        return parse_challenges(exchange.all_headers("WWW-Authenticate"))
    except Garbled:
        return []
