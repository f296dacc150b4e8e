"""What a camera's web server gives to somebody who has no account: pages, pictures, plain HTTP."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence

from devices.errors import LinkError, NotOffered, Unreachable
from devices.links.http.client import HttpClient
from devices.links.http.exchange import Exchange
from devices.links.http.link import HttpLink
from devices.links.http.observations import (
    ClearPort,
    ClearSurvey,
    KnownPath,
    PageLook,
    PageSurvey,
    SnapshotSurvey,
)
from devices.links.http.operations import front_pages, parts_of
from devices.links.http.pages import impossible_neighbour, same_page
from devices.trial_password import strong_password

_LIMIT = 64 * 1024
_SECONDS = 8.0
_ENOUGH = 3
"""Requests without an answer after which a survey gives up."""


def survey_pages(link: HttpLink, paths: Sequence[KnownPath]) -> PageSurvey:
    """Ask for every path without login."""
    client = link.anonymous()
    client.request("GET", "/", limit=_LIMIT, seconds=_SECONDS)  # no server: say so at once
    looks: list[PageLook] = []
    undecided: list[str] = []
    for known in paths:
        try:
            looks.append(_look(client, known))
        except LinkError as error:
            undecided.append(str(error))
        if len(undecided) == _ENOUGH:
            undecided.append("the rest was not asked")
            break
    client.close()
    return PageSurvey(looks=tuple(looks), shortfall="; ".join(undecided[:5]))


def survey_snapshots(
    link: HttpLink,
    paths: Sequence[str],
    ports: Sequence[int],
    viewer: HttpClient | None,
    account: str = "",
) -> SnapshotSurvey:
    """Ask for pictures without login and without TLS, and once as ``viewer``.

    A plain HTTP port that asks for a login by Digest gets one of ``account``.
    """
    client = link.anonymous()
    client.request("GET", "/", limit=_LIMIT, seconds=_SECONDS)
    genuine = None
    if link.offers("snapshot"):
        paths = [link.operation("snapshot").path, *paths]
        if viewer is not None:
            genuine = link.perform(viewer, "snapshot")
    undecided: list[str] = []
    anonymous = _fetched(client, paths, undecided)
    clear: list[Exchange] = []
    for port in ports:
        clear += _in_clear(link, port, paths, account, undecided)
    return SnapshotSurvey(
        genuine=genuine,
        anonymous=tuple(anonymous),
        clear=tuple(clear),
        shortfall="; ".join(undecided[:5]),
    )


def survey_clear(link: HttpLink, ports: Sequence[int]) -> ClearSurvey:
    """Look at plain HTTP on these ports of the camera; no real credential is sent."""
    client = link.anonymous()
    front = client.request("GET", "/", limit=_LIMIT, seconds=_SECONDS)
    client.close()
    return ClearSurvey(server=front, ports=tuple(_clear_port(link, port) for port in ports))


def _look(client: HttpClient, known: KnownPath) -> PageLook:
    neighbour = ask(client, impossible_neighbour(known.path))
    answer = ask(client, known.path)
    shown = answer is not None and (
        not known.marker or re.search(known.marker.encode(), answer.content, re.DOTALL) is not None
    )
    return PageLook(
        path=known.path,
        source=known.source,
        answer=answer,
        neighbour=neighbour,
        marker_found=shown,
    )


def ask(client: HttpClient, target: str) -> Exchange | None:
    """The answer, or None when the camera hangs up on this request but still serves others."""
    try:
        return client.request("GET", target, limit=_LIMIT, seconds=_SECONDS)
    except Unreachable:
        client.request("GET", "/", limit=_LIMIT, seconds=_SECONDS)
        return None


def _fetched(client: HttpClient, paths: Sequence[str], undecided: list[str]) -> list[Exchange]:
    found: list[Exchange] = []
    for path in dict.fromkeys(paths):
        try:
            answer = ask(client, path)
        except LinkError as error:
            undecided.append(str(error))
            break
        if answer is not None:
            found.append(answer)
    client.close()
    return found


def _in_clear(
    link: HttpLink, port: int, paths: Sequence[str], account: str, undecided: list[str]
) -> list[Exchange]:
    """Ask a port for pictures over plain HTTP, and again with a login by Digest if it wants one."""
    client = link.clear(port)
    silence = _why_no_http(client)
    if silence is not None and silence.cause == "unreachable":
        client.close()
        return []
    problems: list[str] = []
    found = _fetched(client, paths, problems)
    if silence is None or found or silence.cause == "timeout":  # else another protocol is spoken
        undecided += problems
    asked = [e.target for e in found if e.status == 401 and asks_for(e, "digest")]
    if not account or not asked:
        return found
    client = link.clear(port, account)
    for target in asked:
        try:
            answer = ask(client, target)
        except LinkError:
            break
        if answer is None or answer.status == 401:  # never the same wrong password twice
            break
        found.append(answer)
    client.close()
    return found


def asks_for(answer: Exchange, scheme: str) -> bool:
    """Whether an answer asks for a login by this scheme (lower case)."""
    values = answer.all_headers("WWW-Authenticate")
    return any(re.search(rf"\b{scheme}\b", value, re.IGNORECASE) for value in values)


def _why_no_http(client: HttpClient) -> LinkError | None:
    """What came of a request for the front page; None when it was answered."""
    try:
        client.request("GET", "/", limit=_LIMIT, seconds=_SECONDS)
    except LinkError as error:
        return error
    return None


def _clear_port(link: HttpLink, port: int) -> ClearPort:
    client = link.clear(port)
    try:
        root = client.request("GET", "/", limit=_LIMIT, seconds=_SECONDS)
    except LinkError as error:
        client.close()
        return ClearPort(port=port, closed=f"{error.cause}: {error}")
    try:
        landing = front_pages(client, client.server)[-1]
        parts = tuple(parts_of(client, landing, client.server)) if landing.succeeded else ()
        gate = _closed_resource(link, client)
        login = neighbour = None
        if link.offers("login"):
            operation = link.operation("login")
            made_up = link.login_values(client, f"nobody-{secrets.token_hex(4)}", strong_password())
            login = client.perform(operation, made_up)
            elsewhere = operation.model_copy(update={"path": impossible_neighbour(operation.path)})
            neighbour = client.perform(elsewhere, made_up)
    except LinkError as error:
        return ClearPort(port=port, root=root, shortfall=f"port {port}: {error}")
    finally:
        client.close()
    refused = link.gate().anonymous if gate is not None else None
    return ClearPort(
        port=port,
        root=root,
        gate=gate,
        login=login,
        neighbour=neighbour,
        landing=landing,
        parts=parts,
        same_gate=gate is not None and refused is not None and same_page(gate, refused),
    )


def _closed_resource(link: HttpLink, client: HttpClient) -> Exchange | None:
    try:
        target = link.gate().target
    except NotOffered:
        return None  # nothing declared is closed: the front page has to tell
    return ask(client, target)
