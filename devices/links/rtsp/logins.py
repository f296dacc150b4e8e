"""Tries logins on RTSP: published passwords, guessing, a recorded login sent again."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass

from devices.errors import LinkError, LoginRefused, NotOffered
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.client import RtspClient, endpoint_of, without_userinfo
from devices.links.rtsp.observations import (
    GuessingAnswer,
    LoginAttempt,
    LoginAttempts,
    ReplayedLogin,
)
from devices.protocols.digest import DigestClient
from devices.protocols.rtsp import Request

_DESCRIBE = {"Accept": "application/sdp"}


@dataclass(frozen=True)
class PublishedPair:
    """A published user name and password; ``label`` says where it was published."""

    label: str
    username: str
    password: str


def _stream_url(access: RtspAccess) -> str:
    return without_userinfo(access.streams()[0].url)


def _status(access: RtspAccess, url: str, login: DigestClient) -> int:
    """Return how DESCRIBE with this login is answered; raises LinkError when it is not."""
    with access.connect(endpoint_of(url), login=login) as client:
        try:
            return client.request("DESCRIBE", url, _DESCRIBE).status
        except LoginRefused:
            return 401


def takes(access: RtspAccess, username: str, password: str) -> int:
    """The status of one DESCRIBE of the first declared stream with this login. Raises LinkError."""
    return _status(access, _stream_url(access), DigestClient(username, password))


def _attempt(access: RtspAccess, url: str, pair: PublishedPair) -> LoginAttempt:
    began = time.monotonic()
    status = _status(access, url, DigestClient(pair.username, pair.password))
    return LoginAttempt(pair.label, pair.username, status, round(time.monotonic() - began, 3))


def try_published(access: RtspAccess, pairs: Iterable[PublishedPair]) -> LoginAttempts:
    """Try published pairs, each once.

    Each try is followed by a right login, of the account of that name where the device file has
    one, so that tries do not add up to a lockout; when it is refused, the tries end there. A
    made-up pair goes first: where it is accepted, the others show nothing.
    """
    url = _stream_url(access)
    made_up = PublishedPair("made up", f"x{secrets.token_hex(6)}", secrets.token_urlsafe(9))
    attempts: list[LoginAttempt] = []
    shortfall = ""
    for pair in (made_up, *pairs):
        try:
            attempts.append(_attempt(access, url, pair))
            if _closed_by(access, url, pair):
                shortfall = f"the login is closed after {pair.label}; the tries ended there"
                break
        except LinkError as error:
            shortfall = f"{pair.label}: {error}"
            break
    return LoginAttempts(
        url=url,
        made_up_accepted=bool(attempts) and attempts[0].status == 200,
        attempts=tuple(attempts[1:]),
        shortfall=shortfall,
    )


def _closed_by(access: RtspAccess, url: str, pair: PublishedPair) -> bool:
    """Log in as the account of that name, else as the test's own; whether it is refused."""
    account = access.account_of(pair.username)
    login = access.login_of(account) if account is not None else access.login()
    return login is not None and _status(access, url, login) == 401


def guess(access: RtspAccess, account: str, attempts: int) -> GuessingAnswer:
    """Log in, try ``attempts`` wrong passwords, log in again; the account may end up locked."""
    url = _stream_url(access)
    username = access.device.accounts[account].username
    before = _status(access, url, access.login_of(account))
    entry = access.journal.begin("lock", username, "rtsp", seconds=access.lock_seconds)
    wrong: list[LoginAttempt] = []
    began = time.monotonic()
    shortfall = ""
    try:
        for number in range(1, attempts + 1):
            pair = PublishedPair(f"wrong password {number}", username, secrets.token_urlsafe(9))
            wrong.append(_attempt(access, url, pair))
    except LinkError as error:  # a camera may defend itself by not answering any more
        shortfall = f"after {len(wrong)} wrong passwords: {error}"
    seconds = round(time.monotonic() - began, 3)
    try:
        after = _status(access, url, access.login_of(account))
    except LinkError as error:
        after, shortfall = 0, shortfall or f"after the wrong passwords: {error}"
    if after == 200:
        access.journal.end(entry, "the right password logs in")
    return GuessingAnswer(
        url=url,
        username=username,
        before=before,
        wrong=tuple(wrong),
        after=after,
        seconds=seconds,
        shortfall=shortfall if after == 200 else "",
    )


def replay(access: RtspAccess) -> ReplayedLogin:
    """Log in, then send the very same request again: on a new connection, and on the same one.

    Raises NotOffered when the camera asked for no login, LoginRefused when it did not take it.
    """
    url = _stream_url(access)
    endpoint = endpoint_of(url)
    with access.connect(endpoint, login=access.login()) as client:
        original = client.request("DESCRIBE", url, _DESCRIBE)
        recorded = client.sent
        authorization = recorded.get("Authorization") if recorded else ""
        if recorded is None or not authorization:
            raise NotOffered(f"{url} is described without a login: there is none to replay")
        with access.connect(endpoint) as other:
            elsewhere = other.exchange(recorded).status
        same = _again(client, recorded)
    return ReplayedLogin(
        url=url,
        scheme=authorization.partition(" ")[0].lower(),
        original=original.status,
        elsewhere=elsewhere,
        same=same,
    )


def _again(client: RtspClient, recorded: Request) -> int:
    try:
        return client.exchange(recorded).status
    except LinkError:
        return 0
