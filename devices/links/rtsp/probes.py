"""Asks RTSP endpoints what they say to whom: options, challenges, answers without a login."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain

from devices.description import Stream
from devices.errors import LinkError, LoginRefused, NotOffered
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.client import Endpoint, RtspClient, endpoint_of, without_userinfo
from devices.links.rtsp.describe import Described, Track, describe, has_video
from devices.links.rtsp.observations import (
    AnonymousAnswers,
    OfferedChallenge,
    PathAnswer,
    RtspEndpoint,
    RtspEndpoints,
)
from devices.links.rtsp.setup import TRANSPORTS, is_multicast, own_ports, to_ask_for
from devices.links.rtsp.tunnel import TunnelLogin
from devices.protocols.digest import DigestClient
from devices.protocols.rtsp import Response

PROBE_SECONDS = 3.0  # for one answer of a port that may not speak RTSP at all
PATHS_SECONDS = 30.0  # for all paths of one endpoint
_FAILURES = 3  # in a row, after which an endpoint is left alone


def endpoints(access: RtspAccess, ports: Iterable[int]) -> RtspEndpoints:
    """Ask the declared endpoints for their options, and ``ports`` and theirs without TLS.

    Declared are those of streams and of RTSP services. Ports that the device file gives to the
    bench machine itself are left out. Raises NotOffered when nothing is declared.
    """
    services = access.services()
    streamed = [endpoint_of(s.url) for s in access.device.declared.streams if s.over_rtsp]
    declared = list(dict.fromkeys([*streamed, *services]))
    if not declared:
        raise NotOffered("the device file declares no RTSP stream and no RTSP service")
    hosts = dict.fromkeys([endpoint.host for endpoint in declared])
    usual = [Endpoint(host, port, encrypted=False) for host in hosts for port in ports]
    bare = [Endpoint(e.host, e.port, encrypted=False) for e in declared]
    belongs_to_bench = set(access.device.bench.host_tcp_ports)
    wanted = [
        endpoint
        for endpoint in dict.fromkeys([*declared, *bare, *usual])
        if endpoint in declared or endpoint.port not in belongs_to_bench
    ]
    with ThreadPoolExecutor(access.device.bench.parallel, "rtsp-options") as pool:
        found = list(pool.map(lambda e: _options(access, e, declared=e in declared), wanted))
    silent = [f"{e.host} port {e.port}: {e.problem}" for e in found if e.declared and e.problem]
    return RtspEndpoints(endpoints=tuple(found), shortfall="; ".join(silent))


def _options(access: RtspAccess, endpoint: Endpoint, *, declared: bool) -> RtspEndpoint:
    try:
        with access.connect(endpoint, timeout=PROBE_SECONDS) as client:
            answer = client.request("OPTIONS", endpoint.url + "/")
    except LinkError as error:
        return RtspEndpoint(
            endpoint.host,
            endpoint.port,
            endpoint.encrypted,
            declared,
            speaks_rtsp=False,
            problem=error.cause,
        )
    methods = chain.from_iterable(value.split(",") for value in answer.all("Public"))
    return RtspEndpoint(
        endpoint.host,
        endpoint.port,
        endpoint.encrypted,
        declared,
        speaks_rtsp=True,
        status=answer.status,
        server=answer.get("Server")[:200],
        methods=tuple(method.strip() for method in methods),
    )


def anonymous_answers(
    access: RtspAccess, paths: Sequence[str], *, set_up: bool = True
) -> AnonymousAnswers:
    """Ask for every declared stream and every path without a login, and with an unknown user."""
    answers: list[PathAnswer] = []
    shortfalls: list[str] = []
    for endpoint in access.endpoints():
        streams = [s for s in access.streams() if endpoint_of(s.url) == endpoint]
        own = [without_userinfo(stream.url) for stream in streams]
        urls = list(dict.fromkeys([*own, *(endpoint.url + path for path in paths)]))
        found, shortfall = _describe_all(access, endpoint, urls)
        answers += found
        shortfalls += [shortfall] if shortfall else []
        try:
            answers += _unknown_user(access, endpoint, own[0])
        except LinkError as error:
            shortfalls.append(f"{own[0]} as an unknown user: {error}")
        for stream in streams if set_up else ():
            shortfalls += _set_up_without_login(access, stream, answers)
    return AnonymousAnswers(answers=tuple(answers), shortfall="; ".join(shortfalls))


def _describe_all(
    access: RtspAccess, endpoint: Endpoint, urls: Sequence[str]
) -> tuple[list[PathAnswer], str]:
    """Describe on one connection, opened again when the camera closes it."""
    answers: list[PathAnswer] = []
    client: RtspClient | None = None
    failures, problem = 0, ""
    deadline = time.monotonic() + PATHS_SECONDS
    for url in urls:
        if failures >= _FAILURES or time.monotonic() > deadline:
            break
        try:
            client = client or access.connect(endpoint)
            answer = client.request("DESCRIBE", url, {"Accept": "application/sdp"})
        except LinkError as error:
            failures, problem = failures + 1, str(error)
            if client is not None:
                client.close()
            client = None
        else:
            failures = 0
            answers.append(_answer(url, "DESCRIBE", "none", answer, client))
    if client is not None:
        client.close()
    missing = len(urls) - len(answers)
    return answers, f"{missing} of {len(urls)} paths gave no answer: {problem}" if missing else ""


def _answer(url: str, method: str, login: str, answer: Response, client: RtspClient) -> PathAnswer:
    challenges = client.challenges if answer.status == 401 else []
    offered = [
        OfferedChallenge(
            scheme=c.scheme.upper(),
            algorithm=c.algorithm if c.scheme == "digest" else "",
            realm=c.realm[:200],
        )
        for c in challenges
    ]
    return PathAnswer(url, method, login, answer.status, has_video(answer), tuple(offered))


def _unknown_user(access: RtspAccess, endpoint: Endpoint, url: str) -> list[PathAnswer]:
    """Describe as somebody who cannot exist: some cameras let any name in."""
    nobody = DigestClient(f"x{secrets.token_hex(6)}", secrets.token_hex(8))
    with access.connect(endpoint, login=nobody) as client:
        try:
            answer = client.request("DESCRIBE", url, {"Accept": "application/sdp"})
        except LoginRefused:
            answer = Response(status=401)
        return [_answer(url, "DESCRIBE", "unknown user", answer, client)]


def _set_up_without_login(
    access: RtspAccess, stream: Stream, answers: list[PathAnswer]
) -> Iterator[str]:
    """Set a stream up and play it without a login: some cameras guard DESCRIBE alone.

    Over every declared transport: a camera may turn another one away before it looks at a login.
    Each answer is added to ``answers`` as it comes; yields what could not be asked.
    """
    url = without_userinfo(stream.url)
    try:
        with access.connect(endpoint_of(url), login=access.login()) as client:
            described = describe(client, url)
        described.video(secure=False)
    except LinkError as error:
        yield f"{url} could not be set up without a login: {error}"
        return
    for transport in dict.fromkeys(stream.transports):
        try:
            set_up(access, stream, described, transport, answers)
        except TunnelLogin as error:  # HTTP asks for the login before RTSP is spoken
            answers.append(
                PathAnswer(url, "SETUP", "none", error.status, described=False, transport=transport)
            )
        except LinkError as error:
            yield f"{url} over {transport} could not be set up without a login: {error}"


def set_up(
    access: RtspAccess,
    stream: Stream,
    described: Described,
    transport: str,
    answers: list[PathAnswer],
    *,
    what: Track = "video",
) -> None:
    """Set a track up over a transport without a login, and play it; adds the answers."""
    lower, secure, datagrams = TRANSPORTS[transport]
    multicast = is_multicast(transport)
    media = described.sections(what, secure=secure)[0]
    track, url = described.track(media), without_userinfo(stream.url)
    tunnel = access.tunnel(stream, transport, url)
    with (
        access.connect(endpoint_of(url), tunnel=tunnel) as client,
        own_ports(client, datagrams=datagrams and not multicast) as ports,
    ):
        if secure:  # its keys may be those of a description on the same connection
            client.request("DESCRIBE", url, {"Accept": "application/sdp"})
        wanted = to_ask_for(media, lower, secure=secure, ports=ports, multicast=multicast)
        answer = client.request("SETUP", track, {"Transport": wanted.to_text()})
        told = _answer(track, "SETUP", "none", answer, client)
        answers.append(replace(told, transport=transport))
        if answer.ok:
            session = {"Session": answer.get("Session").partition(";")[0]}
            answer = client.request("PLAY", described.aggregate, session)
            told = _answer(described.aggregate, "PLAY", "none", answer, client)
            answers.append(replace(told, transport=transport))
