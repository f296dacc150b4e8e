"""Events over ONVIF: who may subscribe, and who may use a subscription of another.

The subscription is the bench's own and is ended afterwards; it can be used by nobody else but who
learns its address, which is what is tried here.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4
from xml.etree.ElementTree import Element

from devices.errors import LinkError
from devices.links.onvif import places, requests
from devices.links.onvif.client import Credentials, Reply, SoapClient
from devices.links.onvif.observations import Outcome
from devices.links.onvif.places import AnnouncedAddress
from devices.links.onvif.session import OnvifSession
from devices.observation import Observation
from devices.protocols import soap
from devices.protocols.onvif_operations import action

NOBODY, STRANGER, ACCOUNT = "no login", "unknown user", "account"


@dataclass(frozen=True)
class EventAnswer:
    """How the camera answered one operation of the event service.

    ``caller``: ``no login``, ``unknown user`` (who cannot exist) or ``account``. ``owner`` is the
    caller whose subscription the request went to, empty for the service itself; ``messages`` counts
    the events in the answer.
    """

    operation: str
    caller: str
    owner: str
    outcome: Outcome
    http_status: int
    detail: str = ""
    messages: int = 0


@dataclass(frozen=True)
class ClearAnswer:
    """What a port answered to GetServiceCapabilities of the event service without TLS.

    ``soap``: it answered in SOAP, so that there is a service behind it.
    """

    url: str
    outcome: Outcome
    http_status: int
    soap: bool = False


@dataclass(frozen=True, kw_only=True)
class OnvifEvents(Observation):
    """Events asked for as an account, without login and as a user who cannot exist.

    ``protection`` is that of the connection, ``none`` without TLS; ``reference`` the address of the
    account's own subscription, None where the camera makes none. ``in_clear`` are the ports that
    were asked without TLS and answered. ``service`` is None, and nothing was asked, where the
    camera announces no event service.
    """

    protection: str
    service: AnnouncedAddress | None
    reference: AnnouncedAddress | None
    answers: tuple[EventAnswer, ...]
    in_clear: tuple[ClearAnswer, ...] = ()


@dataclass(frozen=True)
class _Subscription:
    """Where a subscription is addressed, and the parameters that every request repeats."""

    address: str
    parameters: tuple[Element, ...]


def observe_events(session: OnvifSession, clear_ports: Iterable[int]) -> OnvifEvents:
    """Try subscriptions as everybody; ``clear_ports`` are asked for events without TLS."""
    announced = session.address("events")
    protection = session.protection.label
    if announced is None:
        return OnvifEvents(protection=protection, service=None, reference=None, answers=())
    where = places.whereabouts(session)
    probe = _Probe(session, announced.address)
    own = probe.run()
    reference = None
    if own is not None:
        reference = where.announced("events", "CreatePullPointSubscription", "", own.address)
    found, problems = _in_clear(session, probe.path, clear_ports)
    return OnvifEvents(
        protection=protection,
        service=where.announced("events", "GetServices", "events", announced.address),
        reference=reference,
        answers=tuple(probe.answers),
        in_clear=tuple(found),
        shortfall="; ".join([*probe.problems, *problems]),
    )


class _Probe:
    """Asks, and keeps the answers; a right login goes between any two that should be refused."""

    def __init__(self, session: OnvifSession, service: str) -> None:
        self._session = session
        self._service = service
        self._client, self.path = session.client_at(service)
        self._stranger = Credentials(f"x{secrets.token_hex(6)}", secrets.token_urlsafe(12))
        self.answers: list[EventAnswer] = []
        self.problems: list[str] = []

    def run(self) -> _Subscription | None:
        """Try everything; returns the account's own subscription, ended by then."""
        own = self._subscribe(ACCOUNT)
        try:
            self._subscribe_and_end(NOBODY)
            self._subscribe_and_end(STRANGER)
            if own is not None:
                self._ask(requests.pull_messages(), ACCOUNT, own)
                self._ask(requests.pull_messages(), NOBODY, own)
                self._ask(requests.pull_messages(), STRANGER, own)
                self._ask(requests.unsubscribe(), NOBODY, own)
        finally:
            if own is not None:
                self._ask(requests.unsubscribe(), ACCOUNT, own)
        return own

    def _subscribe(self, caller: str) -> _Subscription | None:
        reply = self._ask(requests.create_pull_point(), caller)
        return _subscription(reply.body) if reply is not None and reply.body is not None else None

    def _subscribe_and_end(self, caller: str) -> None:
        if (opened := self._subscribe(caller)) is None:
            return
        for other in (caller, ACCOUNT):
            self._ask(requests.pull_messages(), other, opened, owner=caller)
            self._ask(requests.unsubscribe(), other, opened, owner=caller)
            if self.answers[-1].outcome is Outcome.DATA:
                return

    def _ask(
        self, body: Element, caller: str, on: _Subscription | None = None, owner: str = ACCOUNT
    ) -> Reply | None:
        """One request; what goes wrong on the way is kept as a problem."""
        operation = soap.local(body)
        client, path = (self._client, self.path)
        try:
            if on is not None:
                client, path = self._session.client_at(on.address)
            with addressed(client, on.address if on else self._service, body, on):
                reply = client.call(path, body, self._credentials(caller))
        except LinkError as error:
            self.problems.append(f"{operation} as {caller}: {error}")
            return None
        messages = 0
        if reply.body is not None:
            messages = len(soap.children(reply.body, "NotificationMessage"))
        self.answers.append(
            EventAnswer(
                operation,
                caller,
                owner if on is not None else "",
                reply.outcome,
                reply.http_status,
                reply.detail,
                messages,
            )
        )
        return reply

    def _credentials(self, caller: str) -> Credentials | None:
        known = {ACCOUNT: self._session.credentials, STRANGER: self._stranger}
        return known.get(caller)


@contextmanager
def addressed(
    client: SoapClient, to: str, body: Element, on: _Subscription | None
) -> Iterator[None]:
    """Send WS-Addressing headers with requests (WS-Addressing 1.0, 3.4), and the subscription's."""
    client.header = [
        soap.element("wsa:Action", action(soap.namespace(body), soap.local(body))),
        soap.element("wsa:MessageID", f"urn:uuid:{uuid4()}"),
        soap.element("wsa:To", to),
        *(on.parameters if on is not None else ()),
    ]
    try:
        yield
    finally:
        client.header = ()


def _subscription(body: Element) -> _Subscription | None:
    reference = soap.child(body, "SubscriptionReference")
    if reference is None or not (address := soap.text(reference, "Address")):
        return None
    parameters: Sequence[Element] = ()
    for name in ("ReferenceParameters", "ReferenceProperties"):
        holder = soap.child(reference, name)
        parameters = [*parameters, *(holder if holder is not None else ())]
    return _Subscription(address, tuple(parameters))


def _in_clear(
    session: OnvifSession, path: str, ports: Iterable[int]
) -> tuple[list[ClearAnswer], list[str]]:
    """Ask ports for what needs no login, without TLS and without any credentials."""
    found: list[ClearAnswer] = []
    problems: list[str] = []
    body = requests.plain("events", "GetServiceCapabilities")
    for port in dict.fromkeys(ports):
        with session.without_tls(port) as client:
            url = f"{client.url}{path}"
            try:
                reply = client.call(path, body)
            except LinkError as error:
                if error.cause == "timeout":
                    problems.append(f"{url}: {error}")
                continue
            found.append(ClearAnswer(url, reply.outcome, reply.http_status, reply.soap))
    return found, problems
