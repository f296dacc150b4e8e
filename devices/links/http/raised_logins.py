"""The requests of one login with the words for a higher role in it, taken from another login."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from devices.description import HttpToken
from devices.links.http.client import HttpClient
from devices.links.http.raised import raised


@dataclass(frozen=True)
class Administrator:
    """Whose words are taken.

    ``again`` logs in once more: what differs then is no word of a role. ``passwords`` are nothing
    that anybody could put there.
    """

    client: HttpClient
    again: Callable[[], HttpClient] | None = None
    passwords: Collection[str] = ()


@dataclass(frozen=True)
class RaisedLogin:
    """Header fields to send in the place of a login's own; ``name`` for people."""

    id: str
    name: str
    headers: Mapping[str, str]


def raised_logins(
    client: HttpClient, admin: Administrator, token: HttpToken | None
) -> list[RaisedLogin]:
    """The login of ``client``, changed in the ways that two logins of the administrator give.

    Raises LinkError when the second one fails, which is made where there is anything to change.
    """
    found = list(_raised(client, admin.client, token, admin.passwords))
    if not found or admin.again is None:
        return []
    same = list(_raised(client, admin.again(), token, admin.passwords))
    return [login for login in found if login in same]


def _raised(
    client: HttpClient, admin: HttpClient, token: HttpToken | None, passwords: Collection[str]
) -> Iterator[RaisedLogin]:
    own, higher = client.cookies, admin.cookies
    shared = [name for name in own if name in higher]
    changes = {name: list(raised(own[name], higher[name], passwords)) for name in shared}
    for name, found in changes.items():
        for what, value in found:
            header = _cookie_header(own | {name: value})
            yield RaisedLogin(f"R-{name}", f"{what}, in the cookie {name}", {"Cookie": header})
    every = {name: found[0][1] for name, found in changes.items() if found}
    if len(every) > 1:
        header = _cookie_header(own | every)
        yield RaisedLogin("R-cookies", "another role, in the cookies", {"Cookie": header})
    if token is not None and token.query is None and client.token and admin.token:
        for what, value in raised(client.token, admin.token, passwords):
            fields = {token.header: token.prefix + value}
            yield RaisedLogin("R-token", f"{what}, in the token", fields)


def _cookie_header(cookies: Mapping[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())
