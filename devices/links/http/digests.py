"""HTTP digest (RFC 7616) wherever a camera asks for it: what it offers, how its nonces are used."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from devices.errors import Garbled, LinkError, LoginRefused, NotOffered
from devices.links.http.link import HttpLink
from devices.observation import Observation
from devices.protocols.digest import DigestClient, best_digest, parse_challenges

_LIMIT = 4096
_FAR_AHEAD = 16
"""Counts ahead of what was used: a count that nothing else has taken."""
_TARGETS = 12


@dataclass(frozen=True)
class DigestOffer:
    """The authentication that one place asks for: schemes and digest algorithms, upper case."""

    surface: str
    place: str
    schemes: tuple[str, ...]
    algorithms: tuple[str, ...]
    qop: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DigestOffers(Observation):
    """Every place that refuses nobody with a challenge."""

    offers: tuple[DigestOffer, ...]


@dataclass(frozen=True)
class DoorAnswer:
    """An answer to one request with one ``Authorization``."""

    accepted: bool
    status: int
    challenges: tuple[str, ...] = ()


@dataclass(frozen=True)
class DigestDoor:
    """A request that digest opens. ``send`` takes the ``Authorization`` value, empty for none."""

    surface: str
    method: str
    target: str
    username: str
    password: str = field(repr=False)
    send: Callable[[str], DoorAnswer]
    body: bytes = b""


@dataclass(frozen=True, kw_only=True)
class HttpNonceUse(Observation):
    """One nonce used in several ways; None where it was not tried.

    ``repeated``: an accepted request once more, byte for byte; ``lower``: a new one with a count
    already used; ``made_up``: with a nonce that the server never gave; ``aged``: a count never
    used, ``seconds`` later (``by`` clock or waiting), ``stale`` whether that refusal says so.
    ``control``: a fresh login went through at the end.
    """

    surface: str
    place: str
    qop: tuple[str, ...]
    repeated: bool | None = None
    lower: bool | None = None
    made_up: bool | None = None
    aged: bool | None = None
    stale: bool | None = None
    seconds: float = 0.0
    by: str = ""
    control: bool | None = None


def offer_of(surface: str, place: str, challenges: tuple[str, ...]) -> DigestOffer:
    """What some ``WWW-Authenticate`` values offer. Raises Garbled."""
    found = parse_challenges(challenges)
    digests = [c for c in found if c.scheme == "digest" and c.nonce]  # none else can be answered
    return DigestOffer(
        surface,
        place,
        tuple(dict.fromkeys(c.scheme for c in found if c.scheme != "digest" or c.nonce)),
        tuple(dict.fromkeys(c.algorithm for c in digests)),
        tuple(dict.fromkeys(q for c in digests for q in c.qop)),
    )


def web_offers(link: HttpLink) -> DigestOffers:
    """What the web interface's closed resources ask for."""
    client = link.anonymous()
    offers: list[DigestOffer] = []
    missing: list[str] = []
    try:
        for target in link.closed_targets()[:_TARGETS]:
            try:
                answer = client.request("GET", target, limit=_LIMIT)
                challenges = tuple(answer.all_headers("WWW-Authenticate"))
                if challenges:
                    offers.append(offer_of("web interface", target, challenges))
            except LinkError as error:
                missing.append(f"{target}: {error}")
    finally:
        client.close()
    return DigestOffers(offers=tuple(offers), shortfall="; ".join(missing[:3]))


def web_door(link: HttpLink, target: str, username: str, password: str) -> DigestDoor:
    """A resource of the web interface that asks for digest."""

    def send(authorization: str) -> DoorAnswer:
        client = link.anonymous()
        try:
            headers = {"Authorization": authorization} if authorization else {}
            answer = client.request("GET", target, headers=headers, limit=_LIMIT)
        finally:
            client.close()
        challenges = tuple(answer.all_headers("WWW-Authenticate"))
        return DoorAnswer(answer.succeeded, answer.status, challenges)

    return DigestDoor("web interface", "GET", target, username, password, send)


def nonce_use(door: DigestDoor) -> tuple[HttpNonceUse, DigestClient]:
    """Use one nonce in every way; the login goes on where it is, for its age.

    A right login follows each that should be refused. Raises NotOffered when no digest is asked
    for, LoginRefused when the right one is not taken.
    """
    login, challenges = _begun(door)
    first = _authorization(door, login)
    _demand(door, door.send(first))
    second = _authorization(door, login)
    taken = door.send(second)
    best = best_digest(parse_challenges(challenges))
    qop = best.qop if best is not None else ()
    # Without qop (RFC 2069) nothing is counted, but a nonce can be good for one request.
    repeated, lower = door.send(second if taken.accepted else first).accepted, None
    _rightly(door)
    if qop:
        lower = door.send(_authorization(door, login.altered(count=0))).accepted
        _rightly(door)
    made_up = door.send(_with_made_up_nonce(door, challenges)).accepted
    use = HttpNonceUse(
        surface=door.surface,
        place=door.target,
        qop=qop,
        repeated=repeated,
        lower=lower,
        made_up=made_up,
        control=_rightly(door),
    )
    return use, login.altered(count=_FAR_AHEAD)


def aged(
    door: DigestDoor, use: HttpNonceUse, pass_time: AbstractContextManager[None], *, seconds: float
) -> HttpNonceUse:
    """The same, with what becomes of a nonce that was given ``seconds`` ago."""
    login, _ = _begun(door)
    _demand(door, door.send(_authorization(door, login)))
    with pass_time:
        answer = door.send(_authorization(door, login.altered(count=_FAR_AHEAD)))
        control = _rightly(door)
    try:
        stale = any(challenge.stale for challenge in parse_challenges(answer.challenges))
    except Garbled:
        stale = False
    return HttpNonceUse(
        **{
            **{name: getattr(use, name) for name in use.__dataclass_fields__},
            "aged": answer.accepted,
            "stale": stale if not answer.accepted else None,
            "seconds": seconds,
            "control": control,
        }
    )


def _begun(door: DigestDoor) -> tuple[DigestClient, tuple[str, ...]]:
    challenges = door.send("").challenges
    login = DigestClient(door.username, door.password)
    if not login.challenged(parse_challenges(challenges)):
        raise NotOffered(
            f"{door.surface} {door.target}: no digest that can be answered is asked for"
        )
    return login, challenges


def _authorization(door: DigestDoor, login: DigestClient) -> str:
    return login.authorization(door.method, door.target, door.body) or ""


def _demand(door: DigestDoor, answer: DoorAnswer) -> None:
    if not answer.accepted:
        raise LoginRefused(
            f"{door.surface} {door.target}: the right digest is answered {answer.status}"
        )


def _rightly(door: DigestDoor) -> bool:
    """A fresh right login, so that refusals do not add up to a lock."""
    login, _ = _begun(door)
    return door.send(_authorization(door, login)).accepted


def _with_made_up_nonce(door: DigestDoor, challenges: tuple[str, ...]) -> str:
    best = best_digest(parse_challenges(challenges))
    assert best is not None  # it was answered
    nonce = secrets.token_hex(max(8, len(best.nonce) // 2))
    changed = tuple(text.replace(best.nonce, nonce) for text in challenges)
    login = DigestClient(door.username, door.password)
    login.challenged(parse_challenges(changed))
    return _authorization(door, login)
