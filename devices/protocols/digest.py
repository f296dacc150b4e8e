"""Digest authentication as HTTP, ONVIF and RTSP share it (RFC 7616, RFC 2617, RFC 2069).

Sans-io, both sides. A client hands the challenges of a 401 to :class:`DigestClient` and gets an
``Authorization`` value. A server keeps one :class:`DigestServer` for as long as its nonces shall
be valid.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from devices.errors import Garbled, NotOffered
from devices.protocols.challenge import Challenge, basic, parse_basic, parse_challenges

__all__ = [
    "HASHES",
    "Challenge",
    "Checked",
    "DigestClient",
    "DigestServer",
    "basic",
    "best_digest",
    "digest_response",
    "parse_basic",
    "parse_challenges",
]

HASHES: Mapping[str, str] = {"SHA-256": "sha256", "SHA-512-256": "sha512_256", "MD5": "md5"}
"""Digest algorithm names (RFC 7616, 6.1; each also as ``-sess``) and hashlib's, strongest first."""


def digest_response(
    *,
    algorithm: str,
    username: str,
    realm: str,
    password: str,
    nonce: str,
    method: str,
    uri: str,
    qop: str = "",
    nc: str = "",
    cnonce: str = "",
    body: bytes = b"",
) -> str:
    """Compute the ``response`` parameter (RFC 7616, 3.4.1); raises NotOffered for an unknown hash.

    ``qop`` empty gives the RFC 2069 form; ``nc`` is eight hexadecimal digits.
    """
    name = HASHES.get(algorithm.upper().removesuffix("-SESS"))
    if name is None:
        raise NotOffered(f"unknown digest algorithm {algorithm!r}")

    def hashed(*parts: str) -> str:
        return hashlib.new(name, ":".join(parts).encode()).hexdigest()

    first = hashed(username, realm, password)
    if algorithm.upper().endswith("-SESS"):
        first = hashed(first, nonce, cnonce)
    second: tuple[str, ...] = (method, uri)
    if qop == "auth-int":
        second = (method, uri, hashlib.new(name, body).hexdigest())
    if qop:
        return hashed(first, nonce, nc, cnonce, qop, hashed(*second))
    return hashed(first, nonce, hashed(*second))


def best_digest(challenges: Sequence[Challenge]) -> Challenge | None:
    """Return the Digest challenge with the strongest algorithm that this module knows."""
    known = list(HASHES)
    usable = [
        c
        for c in challenges
        if c.scheme == "digest" and c.nonce and c.algorithm.removesuffix("-SESS") in HASHES
    ]
    return min(usable, key=lambda c: known.index(c.algorithm.removesuffix("-SESS")), default=None)


class DigestClient:
    """The client's side of one account: remembers the challenge and counts nonce uses."""

    def __init__(self, username: str, password: str) -> None:
        self.username = username
        self._password = password
        self._challenge: Challenge | None = None
        self._basic = False
        self._count = 0
        self.proved = False
        """Set by who sends the requests once this login was accepted."""

    @property
    def challenge(self) -> Challenge | None:
        """The Digest challenge in use."""
        return self._challenge

    def altered(
        self,
        *,
        username: str | None = None,
        password: str | None = None,
        count: int | None = None,
    ) -> DigestClient:
        """Another login that goes on where this one is: same challenge, same count of the nonce.

        ``count``: how often the nonce has been used, as far as the other login is to know.
        """
        other = DigestClient(
            self.username if username is None else username,
            self._password if password is None else password,
        )
        other._challenge, other._basic = self._challenge, self._basic
        other._count = self._count if count is None else count
        return other

    def asked_again(self, challenges: Sequence[Challenge]) -> bool:
        """Whether a 401 asks for the same login with another nonce, rather than refuses it.

        It says so by ``stale``. Many cameras do not, and take each nonce once: a login that was
        accepted before and is now given another nonce is asked again as well.
        """
        digests = [c for c in challenges if c.scheme == "digest"]
        if any(c.stale for c in digests):
            return True
        used = self._challenge.nonce if self._challenge is not None else ""
        return self.proved and bool(digests) and all(c.nonce != used for c in digests)

    def challenged(self, challenges: Sequence[Challenge], *, allow_basic: bool = False) -> bool:
        """Take up the challenges of a 401 answer; False when none of them can be answered.

        Basic is used only with ``allow_basic`` and when no Digest challenge can be.
        """
        best = best_digest(challenges)
        self._basic = best is None and allow_basic and any(c.scheme == "basic" for c in challenges)
        if best is None:
            self._challenge = None
            return self._basic
        if self._challenge is None or best.nonce != self._challenge.nonce:
            self._count = 0
        self._challenge = best
        return True

    def authorization(self, method: str, uri: str, body: bytes = b"") -> str | None:
        """Return the ``Authorization`` value for a request, or None before any challenge."""
        if self._basic:
            return basic(self.username, self._password)
        challenge = self._challenge
        if challenge is None:
            return None
        self._count += 1
        return self._digest(challenge, method, uri, body)

    def _digest(self, challenge: Challenge, method: str, uri: str, body: bytes) -> str:
        qop = next((q for q in ("auth", "auth-int") if q in challenge.qop), "")
        nc = f"{self._count:08x}" if qop else ""
        session = challenge.algorithm.endswith("-SESS")
        cnonce = secrets.token_hex(8) if qop or session else ""
        response = digest_response(
            algorithm=challenge.algorithm,
            username=self.username,
            realm=challenge.realm,
            password=self._password,
            nonce=challenge.nonce,
            method=method,
            uri=uri,
            qop=qop,
            nc=nc,
            cnonce=cnonce,
            body=body,
        )
        fields = {
            "username": self.username,
            "realm": challenge.realm,
            "nonce": challenge.nonce,
            "uri": uri,
            "response": response,
        }
        bare = {"qop": qop, "nc": nc}
        if "algorithm" in challenge.parameters:
            bare["algorithm"] = challenge.parameters["algorithm"]
        if "opaque" in challenge.parameters:
            fields["opaque"] = challenge.parameters["opaque"]
        if cnonce:
            fields["cnonce"] = cnonce
        quoted = [f'{name}="{_escaped(text)}"' for name, text in fields.items()]
        return "Digest " + ", ".join(quoted + [f"{n}={t}" for n, t in bare.items() if t])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


