"""Looks for secrets where none may be: addresses, logs, page source, exports, error pages.

The secrets are real ones of this run. What is kept is where one was found and how it was written,
never the secret.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

from devices.description import HttpLink
from devices.errors import LinkError, NotOffered
from devices.links.http.client import HttpClient
from devices.links.http.exchange import Exchange
from devices.links.http.link import HttpLink as Link
from devices.links.http.operations import front_pages, linked_paths
from devices.links.http.pages import impossible_neighbour, same_page
from devices.observation import Observation
from devices.protocols.archives import unpacked

SHORTEST = 8
"""A shorter secret, or one of fewer than three kinds of character, may stand anywhere by chance."""
_LIMIT = 2 * 1024 * 1024
_PAGES = 12
_SECONDS = 8.0
_TEXT = ("text/", "application/json", "application/xml", "application/javascript")
_USERINFO = re.compile(rb"\b[a-z]{3,6}://[^\s/\"'<>@:]{1,64}:[^\s/\"'<>@]{1,128}@")


@dataclass(frozen=True)
class Sought:
    """One secret. ``what`` names it for people; ``kind`` is ``password`` or ``token``."""

    what: str
    kind: str
    value: str = field(repr=False)
    username: str = ""

    @property
    def telling(self) -> bool:
        """Whether finding it cannot be chance."""
        kinds = (r"[a-z]", r"[A-Z]", r"\d", r"[^a-zA-Z\d]")
        several = sum(re.search(kind, self.value) is not None for kind in kinds)
        return len(self.value) >= SHORTEST and (several >= 3 or len(self.value) >= 2 * SHORTEST)


@dataclass(frozen=True)
class Place:
    """One document that was searched.

    ``kind``: ``address``, ``log``, ``page``, ``export``, ``error page``, ``cookie``, ``answer``.
    ``found``: which secret, and how it was written. ``logins`` counts addresses with a user part,
    whatever stands there.
    """

    name: str
    kind: str
    length: int
    found: tuple[str, ...] = ()
    logins: int = 0


@dataclass(frozen=True, kw_only=True)
class LeakSearch(Observation):
    """Where secrets were looked for. ``sought`` names them, ``left_out`` those too short to tell.

    ``in_urls``: what of the described interface puts a password or a token into an address.
    """

    places: tuple[Place, ...]
    sought: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    in_urls: tuple[str, ...] = ()


def searched(name: str, kind: str, data: bytes, sought: Sequence[Sought]) -> Place:
    """Look for secrets in some bytes, in the ways that programs write them."""
    found = tuple(
        f"{secret.what} ({form})"
        for secret in sought
        for form, written in _forms(secret).items()
        if written in data
    )
    return Place(name, kind, len(data), found, len(_USERINFO.findall(data)))


def _forms(secret: Sought) -> Mapping[str, bytes]:
    raw = secret.value.encode(errors="surrogateescape")
    found = {
        "in clear": raw,
        "percent-encoded": quote(secret.value, safe="").encode(),
        "form-encoded": quote_plus(secret.value).encode(),
        "reversed": raw[::-1],
        "in hex": raw.hex().encode(),
        "in upper-case hex": raw.hex().upper().encode(),
    }
    found |= {f"in Base64, {n}": text for n, text in enumerate(_inside_base64(raw))}
    if secret.kind == "password":
        for name in ("md5", "sha1", "sha256"):
            digest = hashlib.new(name, raw, usedforsecurity=False).hexdigest()
            found[f"its unsalted {name}"] = digest.encode()
            found[f"its unsalted {name}, upper case"] = digest.upper().encode()
    kept: dict[bytes, str] = {}
    for form, written in found.items():
        kept.setdefault(written, form)
    return {form: written for written, form in kept.items()}


def _inside_base64(raw: bytes) -> Iterator[bytes]:
    """What of the Base64 of any text around it does not depend on that text, for each offset."""
    for offset in range(3):
        text = base64.b64encode(bytes(offset) + raw)
        start = -(-offset * 8 // 6)
        end = (offset + len(raw)) * 8 // 6
        yield text[start:end]


class Search:
    """Goes through the web interface with a user whose secrets are new and long."""

    def __init__(self, link: Link, sought: Sequence[Sought]) -> None:
        self._link = link
        self.sought = [secret for secret in sought if secret.telling]
        self.left_out = tuple(secret.what for secret in sought if not secret.telling)
        self.places: list[Place] = []
        self.missing: list[str] = []

    def look(self, name: str, kind: str, data: bytes) -> None:
        """Search one document."""
        self.places.append(searched(name, kind, data, self.sought))

    def answer(self, answer: Exchange, kind: str) -> None:
        """Search an answer's body, what is packed in it, and the address that it leads to."""
        for name, data in unpacked(answer.content, answer.request):
            self.look(name, kind, data)
        for name in ("Location", "Content-Location", "Refresh", "Link"):
            for value in answer.all_headers(name):
                self.look(f"{name} of {answer.request}", "address", value.encode())

    def pages(self, client: HttpClient) -> None:
        """The front page, what it leads and refers to, and an error page, as a logged-in user."""
        try:
            fronts = front_pages(client, self._link.server)
            for page in fronts:
                self.answer(page, "page")
            front = fronts[-1]
            if not front.succeeded or not front.body_bytes:
                self.missing.append(f"no page: {front.request} is answered {front.status}")
            for path in linked_paths(front, self._link.server)[:_PAGES]:
                self.answer(client.request("GET", path, limit=_LIMIT), "page")
            missing = impossible_neighbour(self._link.gate().target)
            self.answer(client.request("GET", missing, limit=_LIMIT), "error page")
        except LinkError as error:
            self.missing.append(str(error))

    def administrators(self, client: HttpClient, targets: Sequence[tuple[str, str]]) -> None:
        """Documents that an administrator may read: (kind, path)."""
        for kind, target in targets:
            try:
                answer = client.request("GET", target, limit=_LIMIT, seconds=_SECONDS)
            except LinkError as error:
                self.missing.append(f"{target}: {error}")
                continue
            if answer.media_type.startswith(_TEXT) or kind != "answer":
                self.answer(answer, kind)
            if kind != "answer" and (why := self._is_none(client, answer)):
                self.missing.append(f"{kind}: {answer.request} {why}")

    def _is_none(self, client: HttpClient, answer: Exchange) -> str:
        """Why an answer is not the whole document that was asked for; empty when it may be."""
        if not answer.succeeded:
            return f"is answered {answer.status}"
        if answer.truncated:
            return f"gives more than the {answer.body_bytes} bytes that were read"
        beside = client.request("GET", impossible_neighbour(answer.target), limit=_LIMIT)
        if beside.succeeded and same_page(answer, beside):
            return "gives what a made-up path gives too"
        return ""

    def login(self, answer: Exchange, cookies: Mapping[str, str]) -> None:
        """What a login gives: the session's token belongs there, a password nowhere."""
        sought = [secret for secret in self.sought if secret.kind == "password"]
        name = f"the answer to {answer.request}"
        self.places.append(searched(name, "answer", answer.content, sought))
        for cookie, value in cookies.items():
            name = f"the cookie {cookie}"
            self.places.append(searched(name, "cookie", value.encode(), sought))
        for header in ("Location", "Content-Location", "Refresh"):
            for value in answer.all_headers(header):
                self.look(f"{header} of the login's answer", "address", value.encode())

    def result(self) -> LeakSearch:
        """What came of it."""
        return LeakSearch(
            places=tuple(self.places),
            sought=tuple(secret.what for secret in self.sought),
            left_out=self.left_out,
            in_urls=secrets_in_addresses(self._link.description),
            shortfall="; ".join(self.missing[:5]),
        )


def secrets_in_addresses(description: HttpLink) -> tuple[str, ...]:
    """What of the described interface puts a password or a session's token into an address."""
    found = [
        f"the operation {name}"
        for name, operation in description.operations.items()
        if re.search(r"\{(new_)?password\}", operation.path)
    ]
    if any("{password}" in text for text in description.query.values()):
        found.append("every request")
    if description.token is not None and description.token.query is not None:
        found.append("every request of a session (its token)")
    return tuple(found)


def operation_target(link: Link, name: str) -> str:
    """The path of a described operation with GET; empty when there is none."""
    try:
        operation = link.operation(name)
    except NotOffered:
        return ""
    return operation.path if operation.method == "GET" else ""
