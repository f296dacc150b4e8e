"""What an ONVIF device lets whom do: access by role, logins used again, passwords guessed.

Every probe only reads. None sends more than one wrong login in a row, except the guessing, which
is for an account that may be locked.
"""

from __future__ import annotations

import secrets
import time
from datetime import timedelta
from xml.etree.ElementTree import Element

from devices.errors import LinkError, LoginRefused, NotOffered
from devices.links.onvif import requests
from devices.links.onvif.client import Credentials
from devices.links.onvif.media import read_profiles
from devices.links.onvif.observations import (
    OnvifAccess,
    OnvifGuessing,
    OnvifReplay,
    OperationAnswer,
    Outcome,
)
from devices.links.onvif.session import OnvifSession
from devices.protocols import soap
from devices.protocols.digest import DigestClient, parse_challenges
from devices.protocols.onvif_operations import services
from devices.protocols.wsse import UsernameToken, text_token

OUTDATED_MINUTES = 60


def profile_token(session: OnvifSession) -> str:
    """A profile token that exists; a made-up one when none can be read."""
    try:
        profiles = read_profiles(session).profiles
    except (NotOffered, LoginRefused):
        return "Profile_1"
    return profiles[0].token if profiles else "Profile_1"


def access(session: OnvifSession, role: str, profile: str) -> OnvifAccess:
    """Call every reading operation of every announced service as the session's account."""
    answers: list[OperationAnswer] = []
    missing: list[str] = []
    for name, definition in services().items():
        announced = session.address(name)
        if name != "device" and announced is None:
            continue
        heard = name == "device"
        for operation in definition.probes:
            body = requests.probe(name, operation, profile)
            try:
                reply = session.call(name, body)
                answers.append(session.answer(name, body, reply))
                heard = heard or reply.soap or reply.outcome is Outcome.NOT_AUTHORISED
            except LinkError as error:
                missing.append(f"{name}.{operation}: {error}")
        if not heard and announced is not None:
            missing.append(
                f"the {name} service is announced at {announced.address}, and "
                f"{announced.contacted}, where the suite calls it, has none: give links.onvif.url "
                "the port that has all services"
            )
    if missing and not answers:
        raise LinkError("; ".join(missing[:3]))
    return OnvifAccess(
        caller=session.caller, role=role, answers=tuple(answers), shortfall="; ".join(missing)
    )


def replay(session: OnvifSession) -> OnvifReplay:
    """Use one login twice, an outdated one, and the password in clear.

    A fresh right login goes between any two that should be refused, so that no lock is reached.
    Raises LoginRefused when even a fresh login is not accepted, NotOffered when nothing tells.
    """
    credentials = _credentials(session)
    target, body = _gate(session)
    if session.client.scheme == "HTTP digest":
        return _digest_replay(session, credentials)
    client = session.client
    token = client.fresh_token(credentials)
    fresh = client.with_token(target, body, token)
    repeated = client.with_token(target, body, token)
    between = [client.call(target, body, credentials).outcome]
    age = timedelta(minutes=OUTDATED_MINUTES)
    outdated = client.with_token(target, body, client.fresh_token(credentials, age))
    between.append(client.call(target, body, credentials).outcome)
    clear = client.with_token(target, body, _in_clear(session, credentials))
    client.call(target, body, credentials)
    return OnvifReplay(
        scheme="UsernameToken",
        fresh=fresh.outcome,
        repeated=repeated.outcome,
        outdated=outdated.outcome,
        outdated_minutes=OUTDATED_MINUTES,
        password_text=clear.outcome,
        shortfall=_closed_meanwhile(between),
    )


def _in_clear(session: OnvifSession, known: Credentials) -> UsernameToken:
    """The password as it is, with a nonce and a date: a camera may refuse what lacks them."""
    return text_token(known.username, known.password, session.client.camera_time())


def _closed_meanwhile(between: list[Outcome]) -> str:
    """A refusal says nothing of a login once right logins are refused as well."""
    if all(outcome is Outcome.DATA for outcome in between):
        return ""
    return "a fresh right login was refused between the others: the account is locked"


def _digest_replay(session: OnvifSession, credentials: Credentials) -> OnvifReplay:
    target, body = _gate(session)
    client = session.client
    digest = DigestClient(credentials.username, credentials.password)
    digest.challenged(parse_challenges(client.send(target, body).challenges))
    header = digest.authorization("POST", target, soap.envelope(body)) or ""
    outcomes = [
        client.send(target, body, authorization=header, sender=credentials.username).outcome
        for _ in range(2)
    ]
    between = [client.call(target, body, credentials).outcome]
    clear = client.with_token(target, body, _in_clear(session, credentials))
    return OnvifReplay(
        scheme="HTTP digest",
        fresh=outcomes[0],
        repeated=outcomes[1],
        password_text=clear.outcome,
        shortfall=_closed_meanwhile(between),
    )


def guess(session: OnvifSession, attempts: int) -> OnvifGuessing:
    """Try wrong passwords in a row, then the right one.

    Raises LoginRefused when the right password is not accepted at the start, NotOffered when
    nothing tells whether it is.
    """
    credentials = _credentials(session)
    target, body = _gate(session)
    before = session.client.call(target, body, credentials)
    before.demand(soap.local(body))
    wrong: list[Outcome] = []
    seconds: list[float] = []
    for _ in range(attempts):
        guessed = Credentials(credentials.username, secrets.token_urlsafe(9) + "aA1!")
        began = time.monotonic()
        wrong.append(session.client.call(target, body, guessed).outcome)
        seconds.append(round(time.monotonic() - began, 3))
    after = session.client.call(target, body, credentials)
    return OnvifGuessing(
        account=session.caller,
        before=before.outcome,
        wrong=tuple(wrong),
        seconds=tuple(seconds),
        after=after.outcome,
    )


def _gate(session: OnvifSession) -> tuple[str, Element]:
    """Where and by what request a login is told. Raises LoginRefused, NotOffered."""
    gate = session.gate()
    return session.path(gate.service), requests.plain(gate.service, gate.operation)


def _credentials(session: OnvifSession) -> Credentials:
    if session.credentials is None:
        raise LoginRefused("this probe needs an account")
    return session.credentials