@dataclass(frozen=True)
class Checked:
    """What a server found in an ``Authorization`` value.

    ``accepted``: the account's password was proved, freshly. ``stale``: it was proved with a
    nonce that is no longer (or never was) valid, or with a nonce count already used.
    """

    username: str = ""
    accepted: bool = False
    stale: bool = False


class DigestServer:
    """The server's side: issues nonces, and accepts each nonce count once.

    A server whose connections are sessions (RTSP) keeps one per connection, so that a recorded
    login is worthless on another; an HTTP server keeps one for all. ``algorithms`` are offered
    in that order. A nonce is stale ``lifetime`` seconds of ``clock`` after it was issued.
    ``fixed_nonce`` is the flaw of one nonce for ever, ``counting`` false that of taking a count
    again.
    """

    MAX_NONCES = 4096

    def __init__(
        self,
        realm: str,
        algorithms: Sequence[str] = ("SHA-256", "MD5"),
        *,
        fixed_nonce: str = "",
        counting: bool = True,
        lifetime: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.realm = realm
        self.algorithms = tuple(algorithms)
        self._fixed = fixed_nonce
        self._counting = counting
        self._lifetime = lifetime
        self._clock = clock
        self._counts: dict[str, int] = {}
        self._issued: dict[str, float] = {}

    def challenges(self, *, stale: bool = False) -> list[str]:
        """Return fresh ``WWW-Authenticate`` values, one per algorithm, all with one nonce."""
        nonce = self._fixed or secrets.token_urlsafe(24)
        self._counts[nonce], self._issued[nonce] = 0, self._clock()
        while len(self._counts) > self.MAX_NONCES:
            oldest = next(iter(self._counts))
            del self._counts[oldest], self._issued[oldest]
        tail = ", stale=true" if stale else ""
        return [
            f'Digest realm="{_escaped(self.realm)}", nonce="{nonce}", qop="auth", '
            f"algorithm={algorithm}{tail}"
            for algorithm in self.algorithms
        ]

    def check(
        self,
        value: str,
        method: str,
        uri: str,
        password_of: Callable[[str], str | None],
        *,
        body: bytes = b"",
    ) -> Checked:
        """Check an ``Authorization`` value for this request; raises Garbled when it is none.

        ``password_of`` gives the account's password, None for an unknown account.
        """
        parsed = parse_challenges([value])[0]
        if parsed.scheme != "digest":
            raise Garbled(f"not Digest authentication: {parsed.scheme}")
        given = parsed.parameters
        username = given.get("username", "")
        password = password_of(username)
        if not self._proved(parsed, method, uri, password, body):
            return Checked(username)
        fresh = self._fresh(given.get("nonce", ""), given.get("nc", ""))
        return Checked(username, accepted=fresh, stale=not fresh)

    def _proved(
        self, given: Challenge, method: str, uri: str, password: str | None, body: bytes
    ) -> bool:
        parameters = given.parameters
        target = parameters.get("uri", "")
        if given.algorithm not in self.algorithms or not _same_resource(target, uri):
            return False
        expected = digest_response(
            algorithm=given.algorithm,
            username=parameters.get("username", ""),
            realm=self.realm,
            password=password if password is not None else secrets.token_hex(16),
            nonce=given.nonce,
            method=method,
            uri=target,
            qop=parameters.get("qop", ""),
            nc=parameters.get("nc", ""),
            cnonce=parameters.get("cnonce", ""),
            body=body,
        )
        same = hmac.compare_digest(expected.encode(), parameters.get("response", "").encode())
        return same and password is not None

    def _fresh(self, nonce: str, nc: str) -> bool:
        if nonce == self._fixed and nonce:
            return True
        if nonce not in self._counts:
            return False
        if self._lifetime is not None and self._clock() - self._issued[nonce] > self._lifetime:
            return False
        if not self._counting:
            return True
        if not nc:  # RFC 2069 client: nothing to count, the nonce's own life is the limit
            return True
        if not re.fullmatch(r"[0-9a-fA-F]{8}", nc) or int(nc, 16) <= self._counts[nonce]:
            return False
        self._counts[nonce] = int(nc, 16)
        return True


def _same_resource(given: str, requested: str) -> bool:
    """Whether a digest uri stands for the requested one: itself, its path, or its aggregate."""
    path, wanted = _path(given), _path(requested)
    return given == requested or path == wanted or (len(path) > 1 and wanted.startswith(path + "/"))


def _path(uri: str) -> str:
    _, scheme, rest = uri.partition("://")
    return "/" + rest.partition("/")[2].rstrip("/") if scheme else "/" + uri.strip("/")
