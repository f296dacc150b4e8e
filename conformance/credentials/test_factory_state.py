"""CRED-001: in its factory state a camera opens nothing but its first-use set-up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from conformance.case import case
from conformance.credentials.factory_reset import factory_state
from conformance.credentials.factory_visit import demand_provisioning
from conformance.credentials.published_pairs import Tried, published_pairs
from conformance.credentials.web_accounts import accepts, administrator
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.errors import BenchError, LinkError, NotOffered, TimedOut
from devices.links.http.exchange import Exchange
from devices.links.http.link import HttpLink
from devices.links.http.pages import impossible_neighbour, same_kind, same_page, says_refusal
from devices.links.onvif.requests import plain
from devices.secrets import Secrets

_ANSWER_SECONDS = 8.0
_LIMIT = 64 * 1024


@case(
    "CRED-001",
    severity="critical",
    needs=("http",),
    catches=(
        "cred-default-password",
        "stream-anonymous",
        "cred-onvif-anonymous",
    ),
    changes="factory",
    applies_to=("http",),
    revision=2,
)
def test_the_factory_state_opens_nothing(
    *,
    request: pytest.FixtureRequest,
    http: HttpLink,
    camera: Any,
    device: DeviceFile,
    secrets: Secrets,
    evidence: Any,
    knowledge: Any,
) -> None:
    """In its factory state the camera opens nothing but the first-use set-up.

    Method: put the camera into its factory state, by the operation "factory_reset" of the device
    file or by ONVIF SetSystemFactoryDefault, and wait until it is ready. Without login ask for
    every declared closed resource of the web interface, for every declared stream, and for the
    users over ONVIF; log in on the web with every published pair. Then provision it again.
    Pass: nothing declared closed answers, no stream is described, and no published pair logs in.
    """
    demand_provisioning(device)
    genuine = _as_administrator(http, secrets, device)
    faults: list[str] = []
    try:
        with factory_state(
            http=http,
            request=request,
            camera=camera,
            device=device,
            secrets=secrets,
            evidence=evidence,
        ):
            faults += _open_resources(http, genuine, evidence)
            faults += _open_streams(device, request, evidence)
            faults += _open_onvif(device, request, evidence)
            try:
                faults += _accepted_pairs(http, knowledge("default_credentials"), evidence)
            except NotOffered:
                if not faults:  # else everything is open, and reported as such
                    raise
    except (BenchError, TimedOut) as error:
        if not faults:
            raise
        faults.append(f"Nor could the bench set it up again: {error}")
    assert not faults, "In its factory state, " + " ".join(faults)


def _as_administrator(http: HttpLink, secrets: Secrets, device: DeviceFile) -> dict[str, Exchange]:
    """What an administrator gets of the closed resources, to compare with; empty without one.

    Streams are left out: they do not end, and their refusals are no envelopes.
    """
    media = {urlsplit(stream.url).path for stream in device.declared.streams}
    targets = [target for target in http.closed_targets() if target not in media]
    try:
        admin = administrator(http, secrets)
    except (LinkError, Inconclusive):
        return {}
    try:
        return {
            target: admin.request("GET", target, limit=_LIMIT, seconds=_ANSWER_SECONDS)
            for target in targets
        }
    except LinkError:
        return {}
    finally:
        http.leave(admin)


def _open_resources(
    http: HttpLink, genuine: Mapping[str, Exchange], evidence: Any
) -> Iterator[str]:
    client = http.anonymous()
    for target in http.closed_targets():
        if target == "/":  # where a set-up begins
            continue
        answer = evidence.observe(client.request("GET", target), f"anonymous {target}")
        beside = client.request("GET", impossible_neighbour(target))
        known = genuine.get(target)
        compared = known is not None and known.succeeded and says_refusal(answer)
        if known is not None and compared and not same_kind(answer, known):
            continue  # an error that comes with 200
        if answer.succeeded and not (beside.succeeded and same_page(answer, beside)):
            yield f"{answer.request} answers {answer.status} without login."
    client.close()


def _open_streams(
    device: DeviceFile, request: pytest.FixtureRequest, evidence: Any
) -> Iterator[str]:
    if not any(stream.over_rtsp for stream in device.declared.streams):
        return
    answers = evidence.observe(
        request.getfixturevalue("rtsp").anonymous_answers([], set_up=False), "streams without login"
    )
    for answer in answers.answers:
        if answer.described:
            yield f"{answer.method} {answer.url} describes the stream without login."


def _open_onvif(device: DeviceFile, request: pytest.FixtureRequest, evidence: Any) -> Iterator[str]:
    if device.links.onvif is None:
        return
    get_users = plain("device", "GetUsers")
    with request.getfixturevalue("onvif").session() as session:
        reply = session.call("device", get_users)
        evidence.record("onvif-users.json", session.answer("device", get_users, reply))
    if reply.body is not None:
        yield f"{device.links.onvif.url} answers GetUsers without login."


def _accepted_pairs(http: HttpLink, rows: list[dict[str, str]], evidence: Any) -> Iterator[str]:
    """Try every published pair once; a lock on the way is as good as a refusal.

    Raises NotOffered when nothing shows whether a login is accepted.
    """
    http.gate()
    tried: list[Tried] = []
    for pair in published_pairs(rows):
        try:
            attempt = accepts(http, pair.username, pair.password)
        except LinkError as error:
            raise Inconclusive(f"the published pairs: {error}", error.cause) from error
        status = attempt.answer.status
        tried.append(Tried(pair.username, pair.password, pair.vendor, status, attempt.accepted))
    evidence.record("published-pairs.json", tried)
    for pair in tried:
        if pair.accepted:
            yield (
                f"{http.server.url} accepts the published {pair.username!r} with "
                f"{pair.password!r} ({pair.vendor})."
            )
