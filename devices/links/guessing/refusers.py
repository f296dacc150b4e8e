"""Wrong logins whose refusals are looked at closely: status, fields, text, size and time.

Each keeps one connection where the camera does, so that connecting is no part of the time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Protocol, Self

from devices.errors import LinkError
from devices.links.guessing.media import OnvifSurface, RtspSurface
from devices.links.http.client import HttpClient
from devices.links.http.exchange import Exchange
from devices.links.http.link import HttpLink
from devices.links.onvif.client import Credentials
from devices.links.onvif.link import OnvifLink
from devices.links.onvif.session import OnvifSession
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.client import RtspClient, endpoint_of
from devices.protocols.digest import DigestClient

_STALE = 3
_DESCRIBE = {"Accept": "application/sdp"}


@dataclass(frozen=True)
class Refusal:
    """The answer to a wrong login. ``text``: the body, with what challenges and redirections say.

    ``seconds`` from the request that holds the login to its answer.
    """

    status: int
    fields: tuple[str, ...]
    text: str
    size: int
    seconds: float

    def of_anybody(self, username: str) -> Refusal:
        """The same with ``<user>`` in the place of the name."""
        return replace(self, text=self.text.replace(username, "<user>"))


class Refuser(Protocol):
    """Sends wrong logins one after the other; for one thread. Used in a ``with`` block."""

    def __enter__(self) -> Self:
        """Connect."""

    def __exit__(self, *_: object) -> None:
        """Close."""

    def refuse(self, username: str, password: str) -> Refusal:
        """Send one wrong login. Raises LinkError."""


def _of_exchange(exchange: Exchange) -> Refusal:
    said = [*exchange.all_headers("WWW-Authenticate"), exchange.header("Location")]
    text = "\n".join([*said, exchange.content.decode("utf-8", "replace")])
    fields = tuple(sorted({name.lower() for name, _ in exchange.headers} - {"set-cookie", "date"}))
    return Refusal(exchange.status, fields, text, exchange.body_bytes, exchange.seconds)


class WebRefuser:
    """The web interface's login."""

    def __init__(self, http: HttpLink) -> None:
        self._http = http
        self._client: HttpClient

    def __enter__(self) -> Self:
        self._client = self._http.anonymous()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def refuse(self, username: str, password: str) -> Refusal:
        """Log in as the device file describes."""
        kind, client = self._http.description.authentication, self._client
        if kind == "session":
            values = self._http.login_values(client, username, password)
            return _of_exchange(client.perform(self._http.operation("login"), values))
        if kind == "digest":
            client.use_digest(username, password)
        elif kind == "query":
            client.use_query(username, self._http.query_login(username, password))
        else:
            client.use_basic(username, password)
        return _of_exchange(client.request("GET", self._http.gate().target))


class OnvifRefuser:
    """The operation that an ONVIF surface is asked by."""

    def __init__(self, link: OnvifLink, surface: OnvifSurface) -> None:
        self._link, self._surface = link, surface
        self._session: OnvifSession

    def __enter__(self) -> Self:
        self._session = self._link.session()
        return self

    def __exit__(self, *_: object) -> None:
        self._session.client.close()

    def refuse(self, username: str, password: str) -> Refusal:
        """Call the operation."""
        self._surface.call(self._session, Credentials(username, password))
        exchange = self._session.client.last
        assert exchange is not None  # the call left it
        return _of_exchange(exchange)


class RtspRefuser:
    """DESCRIBE on one connection."""

    def __init__(self, access: RtspAccess, surface: RtspSurface) -> None:
        self._access, self._url = access, surface.url
        self._client: RtspClient

    def __enter__(self) -> Self:
        self._client = self._access.connect(endpoint_of(self._url))
        try:
            self._client.request("DESCRIBE", self._url, _DESCRIBE)
        except LinkError:
            self._client.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def refuse(self, username: str, password: str) -> Refusal:
        """Answer the last challenge; again where the camera only says that it was stale."""
        client = self._client
        for _ in range(_STALE):
            login = DigestClient(username, password)
            login.challenged(client.challenges, allow_basic=True)
            client.login = login
            request = client.prepared("DESCRIBE", self._url, _DESCRIBE)
            client.login = None
            began = time.perf_counter()
            answer = client.exchange(request)
            seconds = time.perf_counter() - began
            if not any(challenge.stale for challenge in client.challenges):
                break
        fields = {name.lower() for name, _ in answer.headers} - {"date", "cseq"}
        said = [*answer.all("WWW-Authenticate"), answer.body.decode("utf-8", "replace")]
        text = "\n".join([answer.reason, *said])
        return Refusal(
            answer.status, tuple(sorted(fields)), text, len(answer.body), round(seconds, 6)
        )
