"""CRED-034: when a session of the web interface ends, and how hard its token is to guess."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from conformance.case import case
from conformance.credentials.session_events import Bench, Events
from conformance.credentials.web_accounts import trial_viewer
from conformance.verdict import Inconclusive, NotApplicable
from devices.description import DeviceFile
from devices.errors import OutsideAuthorisation
from devices.links.administration import Administration
from devices.links.http.endings import SessionEnding
from devices.links.http.link import HttpLink
from devices.links.http.token_sample import TokenSample, sample_tokens
from devices.links.power import ColdStart
from devices.links.users import UserWay
from devices.permit import Permit
from devices.secrets import Secrets


@pytest.fixture
def restart(
    http: HttpLink, camera: Any, cold_start: ColdStart, device: DeviceFile, permit: Permit
) -> Callable[[], None]:
    """Restart the camera and wait until its web interface is back."""

    def restarted() -> None:
        if not permit.permits("power"):
            raise OutsideAuthorisation("authorisation.allow does not name 'power'")
        listening = camera.listening()
        cold_start.begin()
        if device.bench.power is None:
            camera.wait_gone(services=listening)
        camera.wait_ready(services=listening)
        http.wait_until_it_answers(device.bench.boot_seconds)

    return restarted


@case(
    "CRED-034",
    severity="high",
    needs=("http",),
    catches=(
        "cred-session-survives-admin-change",
        "cred-session-survives-role",
        "cred-session-survives-removal",
        "cred-session-survives-reboot",
        "cred-session-never-idle",
        "cred-session-time-hash",
        "cred-session-short",
        "cred-session-counter",
        "cred-session-survives-logout",
        "cred-session-survives-change",
    ),
    changes="power",
    applies_to=("http",),
    revision=2,
)
def test_sessions_end_and_cannot_be_guessed(
    *,
    http: HttpLink,
    user_ways: Sequence[UserWay],
    administrations: Sequence[Administration],
    pass_time: Any,
    restart: Callable[[], None],
    device: DeviceFile,
    secrets: Secrets,
    evidence: Any,
    policy: Any,
) -> None:
    """Web sessions end when they should, and their tokens cannot be worked out.

    Method: with a user made for it (over ONVIF, or by the web interface's declared operations),
    log in and out as often as policy "passwords" says and compare the tokens: characters that
    vary, an estimate of their entropy, counting, hashes of the time or of a counter. Log in over a
    living session. Then begin a session before each of these, and use it after: logout; a change
    of the user's password by the user and by an administrator; an administrator made a viewer; the
    idle time of the policy, or the shorter one that is declared (the bench moves the camera's
    clock, or waits); a restart of the camera; the removal of the user. A fresh login goes after
    each, so that a camera that refuses everybody is not taken for one that ends sessions.
    Pass: tokens reach the bits of the policy and are made of nothing that can be guessed, a login
    gives a new one, and no session is alive after any of the events (after the change of role:
    does what only the higher role may).
    """
    if http.description.authentication != "session":
        kind = http.description.authentication
        raise NotApplicable(f"the device file declares {kind} authentication: no sessions")
    rule = policy("passwords")["sessions"]
    idle = min(rule["idle_seconds"], device.declared.session_idle_seconds or rule["idle_seconds"])
    with trial_viewer(http, user_ways, secrets) as user:
        login = (user.username, user.password)
        sample = evidence.observe(sample_tokens(http, *login, rule["sample"]), "tokens")
        events = Events(
            Bench(http, secrets, administrations, pass_time, restart, idle, rule["longest_wait"]),
            user,
        )
        events.run()
    for ending in events.found:
        evidence.observe(ending, ending.event)
    faults = [*_tokens(sample, rule), *_endings(http, events.found, sure=pass_time.sure)]
    assert not faults, " ".join(faults)
    _demand_all(sample, events, rule)


def _tokens(sample: TokenSample, rule: dict[str, Any]) -> Iterator[str]:
    facts = sample.facts
    what = f"The tokens of {facts.count} logins ({facts.shortest} characters, {facts.alphabet})"
    if facts.distinct < facts.count:
        yield f"{what} are only {facts.distinct} different ones."
    if facts.counting:
        yield f"{what} are numbers that count."
    if facts.made_of:
        yield f"{what} are the {facts.made_of}."
    if facts.upper_bits < rule["min_bits"]:
        dated = ", and hold the time of the login" if facts.dated else ""
        yield (
            f"{what} differ in {facts.varying} characters{dated}: at most {facts.upper_bits} bits, "
            f"expected {rule['min_bits']} or more."
        )
    elif facts.count >= rule["min_sample"] and facts.estimated_bits < rule["min_estimated_bits"]:
        yield f"{what} are far from random: about {facts.estimated_bits} bits by the estimate."
    if sample.renewed is False:
        yield "A login over a living session goes on with the token of that session."


def _endings(http: HttpLink, found: Sequence[SessionEnding], *, sure: bool) -> Iterator[str]:
    for ending in found:
        if not ending.alive or (ending.event == "idle time" and not sure):
            continue
        if ending.event == "role change" and ending.control is False:
            continue  # a fresh login of the lower role gets it too: nothing that the session kept
        did = (
            "does what only the higher role may"
            if ending.event == "role change"
            else "still opens closed resources"
        )
        after = f"{ending.seconds:.0f} s of " if ending.seconds else ""
        yield f"{http.server.url}: a session {did} after {after}{ending.event} (by {ending.by})."


def _demand_all(sample: TokenSample, events: Events, rule: dict[str, Any]) -> None:
    """Raise Inconclusive for what was not measured."""
    if sample.facts.count < rule["min_sample"]:
        ended = sample.ended_by or "the logins were refused"
        events.missing.append(f"only {sample.facts.count} tokens could be had: {ended}")
    events.missing += [
        f"{ending.event}: a fresh login of the lower role gets the resource as well (where a "
        "refusal comes with 200, say in links.http.refusal how it reads)"
        if ending.event == "role change"
        else f"{ending.event}: a fresh login was refused as well"
        for ending in events.found
        if ending.control is False
    ]
    if events.missing:
        raise Inconclusive("; ".join(events.missing), "not-measured")
