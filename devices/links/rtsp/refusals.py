"""Logins that must not do: a wrong password, another's session, a role that may not watch."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from devices.description import Role, Stream
from devices.errors import DeviceFileError, LinkError, LoginRefused
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.client import RtspClient, endpoint_of, without_userinfo
from devices.links.rtsp.held import HeldSession, held_session
from devices.links.rtsp.setup import TRANSPORTS
from devices.observation import Observation
from devices.protocols.digest import DigestClient

_DESCRIBE = {"Accept": "application/sdp"}
_MODEST_FIRST: tuple[Role, ...] = ("viewer", "operator", "admin")
_UNKNOWN_LOCK = 2
"""Wrong passwords where the device file declares no lock: few accounts close after two."""
_PLENTY = 1000


@dataclass(frozen=True)
class RefusedLogin:
    """One request with a login that must not do, and the right one after it.

    ``kind``: ``wrong password``, ``empty password``, ``name in another case``, ``no login`` (in
    mid-session), ``another connection`` (the session's identifier, without a login), ``low role``.
    ``control`` is how the same request with the right login was answered afterwards, 0 when it
    was not sent.
    """

    name: str
    url: str
    transport: str
    kind: str
    method: str
    status: int
    control: int = 0


@dataclass(frozen=True, kw_only=True)
class RefusedLogins(Observation):
    """Wrong logins on every declared RTSP stream over each declared transport.

    ``account`` (of the device file) is the one that was used; ``wrong`` counts the wrong passwords
    given for it. ``unguarded``: streams that are described without any login, which shows nothing.
    """

    account: str
    wrong: int
    unguarded: tuple[str, ...]
    answers: tuple[RefusedLogin, ...]


def refusals(access: RtspAccess) -> RefusedLogins:
    """Try them; raises NotOffered without a stream, DeviceFileError without an account.

    An account that may be locked (purpose ``lockout``) is taken where there is one. Every wrong
    password is followed by the right one; for other accounts, and where the lock is one of the
    address, they stay two below the declared lock in all.
    """
    streams = access.streams()
    purse = _Purse(access)
    answers: list[RefusedLogin] = []
    problems: list[str] = []
    unguarded = []
    for stream in streams:
        for trial in (_descriptions, _sessions, _low_roles):
            try:
                if trial is _descriptions and _is_unguarded(access, stream):
                    unguarded.append(without_userinfo(stream.url))
                    break
                for found in trial(access, stream, purse):
                    if isinstance(found, str):
                        problems.append(found)
                    else:
                        answers.append(found)
            except LinkError as error:
                problems.append(f"{stream.name}: {error}")
    return RefusedLogins(
        account=purse.account,
        wrong=purse.spent,
        unguarded=tuple(unguarded),
        answers=tuple(answers),
        shortfall="; ".join(dict.fromkeys([*problems, *purse.refused])),
    )


class _Purse:
    """The account that is used, and how many wrong passwords may still be given for it."""

    def __init__(self, access: RtspAccess) -> None:
        self._access = access
        self.account, expendable = _account(access)
        self.spent = 0
        self.refused: list[str] = []
        lock = access.device.declared.lockout
        below = max(0, lock.attempts - 2) if lock else _UNKNOWN_LOCK
        by_account = lock is None or lock.scope == "account"
        self._left = _PLENTY if expendable and by_account else below

    def login(self) -> DigestClient:
        """A fresh right login."""
        return self._access.login_of(self.account)

    def pays(self, what: str) -> bool:
        """Whether one more wrong password may be tried; ``what`` is noted when not."""
        if self._left <= 0:
            self.refused.append(
                f"{what} was not tried, so as not to lock the account {self.account} (an account "
                "with purpose 'lockout' for rtsp may be)"
            )
            return False
        self._left -= 1
        self.spent += 1
        return True

    def close(self) -> None:
        """The account is locked: nothing more is tried with it."""
        self._left = 0


def _account(access: RtspAccess) -> tuple[str, bool]:
    """The account for wrong passwords, and whether it may be locked."""
    for purpose in ("lockout", "test"):
        for role in _MODEST_FIRST:
            for name, account in access.device.accounts.items():
                services = account.services or ["rtsp"]
                wanted = (account.role, account.purpose) == (role, purpose)
                if wanted and account.password is not None and "rtsp" in services:
                    return name, purpose == "lockout"
    raise DeviceFileError("the device file gives no account with a password for rtsp")


def _is_unguarded(access: RtspAccess, stream: Stream) -> bool:
    url = without_userinfo(stream.url)
    with access.connect(endpoint_of(url)) as client:
        return client.request("DESCRIBE", url, _DESCRIBE).ok


def _descriptions(
    access: RtspAccess, stream: Stream, purse: _Purse
) -> Iterator[RefusedLogin | str]:
    """Ask for a description with each wrong login on a connection of its own, then rightly."""
    url = without_userinfo(stream.url)
    right = purse.login()
    wrong = {
        "wrong password": DigestClient(right.username, secrets.token_urlsafe(12)),
        "empty password": DigestClient(right.username, ""),
    }
    if (other_case := right.username.swapcase()) != right.username:
        wrong["name in another case"] = right.altered(username=other_case)
    for kind, login in wrong.items():
        if not purse.pays(f"{stream.name}: {kind} at DESCRIBE"):
            continue
        with access.connect(endpoint_of(url), login=login) as client:
            status = _status(client, url)
            client.login = purse.login()
            control = _status(client, url)
        yield RefusedLogin(stream.name, url, "", kind, "DESCRIBE", status, control)
        if control == 401:
            purse.close()


def _status(client: RtspClient, url: str) -> int:
    try:
        return client.request("DESCRIBE", url, _DESCRIBE).status
    except LoginRefused:
        return 401


def _sessions(access: RtspAccess, stream: Stream, purse: _Purse) -> Iterator[RefusedLogin | str]:
    for transport in dict.fromkeys(stream.transports):
        if transport not in TRANSPORTS:
            yield f"{stream.name}: {transport} is not played here"
            continue
        yield from _session(access, stream, transport, purse)


def _session(
    access: RtspAccess, stream: Stream, transport: str, purse: _Purse
) -> Iterator[RefusedLogin | str]:
    """Set up and play with other logins in between; the right one comes after each."""
    what = f"{stream.name} over {transport}"
    found: list[tuple[str, str, int]] = []  # method, kind, status

    def wrongly(client: RtspClient, track: str, wanted: str) -> None:
        if purse.pays(f"{what}: wrong password at SETUP"):
            login, client.login = client.login, _impostor(client.login)
            status = _once(client, "SETUP", track, {"Transport": wanted})
            found.append(("SETUP", "wrong password", status))
            client.login = login

    url, controls, problem = without_userinfo(stream.url), {"SETUP": 0, "PLAY": 0}, ""
    try:
        with held_session(
            access, stream.url, transport, purse.login(), before_setup=wrongly
        ) as session:
            controls["SETUP"] = 200
            found.append(("PLAY", "no login", _as(session, None)))
            if purse.pays(f"{what}: wrong password at PLAY"):
                status = _as(session, _impostor(session.client.login))
                found.append(("PLAY", "wrong password", status))
            controls["PLAY"] = session.request("PLAY").status
            # The last: a server may end the session with the connection that used it last.
            method, status = _from_elsewhere(access, session)
            found.append((method, "another connection", status))
    except LinkError as error:  # what was answered until then counts
        problem = f"{what}: {error}"
    for method, kind, status in found:
        yield RefusedLogin(
            stream.name, url, transport, kind, method, status, controls.get(method, 0)
        )
    if problem:
        yield problem


def _impostor(login: DigestClient | None) -> DigestClient | None:
    return login.altered(password=secrets.token_urlsafe(12)) if login is not None else None


def _once(client: RtspClient, method: str, url: str, headers: dict[str, str]) -> int:
    """Send one request as the client's login is, without answering a challenge."""
    return client.exchange(client.prepared(method, url, headers)).status


def _as(session: HeldSession, login: DigestClient | None) -> int:
    """Play with another login, or without one, on the session's own connection."""
    own, session.client.login = session.client.login, login
    try:
        headers = {"Session": session.identifier}
        return _once(session.client, "PLAY", session.described.aggregate, headers)
    finally:
        session.client.login = own


def _from_elsewhere(access: RtspAccess, session: HeldSession) -> tuple[str, int]:
    """Use a session by nothing but its identifier on another connection; method and status.

    By GET_PARAMETER, where that is taken for this session and not for one that does not exist.
    Else by PLAY: a server that would take it (CVE-2026-41470) could be brought down by it.
    """
    url = session.described.aggregate
    with access.connect(session.client.endpoint) as client:
        made_up, own = (
            _once(client, "GET_PARAMETER", url, {"Session": identifier})
            for identifier in (secrets.token_hex(8), session.identifier)
        )
        if 200 <= own < 300 and not 200 <= made_up < 300:
            return "GET_PARAMETER", own
        return "PLAY", _once(client, "PLAY", url, {"Session": session.identifier})


def _low_roles(access: RtspAccess, stream: Stream, purse: _Purse) -> Iterator[RefusedLogin | str]:
    """Describe a stream as each account whose role may not watch it, by the device file."""
    url = without_userinfo(stream.url)
    del purse  # a right password is none that locks
    for name, account in access.device.accounts.items():
        services = account.services or ["rtsp"]
        if account.password is None or "rtsp" not in services or account.role in stream.roles:
            continue
        with access.connect(endpoint_of(url), login=access.login_of(name)) as client:
            status = _status(client, url)
        yield RefusedLogin(stream.name, url, "", "low role", "DESCRIBE", status)
