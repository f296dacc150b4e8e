"""Asks every HTTP and RTSP port for RTSP in a WebSocket, in plaintext and inside TLS, to whom."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from urllib.parse import urljoin

from devices.errors import DeviceError, LinkError, NotOffered
from devices.links.onvif.link import OnvifLink
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.client import Endpoint
from devices.links.rtsp.probes import PROBE_SECONDS
from devices.links.rtsp.through import Through
from devices.links.rtsp.tracks import Tracks
from devices.links.rtsp.tunnel import NoTunnel, TunnelLogin
from devices.links.rtsp.websocket import WebSocketTarget, WebSocketWire, websocket_target
from devices.observation import Observation
from devices.permit import Permit
from devices.secrets import Secrets

_MADE_UP = "/x" + hashlib.sha256(b"camproof made-up WebSocket").hexdigest()[:12]
"""A path that no camera has."""


@dataclass(frozen=True)
class WebSocketAnswer:
    """What one address answered to a request for a WebSocket, and what was had through it.

    ``source``: ``declared``, ``announced`` (by ONVIF), ``published`` or ``made up`` (a path that no
    camera has: who answers it answers any). ``login`` is ``none`` or ``digest``, the latter when
    HTTP asked for it. ``status`` is that of the GET, 0 when no HTTP came back; ``problem`` says
    why, and ``cause`` in one word: ``garbled`` for what answers otherwise.
    ``opened``: a WebSocket was; ``agreed`` that it is for rtsp.onvif.org. ``requests`` are the RTSP
    requests that were answered in it without a login of RTSP, with their status; ``given`` those
    that were granted and lead to video.
    """

    url: str
    port: int
    encrypted: bool
    path: str
    source: str
    login: str
    status: int = 0
    opened: bool = False
    agreed: bool = False
    requests: tuple[tuple[str, int], ...] = ()
    given: tuple[str, ...] = ()
    problem: str = ""
    cause: str = ""

    @property
    def speaks_rtsp(self) -> bool:
        """Whether RTSP was answered in it."""
        return bool(self.requests)


@dataclass(frozen=True, kw_only=True)
class WebSocketAnswers(Observation):
    """Every port that speaks HTTP or RTSP, or is declared to, asked for RTSP in a WebSocket."""

    answers: tuple[WebSocketAnswer, ...]


@dataclass(frozen=True)
class AnnouncedWebSockets:
    """The addresses that ONVIF announces, and what kept them from being had."""

    urls: tuple[str, ...] = ()
    problem: str = ""


def announced_websockets(
    access: RtspAccess, permit: Permit, secret: Secrets
) -> AnnouncedWebSockets:
    """Return the WebSockets that ONVIF announces, where the device file has ONVIF."""
    link = access.device.links.onvif
    if link is None:
        return AnnouncedWebSockets()
    try:
        uris = OnvifLink(access.device, permit, secret).websocket_uris()
    except NotOffered:
        return AnnouncedWebSockets()
    except DeviceError as error:
        return AnnouncedWebSockets(problem=f"ONVIF did not give its WebSocket: {error}")
    return AnnouncedWebSockets(tuple(dict.fromkeys(urljoin(link.url, uri) for uri in uris)))


def websocket_answers(
    access: RtspAccess,
    doors: Iterable[Endpoint],
    paths: Sequence[str],
    announced: AnnouncedWebSockets,
) -> WebSocketAnswers:
    """Ask ``doors`` at ``paths``, and the declared and announced addresses.

    Each without a login of RTSP, and by Digest where HTTP wants a login.
    """
    tracks = Tracks(access)
    problems = [announced.problem] if announced.problem else []
    plans: dict[tuple[str, int, bool], dict[str, str]] = {}

    def add(target: WebSocketTarget, source: str) -> None:
        plan = plans.setdefault((target.host, target.port, target.encrypted), {})
        plan.setdefault(target.path, source)

    for stream in access.device.declared.streams:
        if stream.websocket_url is not None:
            add(websocket_target(stream.websocket_url), "declared")
    for url in announced.urls:
        try:
            add(websocket_target(url), "announced")
        except LinkError as error:
            problems.append(str(error))
    for door in dict.fromkeys([*doors, *(Endpoint(*where) for where in plans)]):
        for path, source in ((_MADE_UP, "made up"), *((path, "published") for path in paths)):
            add(WebSocketTarget(door.host, door.port, door.encrypted, path), source)
    with ThreadPoolExecutor(access.device.bench.parallel, "rtsp-websocket") as pool:
        found = list(
            pool.map(lambda plan: list(_ask(access, plan[0], plan[1], tracks)), plans.items())
        )
    return WebSocketAnswers(
        answers=tuple(answer for answers in found for answer in answers),
        shortfall="; ".join(problems),
    )


def _ask(
    access: RtspAccess, where: tuple[str, int, bool], plan: dict[str, str], tracks: Tracks
) -> Iterator[WebSocketAnswer]:
    """Ask one port, until it gives no HTTP: then it gives none elsewhere either."""
    for path, source in plan.items():
        target = WebSocketTarget(*where, path)
        answer = _open(access, target, source, tracks, logged_in=False)
        yield answer
        if answer.status == 401 and access.login() is not None:
            yield _open(access, target, source, tracks, logged_in=True)
        if not answer.status and not answer.opened:
            return


def _open(
    access: RtspAccess,
    target: WebSocketTarget,
    source: str,
    tracks: Tracks,
    *,
    logged_in: bool,
) -> WebSocketAnswer:
    blank = WebSocketAnswer(
        url=target.url,
        port=target.port,
        encrypted=target.encrypted,
        path=target.path,
        source=source,
        login="digest" if logged_in else "none",
    )
    try:
        with access.connect(
            Endpoint(target.host, target.port, target.encrypted),
            tunnel=target,
            http_login=access.login() if logged_in else None,
            timeout=PROBE_SECONDS,
        ) as client:
            wire = client.wire
            through = Through(client)
            through.ask(tracks.paths[0], tracks, whole=not logged_in)
            return replace(
                blank,
                status=101,
                opened=True,
                agreed=isinstance(wire, WebSocketWire) and bool(wire.subprotocol),
                requests=tuple(through.requests),
                given=tuple(through.given),
                problem=through.problem,
            )
    except (NoTunnel, TunnelLogin) as error:
        return replace(blank, status=error.status, problem=str(error))
    except DeviceError as error:
        return replace(blank, problem=str(error), cause=error.cause)
