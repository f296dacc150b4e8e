"""WS-UsernameToken: which tokens a camera takes that it should not (UsernameToken Profile 1.0).

Every token holds the right password; only its creation time or its nonce is wrong. A fresh right
login goes between any two, so that refusals do not add up to a lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from devices.errors import LoginRefused
from devices.links.onvif import requests
from devices.links.onvif.client import Credentials
from devices.links.onvif.observations import Outcome
from devices.links.onvif.session import OnvifSession
from devices.observation import Observation
from devices.protocols.wsse import UsernameToken, digest_token, password_digest, text_token


@dataclass(frozen=True)
class TokenTry:
    """One token: ``what`` is wrong with it, and how it was answered."""

    what: str
    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class OnvifTokens(Observation):
    """``scheme`` is what the camera takes logins by; without tokens there are no ``tries``.

    ``between`` are the fresh logins that went between them; ``offset_seconds`` the camera's clock
    against the bench's.
    """

    scheme: str
    tries: tuple[TokenTry, ...]
    between: tuple[Outcome, ...]
    window_seconds: float
    offset_seconds: float


def try_tokens(session: OnvifSession, window_seconds: float) -> OnvifTokens:
    """Try tokens dated ``window_seconds`` and a minute off, used twice, and without their parts.

    Raises LoginRefused when even a fresh login is not taken, NotOffered when nothing tells.
    """
    credentials = session.credentials
    if credentials is None:
        raise LoginRefused("this probe needs an account")
    gate = session.gate()
    target, body = session.path(gate.service), requests.plain(gate.service, gate.operation)
    client = session.client
    tries: list[TokenTry] = []
    between: list[Outcome] = []
    if client.scheme == "UsernameToken":
        for what, token in _tokens(session, credentials, window_seconds):
            reply = client.with_token(target, body, token)
            if what != "fresh":
                tries.append(TokenTry(what, reply.outcome))
            between.append(client.call(target, body, credentials).outcome)
    return OnvifTokens(
        scheme=client.scheme or "",
        tries=tuple(tries),
        between=tuple(between),
        window_seconds=window_seconds,
        offset_seconds=client.offset.total_seconds(),
    )


def _tokens(
    session: OnvifSession, known: Credentials, window_seconds: float
) -> Iterator[tuple[str, UsernameToken]]:
    """Fresh ones are sent first where the second use is what counts."""
    off = timedelta(seconds=window_seconds + 60)
    client, name, password = session.client, known.username, known.password
    once = client.fresh_token(known)
    yield "fresh", once
    yield "used a second time", once
    minutes = round(off.total_seconds() / 60)
    yield f"dated {minutes} minutes ahead", client.fresh_token(known, -off)
    yield f"dated {minutes} minutes back", client.fresh_token(known, off)
    now = client.camera_time()
    yield "without a nonce", digest_token(name, password, now, b"")
    nonce = once.nonce[::-1]
    bare = password_digest(nonce, "", password)
    yield (
        "without a creation time",
        UsernameToken(name, bare, digested=True, nonce=nonce, created=""),
    )
    nothing = password_digest(b"", "", password)
    yield (
        "without nonce and creation time",
        UsernameToken(name, nothing, digested=True, nonce=b"", created=""),
    )
    yield "with the password in clear (PasswordText)", text_token(name, password)
    dated = text_token(name, password, client.camera_time())
    yield "with the password in clear (PasswordText), a nonce and a date", dated
