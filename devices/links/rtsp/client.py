"""The reference RTSP client: requests and answers, with login, over one connection."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from devices.errors import Busy, Garbled, LoginRefused, TimedOut, Unreachable
from devices.links.capture import Capture
from devices.links.rtsp.tunnel import TunnelTarget, TunnelWire
from devices.links.rtsp.websocket import WebSocketTarget, WebSocketWire
from devices.links.rtsp.wire import RtspWire
from devices.protocols.challenge import Challenge, parse_challenges
from devices.protocols.digest import DigestClient
from devices.protocols.rtsp import Event, Interleaved, Parser, Request, Response

REQUEST_SECONDS = 5.0
"""Longest wait for one answer; the slowest cameras seen take about two seconds to DESCRIBE."""

BUSY = (453, 503)
"""Not Enough Bandwidth, Service Unavailable (RFC 2326, 7.1.1): no answer to what was asked."""
BUSY_SECONDS = (0.5, 1.5)
"""Pauses after which a busy camera is asked again."""

_USER_AGENT = "camproof"
_MAX_QUEUED = 4096


@dataclass(frozen=True)
class Endpoint:
    """Where RTSP is spoken: host as the device file writes it, TCP port, inside TLS or not."""

    host: str
    port: int
    encrypted: bool

    @property
    def url(self) -> str:
        """The URL of the server as a whole, without path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'rtsps' if self.encrypted else 'rtsp'}://{host}:{self.port}"


def endpoint_of(url: str) -> Endpoint:
    """Return the endpoint of a stream's URL; raises Garbled when it is no RTSP URL.

    Default ports: 554 (RFC 2326, 3.2) and 322 for rtsps (RFC 7826, 4.2).
    """
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise Garbled(f"not a URL: {url!r}") from error
    if parts.scheme not in ("rtsp", "rtsps") or not host:
        raise Garbled(f"not an RTSP URL: {url!r}")
    encrypted = parts.scheme == "rtsps"
    return Endpoint(host, port or (322 if encrypted else 554), encrypted)


