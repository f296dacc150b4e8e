"""Asks every HTTP and RTSP port whether it tunnels RTSP, in plaintext and inside TLS, to whom."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from devices.errors import DeviceError, LinkError
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.client import Endpoint, RtspClient
from devices.links.rtsp.describe import has_video
from devices.links.rtsp.probes import PROBE_SECONDS
from devices.links.rtsp.tracks import Tracks
from devices.links.rtsp.tunnel import NoTunnel, TunnelLogin, TunnelTarget
from devices.observation import Observation
from devices.protocols.transport import parse_session

_INTERLEAVED = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}


@dataclass(frozen=True)
class TunnelAnswer:
    """What one port answered to the GET of a tunnel, and what was had through it.

    ``login`` is ``none`` or ``digest``, the latter when HTTP asked for it. ``status`` is that of
    the GET, 0 when no HTTP came back (``problem``). ``opened``: the answer was a tunnel's.
    ``requests`` are the RTSP requests sent through it without a login, with their status;
    ``given`` those that were granted and lead to video.
    """

    url: str
    port: int
    encrypted: bool
    login: str
    status: int
    opened: bool
    requests: tuple[tuple[str, int], ...] = ()
    given: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class TunnelAnswers(Observation):
    """Every port that speaks HTTP or RTSP, or is declared to, asked for a tunnel."""

    answers: tuple[TunnelAnswer, ...]


def tunnel_answers(access: RtspAccess, endpoints: Iterable[Endpoint]) -> TunnelAnswers:
    """Ask endpoints for a tunnel to the declared streams; by Digest where HTTP wants a login."""
    tracks = Tracks(access)
    path, wanted = tracks.paths[0], list(dict.fromkeys(endpoints))
    with ThreadPoolExecutor(access.device.bench.parallel, "rtsp-tunnel") as pool:
        found = list(pool.map(lambda endpoint: _ask(access, endpoint, path, tracks), wanted))
    return TunnelAnswers(answers=tuple(answer for answers in found for answer in answers))


def _ask(access: RtspAccess, endpoint: Endpoint, path: str, tracks: Tracks) -> list[TunnelAnswer]:
    target = TunnelTarget(endpoint.host, endpoint.port, endpoint.encrypted, path)
    answers = [_open(access, target, tracks, logged_in=False)]
    if answers[0].status == 401 and access.login() is not None:
        answers.append(_open(access, target, tracks, logged_in=True))
    return answers


def _open(
    access: RtspAccess, target: TunnelTarget, tracks: Tracks, *, logged_in: bool
) -> TunnelAnswer:
    blank = TunnelAnswer(
        url=target.url,
        port=target.port,
        encrypted=target.encrypted,
        login="digest" if logged_in else "none",
        status=0,
        opened=False,
    )
    endpoint = Endpoint(target.host, target.port, target.encrypted)
    try:
        with access.connect(
            endpoint,
            tunnel=target,
            http_login=access.login() if logged_in else None,
            timeout=PROBE_SECONDS,
        ) as client:
            through = _Through(client)
            if not logged_in:
                through.ask(target.path, tracks)
            return replace(
                blank,
                status=200,
                opened=True,
                requests=tuple(through.requests),
                given=tuple(through.given),
                problem=through.problem,
            )
    except (NoTunnel, TunnelLogin) as error:
        return replace(blank, status=error.status, problem=str(error))
    except DeviceError as error:
        return replace(blank, problem=str(error))


@dataclass
class _Through:
    """Asks for a stream through an open tunnel, without a login of RTSP."""

    client: RtspClient
    requests: list[tuple[str, int]] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    problem: str = ""

    def ask(self, path: str, tracks: Tracks) -> None:
        """Ask for OPTIONS, DESCRIBE, SETUP and PLAY; ends where nothing is answered any more."""
        host, port = self.client.endpoint.host, self.client.endpoint.port
        base = Endpoint(host, port, encrypted=False).url  # what players write inside a tunnel
        url = f"{base}{path}"
        try:
            self._send("OPTIONS", url, {})
            self._send("DESCRIBE", url, {"Accept": "application/sdp"})
            known = tracks.of(path)
            track = f"{base}{known[0]}" if known else url
            session = self._send("SETUP", track, _INTERLEAVED)
            if session:
                self._send("PLAY", url, {"Session": session})
                self._send("TEARDOWN", url, {"Session": session})
        except LinkError as error:
            self.problem = str(error)

    def _send(self, method: str, url: str, headers: dict[str, str]) -> str:
        answer = self.client.request(method, url, headers)
        self.requests.append((method, answer.status))
        leads = has_video(answer) if method == "DESCRIBE" else method in ("SETUP", "PLAY")
        if answer.ok and leads:
            self.given.append(method)
        return parse_session(answer.get("Session"))[0] if answer.ok else ""
