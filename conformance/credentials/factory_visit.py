"""What is measured in the factory state and in set-up; ``factory_remains``: what a reset leaves."""

from __future__ import annotations

import secrets as random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from conformance.credentials.web_accounts import accepts
from conformance.verdict import Inconclusive
from devices.description import DeviceFile
from devices.errors import DeviceFileError, LinkError, NotOffered
from devices.links.expendable_account import logs_in_soon
from devices.links.http.link import HttpLink
from devices.links.onvif import requests
from devices.links.onvif.link import OnvifLink
from devices.links.onvif.observations import Outcome
from devices.links.password_trials import Candidate, Trial, kinds_of, web_login
from devices.links.rtsp.link import RtspLink
from devices.links.ssh.link import SshLink
from devices.links.users import UserWay
from devices.observation import Observation
from devices.secrets import Secrets


def demand_provisioning(device: DeviceFile) -> None:
    """Raise Inconclusive where the bench could not set the camera up again after a reset."""
    provision = device.bench.provision
    if provision is None or provision.lacking:
        why = f"bench.provision: {provision.lacking}" if provision else "there is none"
        raise Inconclusive(
            "after a reset nobody could set the camera up again by the [bench.provision] of the "
            f"device file: {why}",
            "no-provisioning",
        )


@dataclass(frozen=True)
class SurfaceAnswer:
    """What one surface did before anybody had set a password. ``login``: nobody, or as whom."""

    surface: str
    login: str
    asked: str
    open: bool


@dataclass(frozen=True, kw_only=True)
class FirstUse(Observation):
    """The surfaces of a camera in its factory state: to nobody, and to the initial password."""

    answers: tuple[SurfaceAnswer, ...]


@dataclass(frozen=True, kw_only=True)
class SetUp(Observation):
    """First-use set-up: weak passwords tried in it, and calls of it when it was done.

    ``again``: (surface, whether it made a user who can log in).
    """

    trials: tuple[Trial, ...] = ()
    again: tuple[tuple[str, bool], ...] = ()


@dataclass
class Surfaces:
    """The links that the bench has; None for those it has not."""

    http: HttpLink
    onvif: OnvifLink | None
    rtsp: RtspLink | None
    ssh: SshLink | None
    ways: Sequence[UserWay]
    secrets: Secrets


def look_at_first_use(at: Surfaces, users: Sequence[str], initial: str, tries: int) -> FirstUse:
    """Ask every surface as nobody, and as ``users`` with the initial password.

    ``tries``: wrong logins that close nothing; surfaces that would need more are left out.
    """
    answers: list[SurfaceAnswer] = []
    problems: list[str] = []
    nobody: list[tuple[str, str, Callable[[], bool]]] = []
    if at.onvif is not None:
        for service, operation in (("device", "GetUsers"), ("media", "GetProfiles")):
            nobody.append(("ONVIF", operation, _onvif(at.onvif, service, operation)))
    for surface, asked, ask in nobody:
        _ask(answers, problems, SurfaceAnswer(surface, "nobody", asked, open=False), ask)
    for user in users if initial else ():
        for surface, asked, ask, cost in _logins(at, user, initial):
            if cost > tries:
                problems.append(f"{surface} was not tried as {user}, for the lock forbids more")
                continue
            tries -= cost
            entry = SurfaceAnswer(surface, f"{user} with the initial password", asked, open=False)
            _ask(answers, problems, entry, ask)
    return FirstUse(answers=tuple(answers), shortfall="; ".join(problems))


def _ask(
    answers: list[SurfaceAnswer],
    problems: list[str],
    entry: SurfaceAnswer,
    ask: Callable[[], bool],
) -> None:
    try:
        open_ = ask()
    except NotOffered:
        return
    except (LinkError, DeviceFileError) as error:
        problems.append(f"{entry.surface} {entry.asked}: {error}")
        return
    answers.append(SurfaceAnswer(entry.surface, entry.login, entry.asked, open=open_))


def _logins(
    at: Surfaces, user: str, password: str
) -> list[tuple[str, str, Callable[[], bool], int]]:
    """(surface, what is asked, how, wrong logins that it may cost)."""
    found: list[tuple[str, str, Callable[[], bool], int]] = [
        ("the web interface", "a closed resource", _web(at.http, user, password), 1)
    ]
    if at.onvif is not None:
        call = _onvif(at.onvif, "device", "GetUsers", (user, password))
        found.append(("ONVIF", "GetUsers", call, 2))
    if at.rtsp is not None:
        rtsp = at.rtsp
        found.append(("RTSP", "DESCRIBE", lambda: rtsp.takes(user, password) == 200, 1))
    return found


def _web(http: HttpLink, user: str, password: str) -> Callable[[], bool]:
    return lambda: accepts(http, user, password).accepted


def _onvif(
    link: OnvifLink, service: str, operation: str, login: tuple[str, str] | None = None
) -> Callable[[], bool]:
    def ask() -> bool:
        with link.session_with(*login) if login else link.session() as session:
            reply = session.call(service, requests.plain(service, operation))
        if reply.outcome is Outcome.NOT_SUPPORTED:
            raise NotOffered(operation)
        return reply.outcome is Outcome.DATA

    return ask


def try_set_up(
    at: Surfaces, user: str, initial: str, candidates: Sequence[Candidate]
) -> tuple[list[Trial], str]:
    """Set the camera up with weak passwords until one is taken; returns that one too, else ''."""
    trials: list[Trial] = []
    setup = at.http.operation("setup")
    for candidate in candidates:
        if candidate.rule == "reuse":
            continue
        password = candidate.make(user)
        if candidate.rule in {"length", "kinds"}:
            at.secrets.remember("trial.password", password)
        client = at.http.anonymous()
        answer = at.http.perform(
            client, "setup", username=user, password=password, initial_password=initial
        )
        client.close()
        answered = answer.status in setup.success
        taken = answered and logs_in_soon(web_login(at.http), user, password)
        kinds = kinds_of(password)
        trials.append(Trial(candidate.rule, candidate.what, len(password), kinds, taken))
        if taken:
            return trials, password
    return trials, ""


def set_up_again(at: Surfaces, initial: str) -> list[tuple[str, bool]]:
    """Call the set-up on a camera that is set up, as nobody; a user that it makes is removed."""
    found: list[tuple[str, bool]] = []
    if at.http.offers("setup"):
        name, password = f"Tr{random.token_hex(4)}", at.secrets.trial_password()
        client = at.http.anonymous()
        answer = at.http.perform(
            client, "setup", username=name, password=password, initial_password=initial
        )
        client.close()
        success = at.http.done("setup", answer)
        made = success and accepts(at.http, name, password).accepted
        found.append((answer.request, made))
        if success:
            remove(at, name)
    if at.onvif is not None:
        name, password = f"Tr{random.token_hex(4)}", at.secrets.trial_password()
        with at.onvif.session() as session:
            body = requests.create_user(name, password, "User")
            entry = at.onvif.journal.begin("user", name, "onvif")
            outcome = session.call("device", body).outcome
            made = outcome is Outcome.DATA
            if outcome in (Outcome.NOT_AUTHORISED, Outcome.NOT_SUPPORTED):
                at.onvif.journal.end(entry, f"refused: {outcome.value}")
        found.append(("ONVIF CreateUsers", made))
        if made:
            remove(at, name)
    return found


def remove(at: Surfaces, name: str) -> None:
    """Remove a user by every way that there is."""
    for way in at.ways:
        with suppress(LinkError, DeviceFileError):
            way.delete(name)