def without_userinfo(url: str) -> str:
    """Return a URL without user name and password: they never go into a request line.

    Raises Garbled when it is no URL.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise Garbled(f"not a URL: {url[:80]!r}") from error
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


class RtspClient:
    """Sends requests and gives answers; media that arrives between is kept in ``media``.

    ``login`` answers challenges; without it a 401 is returned like any other answer. ``sent``
    holds the last request as it went out, ``redirected`` the address that a REDIRECT request of
    the camera named (RFC 2326, 10.10), ``asked`` how many requests of its own it sent. With
    ``tunnel`` it all goes through HTTP, or a WebSocket, there, where ``tunnel_login`` answers
    challenges of HTTP.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        address: str,
        *,
        login: DigestClient | None = None,
        allow_basic: bool = True,
        capture: Capture | None = None,
        timeout: float = REQUEST_SECONDS,
        tunnel: TunnelTarget | None = None,
        tunnel_login: DigestClient | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.login = login
        self.media: list[Interleaved] = []
        self.sent: Request | None = None
        self.challenges: list[Challenge] = []
        self.redirected = ""
        self.asked = 0
        self._tunnel, self._tunnel_login = tunnel, tunnel_login
        self._allow_basic = allow_basic
        self._address = address
        self._capture = capture or Capture()
        self._timeout = timeout
        self._sequence = 0
        self._logged_in = False
        self.wire = self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self.wire.close()

    def request(self, method: str, uri: str, headers: Mapping[str, str] | None = None) -> Response:
        """Send a request, log in when challenged, and return the answer.

        Raises LoginRefused when the camera does not accept the login, and LinkError of other
        kinds for what goes wrong on the way.
        """
        answer = self.exchange(self.prepared(method, uri, headers))
        for _ in range(2):  # the challenge, and once more for a nonce gone stale
            if answer.status != 401 or not self._take_up(answer):
                break
            answer = self.exchange(self.prepared(method, uri, headers))
        if answer.status != 401 or self.login is None:
            self._logged_in = self._logged_in or answer.ok
            return answer
        raise LoginRefused(
            f"{self.endpoint.url}: {method} as {self.login.username} is answered 401"
        )

    def patient(self, method: str, uri: str, headers: Mapping[str, str] | None = None) -> Response:
        """Send a request, and again after a while where the camera says that it is busy.

        Cameras do so while an encoder starts or another viewer's session ends. Raises Busy when
        they say nothing else, and what ``request`` raises.
        """
        answer = self.request(method, uri, headers)
        for seconds in BUSY_SECONDS:
            if answer.status not in BUSY:
                return answer
            time.sleep(seconds)
            answer = self.request(method, uri, headers)
        if answer.status in BUSY:
            times = f"{1 + len(BUSY_SECONDS)} times, over {sum(BUSY_SECONDS):.0f} s"
            said = f"{answer.status} {answer.reason}".rstrip()
            raise Busy(f"{method} {uri} is answered {said} {times}: busy, or broken")
        return answer

    def _take_up(self, answer: Response) -> bool:
        """Whether a challenge is worth an answer: never the same wrong password twice.

        Some cameras change the nonce without saying ``stale``: who was logged in may try again.
        """
        if self.login is None:
            return False
        offered = parse_challenges(answer.all("WWW-Authenticate"))
        tried = self.sent is not None and bool(self.sent.get("Authorization"))
        if tried and not self._logged_in and not any(c.stale for c in offered):
            return False
        return self.login.challenged(offered, allow_basic=self._allow_basic)

    def prepared(self, method: str, uri: str, headers: Mapping[str, str] | None = None) -> Request:
        """Return the next request with sequence number and authorisation, without sending it."""
        self._sequence += 1
        fields = {"CSeq": str(self._sequence), "User-Agent": _USER_AGENT, **(headers or {})}
        if self.login is not None and (value := self.login.authorization(method, uri)):
            fields["Authorization"] = value
        return Request(method=method, uri=uri, headers=tuple(fields.items()))

    def exchange(self, request: Request) -> Response:
        """Send exactly this request and return its answer.

        A connection that the camera closed after its last answer is opened again, once.
        """
        try:
            answer = self._exchange(request)
        except Unreachable:
            if self._answered_here == 0:
                raise
            self.wire.close()
            self.wire = self._connect()
            answer = self._exchange(request)
        self._answered_here += 1
        if answer.status == 401:
            self.challenges = _tolerant_challenges(answer)
        return answer

    def send_unanswered(self, request: Request) -> None:
        """Send a request whose answer the receiving loop steps over (a keep-alive)."""
        self.wire.send(request.to_bytes(), time.monotonic() + self._timeout)

    def feed(self, data: bytes) -> list[Event]:
        """Return the whole messages and frames that these bytes complete."""
        self._parser.feed(data)
        events = list(self._parser.events())
        for event in events:
            if isinstance(event, Request):
                self._take_request(event)
        return events

    def _take_request(self, request: Request) -> None:
        """Answer a request of the camera's, and keep where a REDIRECT leads."""
        self.asked += 1
        if request.method == "REDIRECT":
            self.redirected = request.get("Location")[:2048]
        known = request.method in ("REDIRECT", "OPTIONS", "GET_PARAMETER", "SET_PARAMETER")
        headers = (("CSeq", request.cseq),) if request.cseq else ()
        answer = Response(headers=headers, status=200 if known else 501)
        self.wire.send(answer.to_bytes(), time.monotonic() + self._timeout)

    def _connect(self) -> RtspWire | TunnelWire | WebSocketWire:
        self._parser = Parser()
        self._answered_here = 0
        if self._tunnel is not None:
            through = WebSocketWire if isinstance(self._tunnel, WebSocketTarget) else TunnelWire
            return through(
                self._tunnel,
                self._address,
                login=self._tunnel_login,
                capture=self._capture,
                timeout=self._timeout,
            )
        return RtspWire(
            self._address,
            self.endpoint.port,
            encrypted=self.endpoint.encrypted,
            capture=self._capture,
            timeout=self._timeout,
        )

    def _exchange(self, request: Request) -> Response:
        self.sent = request
        deadline = time.monotonic() + self._timeout
        self.wire.send(request.to_bytes(), deadline)
        while True:
            for event in self._parser.events():
                if isinstance(event, Interleaved):
                    if len(self.media) < _MAX_QUEUED:
                        self.media.append(event)
                elif isinstance(event, Request):
                    self._take_request(event)
                elif self._is_answer(event, request):
                    return event
            data = self.wire.receive(deadline)
            if not data:
                raise Unreachable(f"{self.endpoint.url}: closed before the answer")
            if time.monotonic() > deadline:
                raise TimedOut(f"{self.endpoint.url}: no answer to {request.method} in time")
            self._parser.feed(data)

    @staticmethod
    def _is_answer(response: Response, request: Request) -> bool:
        """Whether the answer belongs to the request; cameras that send no CSeq are believed."""
        number = response.get("CSeq")
        return not number or number == request.cseq


def _tolerant_challenges(answer: Response) -> list[Challenge]:
    try:
        return parse_challenges(answer.all("WWW-Authenticate"))
    except Garbled:
        return []
