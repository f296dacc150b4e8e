"""Whether a page of another site can act with the session of somebody who visits it (CSRF).

A browser sends a form to any site, with that site's cookies. Another method it sends only where
the site allows that beforehand (the preflight of Fetch, 4.8), so a camera which obeys a DELETE and
allows no such thing is not ridden by it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from devices.links.http.client import Call, HttpClient, filled
from devices.links.http.exchange import Exchange
from devices.links.http.link import HttpLink

_ORIGIN = "https://elsewhere.example"
_FORM_METHODS = {"GET", "POST"}
_FORM_KINDS = {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
"""What a form of any page may send to any site."""


@dataclass(frozen=True)
class CrossSite:
    """What came of a log-out in the name of a page of another site.

    ``ended``: it was carried out; None where it could not be asked. ``unsendable``: why no such
    page can send it.
    """

    ended: bool | None = None
    unsendable: str = ""
    exchanges: tuple[Exchange, ...] = ()


def by_another_site(link: HttpLink, account: str) -> CrossSite:
    """Log out as a page of another site would: the cookie goes along, the token does not.

    With the header fields and the kinds of body that a form can send, so that a camera which
    insists on another kind is protected (Fetch, "CORS-safelisted"). A method that no form sends is
    sent where the camera allows it to the other site, and not otherwise. Raises LinkError.
    """
    if not link.offers("logout"):
        return CrossSite()
    client, stranger = link.account(account), link.anonymous()
    try:
        unknown = {name: secrets.token_hex(16) for name in client.values}  # to the other site
        call = filled(link.operation("logout"), unknown)
        exchanges: list[Exchange] = []
        if call.method not in _FORM_METHODS:
            exchanges.append(_preflight(stranger, call))
            if not _allows(exchanges[0], call.method):
                why = f"{call.method} {call.target} is sent by no form, and by no foreign script"
                return CrossSite(unsendable=why, exchanges=tuple(exchanges))
        kept = {"Cookie": cookie_header(client.cookies)}
        foreign = {"Origin": _ORIGIN, "Referer": f"{_ORIGIN}/"}
        headers = {**_as_a_form(call), **kept, **foreign}
        exchanges.append(
            stranger.request(call.method, call.target, headers=headers, body=call.body)
        )
        exchanges.append(client.request("GET", link.gate().target, headers=kept))
        alive = link.gate().opened_by(exchanges[-1])
        return CrossSite(ended=not alive, exchanges=tuple(exchanges))
    finally:
        stranger.close()
        link.leave(client)


def _preflight(stranger: HttpClient, call: Call) -> Exchange:
    asks = {"Origin": _ORIGIN, "Access-Control-Request-Method": call.method}
    return stranger.request("OPTIONS", call.target, headers=asks)


def _allows(answer: Exchange, method: str) -> bool:
    """Whether the other site may send this with the camera's cookies: no ``*`` counts then."""
    methods = {m.strip().upper() for m in answer.header("Access-Control-Allow-Methods").split(",")}
    return (
        200 <= answer.status < 300
        and answer.header("Access-Control-Allow-Origin").strip() == _ORIGIN
        and answer.header("Access-Control-Allow-Credentials").strip() == "true"
        and method in methods
    )


def _as_a_form(call: Call) -> dict[str, str]:
    """The header fields with which a form of another site would send this."""
    given = {name.lower(): value for name, value in call.headers.items()}
    kind = given.get("content-type", "").partition(";")[0].strip().lower()
    if not kind:
        return {}
    return {"Content-Type": kind if kind in _FORM_KINDS else "text/plain"}


def cookie_header(cookies: Mapping[str, str]) -> str:
    """The value of a Cookie field with these."""
    return "; ".join(f"{name}={value}" for name, value in cookies.items())
