"""Challenges of HTTP authentication (RFC 9110, 11) and the Basic scheme (RFC 7617)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from devices.errors import Garbled

MAX_HEADER = 8192
"""Longest authentication header that is looked at, in characters."""

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(
    rf'[\s,]*({_WORD})\s*=(?!=)\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))', re.DOTALL
)
_SCHEME = re.compile(rf"[\s,]*({_WORD})(?:\s+|,|$)")
_TOKEN68 = re.compile(r"[0-9A-Za-z._~+/-]+=*(?=\s*(?:,|$))")


@dataclass(frozen=True)
class Challenge:
    """One challenge of a ``WWW-Authenticate`` header; parameter names are lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def realm(self) -> str:
        """The protection realm."""
        return self.parameters.get("realm", "")

    @property
    def nonce(self) -> str:
        """The server's nonce."""
        return self.parameters.get("nonce", "")

    @property
    def algorithm(self) -> str:
        """Digest algorithm in upper case; MD5 when the server names none (RFC 7616, 3.3)."""
        return self.parameters.get("algorithm", "MD5").upper() or "MD5"

    @property
    def qop(self) -> tuple[str, ...]:
        """Qualities of protection offered; empty from an RFC 2069 server."""
        return tuple(self.parameters.get("qop", "").replace(",", " ").lower().split())

    @property
    def stale(self) -> bool:
        """Whether the password was right and only the nonce too old."""
        return self.parameters.get("stale", "").lower() == "true"


def parse_challenges(values: Iterable[str]) -> list[Challenge]:
    """Parse every challenge of all ``WWW-Authenticate`` header values (RFC 9110, 11.6.1).

    Several challenges may share one value. What is not grammar is stepped over up to the next
    comma, as clients in the field do. Raises Garbled when a value holds no challenge at all.
    """
    challenges: list[Challenge] = []
    for value in values:
        found = _challenges_of(_as_utf8(value[:MAX_HEADER]))
        if not found:
            raise Garbled(f"not an authentication challenge: {value[:80]!r}")
        challenges.extend(found)
    return challenges


def _as_utf8(value: str) -> str:
    """HTTP clients read headers as Latin-1; what is UTF-8 then is that (RFC 7616, charset)."""
    try:
        return value.encode("latin-1").decode()
    except ValueError:
        return value


def _challenges_of(value: str) -> list[Challenge]:
    found: list[tuple[str, dict[str, str]]] = []
    position = 0
    while position < len(value):
        if found and (parameter := _PARAMETER.match(value, position)):
            name, quoted, plain = parameter.groups()
            text = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
            found[-1][1].setdefault(name.lower(), text)
            position = parameter.end()
        elif scheme := _SCHEME.match(value, position):
            found.append((scheme[1].lower(), {}))
            position = scheme.end()
            if token68 := _TOKEN68.match(value, position):
                position = token68.end()
        else:
            comma = value.find(",", position + 1)
            position = comma if comma > 0 else len(value)
    return [Challenge(scheme, parameters) for scheme, parameters in found]


def basic(username: str, password: str) -> str:
    """Return the ``Authorization`` value of Basic authentication (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")


def parse_basic(value: str) -> tuple[str, str]:
    """Return user name and password of a Basic ``Authorization`` value; raises Garbled."""
    scheme, _, token = value.partition(" ")
    if scheme.lower() != "basic":
        raise Garbled("not Basic authentication")
    try:
        text = base64.b64decode(token.strip(), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise Garbled("the Basic credentials are not base64 of UTF-8") from error
    username, colon, password = text.partition(":")
    if not colon:
        raise Garbled("the Basic credentials hold no colon")
    return username, password
