"""Asks every port that speaks RTSP without TLS for each of the requests that lead to video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from devices.errors import LinkError, LoginRefused, TimedOut
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.client import Endpoint, RtspClient
from devices.links.rtsp.describe import described
from devices.links.rtsp.probes import PROBE_SECONDS
from devices.links.rtsp.tracks import Tracks, controls
from devices.observation import Observation
from devices.protocols.rtsp import Response
from devices.protocols.transport import parse_session

METHODS = ("OPTIONS", "DESCRIBE", "SETUP", "PLAY")
"""In the order that they are asked for; each whatever became of the ones before."""
USUAL_TRACKS = ("", "trackID=0", "trackID=1", "track1", "stream=0", "streamid=0")
"""Control URLs to try where no description names one: those of common servers."""
MAX_TRACKS = 12

_TRANSPORTS = (
    "RTP/AVP/TCP;unicast;interleaved=0-1",
    "RTP/SAVP/TCP;unicast;interleaved=0-1",
    "RTP/AVP;unicast;client_port=40000-40001",
    "RTP/SAVP;unicast;client_port=40000-40001",
)
_UNSUPPORTED = 461
_REFUSALS = 2  # of the test's own login, before it is no longer given
_PATIENCE = 2  # requests without an answer in time, before no more are sent


@dataclass(frozen=True)
class PlainAnswer:
    """The answer to one request outside TLS.

    ``login`` is ``none`` or ``digest``; ``status`` 0 says that the camera closed the connection
    or did not answer in RTSP, with the reason in ``problem``, and 401 with ``login`` digest that
    the camera asked for a login by Digest and refused the test's. ``asks_basic``: the only login
    that it asks for would send the password in clear, so none was sent. ``late``: no answer came
    in time, or none was waited for any more.
    """

    host: str
    port: int
    method: str
    url: str
    login: str
    status: int
    asks_basic: bool = False
    problem: str = ""
    late: bool = False

    @property
    def given(self) -> bool:
        """Whether the camera did what was asked."""
        return 200 <= self.status < 300


@dataclass(frozen=True, kw_only=True)
class PlainRequests(Observation):
    """What became of the four requests on every port that speaks RTSP without TLS.

    ``asked`` are the ports where it was looked for. ``account``: the test has a login to ask with.
    """

    asked: tuple[int, ...]
    account: bool
    answers: tuple[PlainAnswer, ...]

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that answered in RTSP."""
        return tuple(sorted({answer.port for answer in self.answers if answer.status}))


def plain_requests(access: RtspAccess, endpoints: Iterable[Endpoint]) -> PlainRequests:
    """Ask endpoints without TLS, without a login and, where they answer, with the test's.

    The login is by Digest alone, and given up after two refusals: it may be locked by them.
    """
    wanted = list(dict.fromkeys(endpoints))
    tracks = Tracks(access)
    with ThreadPoolExecutor(access.device.bench.parallel, "rtsp-plain") as pool:
        found = list(pool.map(lambda endpoint: list(_ask(access, endpoint, tracks)), wanted))
    return PlainRequests(
        asked=tuple(dict.fromkeys(endpoint.port for endpoint in wanted)),
        account=access.login() is not None,
        answers=tuple(answer for answers in found for answer in answers),
        shortfall="; ".join(tracks.problems),
    )


def _ask(access: RtspAccess, endpoint: Endpoint, tracks: Tracks) -> Iterator[PlainAnswer]:
    answered = False
    for login in (False, True):
        if login and (not answered or access.login() is None):
            return
        asker = _Asker(access, endpoint, login=login)
        try:
            for path in tracks.paths:
                for answer in asker.four(path, tracks):
                    answered = answered or answer.status > 0
                    yield answer
                if not answered:  # no RTSP here: one stream is enough
                    break
        finally:
            asker.close()


class _Asker:
    """Asks one endpoint for one stream, over a connection that is opened again when it closes."""

    def __init__(self, access: RtspAccess, endpoint: Endpoint, *, login: bool) -> None:
        self._access, self._endpoint, self._login = access, endpoint, login
        self._client: RtspClient | None = None
        self._answer = Response(status=0)
        self._refused = self._unanswered = 0

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def four(self, path: str, tracks: Tracks) -> Iterator[PlainAnswer]:
        """Yield the answers to the four requests for the stream at ``path``."""
        url = f"{self._endpoint.url}{path}"
        yield self._ask("OPTIONS", url)
        yield self._ask("DESCRIBE", url, {"Accept": "application/sdp"})
        yield (setup := self._set_up(url, self._track_urls(url, path, tracks)))
        session = parse_session(self._answer.get("Session"))[0] if setup.given else ""
        headers = {"Session": session} if session else {}
        yield self._ask("PLAY", url, headers)
        if session:
            self._ask("TEARDOWN", url, headers)

    def _track_urls(self, url: str, path: str, tracks: Tracks) -> list[str]:
        """Tracks from the description outside TLS, else from that inside, else the usual ones."""
        if not self._client:  # no RTSP was spoken: one is enough
            return [url]
        own: list[str] = []
        if self._answer.ok:
            try:
                own = controls(described(self._answer, url))
            except LinkError:
                own = []
        base = url.rstrip("/")
        usual = [f"{base}/{track}".rstrip("/") for track in USUAL_TRACKS]
        named = [f"{self._endpoint.url}{target}" for target in own or tracks.of(path)]
        return list(dict.fromkeys(named or usual))[:MAX_TRACKS]

    def _set_up(self, url: str, tracks: Sequence[str]) -> PlainAnswer:
        """Return the first SETUP that succeeds, else the last answer."""
        last = self._told("SETUP", url, "none", "not asked")
        for track in tracks:
            for transport in _TRANSPORTS:
                last = self._ask("SETUP", track, {"Transport": transport})
                if last.status != _UNSUPPORTED:
                    break
            if last.given or not last.status or last.status == 401:
                break
        return last

    def _ask(self, method: str, url: str, headers: dict[str, str] | None = None) -> PlainAnswer:
        self._answer, problem, login, late = Response(status=0), "", "none", False
        if self._unanswered >= _PATIENCE:
            problem = "not asked: it did not answer before"
            return replace(self._told(method, url, login, problem), late=True)
        try:
            client = self._connected()
            try:
                self._answer = client.request(method, url, headers)
            except LoginRefused:
                self._answer = Response(status=401)
                self._refused += 1
            sent = client.sent
            login = "digest" if sent is not None and sent.get("Authorization") else "none"
        except LinkError as error:
            problem = str(error)
            late = isinstance(error, TimedOut)
            self._unanswered += late
            self.close()
        answer = replace(self._told(method, url, login, problem), late=late)
        if self._login and self._refused >= _REFUSALS:
            self._login = False
            self.close()
        return answer

    def _told(self, method: str, url: str, login: str, problem: str) -> PlainAnswer:
        asks = {c.scheme for c in self._client.challenges} if self._client else set[str]()
        return PlainAnswer(
            host=self._endpoint.host,
            port=self._endpoint.port,
            method=method,
            url=url,
            login=login,
            status=self._answer.status,
            asks_basic=self._answer.status == 401 and asks == {"basic"},
            problem=problem,
        )

    def _connected(self) -> RtspClient:
        if self._client is None:
            self._client = self._access.connect(
                self._endpoint,
                login=self._access.login() if self._login else None,
                allow_basic=False,
                timeout=PROBE_SECONDS,
            )
        return self._client
