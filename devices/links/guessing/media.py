"""The ways to log in over ONVIF and RTSP."""

from __future__ import annotations

import time
from collections.abc import Mapping

from devices.errors import LoginRefused, NotOffered
from devices.links.guessing.surfaces import ONVIF, ONVIF_DIGEST, RTSP, Try
from devices.links.onvif import requests
from devices.links.onvif.client import Credentials, Reply
from devices.links.onvif.link import OnvifLink
from devices.links.onvif.observations import Outcome
from devices.links.onvif.session import OnvifGate, OnvifSession
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.client import endpoint_of, without_userinfo
from devices.protocols.digest import DigestClient, parse_challenges

_DESCRIBE = {"Accept": "application/sdp"}


class OnvifSurface:
    """An ONVIF operation that is refused without login, by one of the two ways to log in."""

    kind = "onvif"

    def __init__(self, link: OnvifLink, *, digest: bool) -> None:
        """Look for the operation, and whether it may be asked so. Raises NotOffered, LinkError."""
        self._link, self._digest = link, digest
        self.name = ONVIF_DIGEST if digest else ONVIF
        with link.session(link.default_account()) as session:
            self.gate: OnvifGate = session.gate()
            self._offered(session)

    def _offered(self, session: OnvifSession) -> None:
        body = requests.plain(self.gate.service, self.gate.operation)
        path = session.path(self.gate.service)
        challenges = session.client.call(path, body).challenges
        digest = any(c.scheme == "digest" for c in parse_challenges(challenges))
        if self._digest and not digest:
            raise NotOffered("ONVIF asks for no HTTP digest")
        if not self._digest and session.credentials is not None:
            token = session.client.fresh_token(session.credentials)
            if session.client.with_token(path, body, token).outcome is not Outcome.DATA:
                raise NotOffered("ONVIF takes no WS-UsernameToken")

    def attempt(self, username: str, password: str) -> Try:
        """Call the operation."""
        return self.attempt_as(username, password)

    def attempt_as(
        self,
        username: str,
        password: str,
        *,
        headers: Mapping[str, str] | None = None,
        source: str = "",
    ) -> Try:
        """The same with header fields, or from another address of the bench's."""
        with self._link.session_with(username, password, headers=headers, source=source) as session:
            began = time.monotonic()
            reply = self.call(session, Credentials(username, password))
            seconds = round(time.monotonic() - began, 3)
        accepted = reply.outcome is Outcome.DATA
        refused = reply.outcome is Outcome.NOT_AUTHORISED or reply.http_status == 429
        return Try(accepted, reply.http_status, seconds, accepted or refused)

    def call(self, session: OnvifSession, login: Credentials) -> Reply:
        """Call the operation in a session, with this login. Raises LinkError."""
        body = requests.plain(self.gate.service, self.gate.operation)
        path = session.path(self.gate.service)
        if self._digest:
            session.client.scheme = "HTTP digest"
            return session.client.call(path, body, login)
        return session.client.with_token(path, body, session.client.fresh_token(login))


class RtspSurface:
    """DESCRIBE of the first declared stream."""

    name, kind = RTSP, "rtsp"

    def __init__(self, access: RtspAccess) -> None:
        """See that it asks for a login. Raises NotOffered, LinkError."""
        self._access = access
        self.url = without_userinfo(access.streams()[0].url)
        with access.connect(endpoint_of(self.url)) as client:
            status = client.request("DESCRIBE", self.url, _DESCRIBE).status
        if status != 401:
            raise NotOffered(f"{self.url} is answered {status} without login, not 401")

    def attempt(self, username: str, password: str) -> Try:
        """Ask for the description."""
        login = DigestClient(username, password)
        began = time.monotonic()
        with self._access.connect(endpoint_of(self.url), login=login) as client:
            try:
                status = client.request("DESCRIBE", self.url, _DESCRIBE).status
            except LoginRefused:
                status = 401
        seconds = round(time.monotonic() - began, 3)
        return Try(status == 200, status, seconds, status == 200 or status in (401, 403, 404))
