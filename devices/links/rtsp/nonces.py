"""How long a digest nonce is good, where, and whether its uses are counted (RFC 7616)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from devices.errors import LinkError, LoginRefused, NotOffered
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.client import RtspClient, endpoint_of, without_userinfo
from devices.observation import Observation
from devices.protocols.digest import DigestClient
from devices.protocols.rtsp import Request

_DESCRIBE = {"Accept": "application/sdp"}
_FAR_AHEAD = 16
"""Counts ahead of what was used: a count that nothing else has taken."""

PassTime = Callable[[float], AbstractContextManager[None]]
"""Makes so many seconds pass for the camera, for the time of a context."""


@dataclass(frozen=True, kw_only=True)
class NonceAge(Observation):
    """A nonce used again on a new connection after ``seconds``, with a count never used.

    ``by``: ``clock`` (the bench moved the camera's clock), ``waiting``. ``control`` is the status
    of a fresh login at that time.
    """

    seconds: float
    by: str
    status: int
    control: int


@dataclass(frozen=True, kw_only=True)
class NonceUse(Observation):
    """One nonce used in several ways; statuses, 0 where it was not tried or not answered.

    ``scheme`` (digest, basic) and ``qop`` are those of the challenge. ``first`` use, ``second``
    with the next count. ``repeated``: the last accepted request once more, byte for byte;
    ``lower``: a new request with a count already used (only with ``qop``); both on the connection
    that the nonce was given on. ``elsewhere``: a new request with a count never used, on a new
    connection. ``age`` is None where it was not measured.
    """

    url: str
    scheme: str
    qop: tuple[str, ...]
    first: int
    second: int = 0
    repeated: int = 0
    lower: int = 0
    elsewhere: int = 0
    age: NonceAge | None = None


def nonce_use(access: RtspAccess, *, wait: float = 0) -> NonceUse:
    """Use one nonce in every way; where it is good on new connections, again after ``wait``.

    No wait when that is 0. Raises NotOffered when no login is asked for, LoginRefused when the
    right one is not taken.
    """
    url = without_userinfo(access.streams()[0].url)
    login = access.login()
    with access.connect(endpoint_of(url), login=login) as client:
        first = client.request("DESCRIBE", url, _DESCRIBE).status
        if login is None or client.sent is None or not client.sent.get("Authorization"):
            raise NotOffered(f"{url} is described without a login")
        challenge = login.challenge
        if challenge is None:
            return NonceUse(url=url, scheme="basic", qop=(), first=first)
        used = login.altered()
        counted = any(quality in challenge.qop for quality in ("auth", "auth-int"))
        recorded = client.sent
        second = client.prepared("DESCRIBE", url, _DESCRIBE)
        taken_again = _answer(client, second)
        repeated = _answer(client, second if taken_again == 200 else recorded)
        _rightly(client, url)
        lower = 0
        if counted:
            own, client.login = client.login, used.altered(count=0)
            lower = _answer(client, client.prepared("DESCRIBE", url, _DESCRIBE))
            client.login = own
            _rightly(client, url)
    elsewhere = _on_new_connection(access, url, used.altered(count=_FAR_AHEAD))
    return NonceUse(
        url=url,
        scheme="digest",
        qop=challenge.qop,
        first=first,
        second=taken_again,
        repeated=repeated,
        lower=lower,
        elsewhere=elsewhere,
        age=nonce_age(access, wait, _really) if wait and elsewhere == 200 else None,
    )


def nonce_age(
    access: RtspAccess, seconds: float, pass_time: PassTime, *, by: str = "waiting"
) -> NonceAge:
    """Take a nonce, let time pass, and use it on a new connection; then log in afresh."""
    url = without_userinfo(access.streams()[0].url)
    login = access.login()
    if login is None:
        raise NotOffered("the device file gives no account for rtsp")
    with access.connect(endpoint_of(url), login=login) as client:
        client.request("DESCRIBE", url, _DESCRIBE)
    with pass_time(seconds):
        status = _on_new_connection(access, url, login.altered(count=_FAR_AHEAD))
        with access.connect(endpoint_of(url), login=access.login()) as client:
            control = _rightly(client, url)
    return NonceAge(seconds=seconds, by=by, status=status, control=control)


@contextmanager
def _really(seconds: float) -> Iterator[None]:
    threading.Event().wait(seconds)
    yield


def _answer(client: RtspClient, request: Request) -> int:
    try:
        return client.exchange(request).status
    except LinkError:
        return 0


def _rightly(client: RtspClient, url: str) -> int:
    """Log in rightly, so that refusals do not add up to a lock."""
    try:
        return client.request("DESCRIBE", url, _DESCRIBE).status
    except LoginRefused:
        return 401
    except LinkError:
        return 0


def _on_new_connection(access: RtspAccess, url: str, login: DigestClient) -> int:
    with access.connect(endpoint_of(url), login=login) as client:
        status = _answer(client, client.prepared("DESCRIBE", url, _DESCRIBE))
        client.login = access.login()
        _rightly(client, url)
    return status
