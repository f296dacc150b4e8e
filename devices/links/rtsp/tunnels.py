"""Asks every HTTP and RTSP port whether it tunnels RTSP, in plaintext and inside TLS, to whom."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from devices.errors import DeviceError
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.client import Endpoint
from devices.links.rtsp.probes import PROBE_SECONDS
from devices.links.rtsp.through import Through
from devices.links.rtsp.tracks import Tracks
from devices.links.rtsp.tunnel import NoTunnel, TunnelLogin, TunnelTarget
from devices.observation import Observation


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
            through = Through(client)
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
