"""A SOAP client for ONVIF cameras: one session, one connection, one account at a time.

Login is by WS-UsernameToken with the camera's own clock, or by HTTP digest where the camera asks
for that (ONVIF Core, 5.9.1). Which one works is found once and then kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal
from xml.etree.ElementTree import Element

from devices.errors import Garbled, LoginRefused, NotOffered
from devices.links.http.exchange import ANONYMOUS, Exchange
from devices.links.http.transport import Transport
from devices.links.onvif.observations import Outcome
from devices.protocols import soap
from devices.protocols.digest import DigestClient, parse_challenges
from devices.protocols.onvif_operations import action
from devices.protocols.wsse import UsernameToken, digest_token, security_header

Scheme = Literal["UsernameToken", "HTTP digest"]

MAX_ANSWER = soap.MAX_BYTES
_SAME_TIME = timedelta(minutes=1)
"""Clocks that are nearer than this make no difference to a login."""
_UNSUPPORTED = {"ActionNotSupported", "NoSuchService", "MustUnderstand"}


@dataclass(frozen=True)
class Credentials:
    """A user name and its password."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Reply:
    """One answer. ``body`` is the response element when ``outcome`` is DATA.

    ``soap``: it came as a SOAP message, a fault perhaps, so that there is a service.
    """

    outcome: Outcome
    http_status: int
    detail: str
    body: Element | None
    challenges: tuple[str, ...] = ()
    soap: bool = True

    def demand(self, what: str) -> Element:
        """The response. Raises LoginRefused, NotOffered or Garbled, by the outcome."""
        if self.body is not None:
            return self.body
        message = f"{what}: {self.detail or self.outcome.value} (HTTP {self.http_status})"
        if self.outcome is Outcome.NOT_AUTHORISED:
            raise LoginRefused(message)
        if self.outcome in {Outcome.NOT_SUPPORTED, Outcome.FAULT}:
            raise NotOffered(message)
        raise Garbled(message)


class SoapClient:
    """Calls the operations of one camera; for one thread at a time.

    ``header`` holds SOAP header blocks that go with every request (WS-Addressing), ``fields`` HTTP
    header fields that do, ``last`` the last exchange.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._digest: DigestClient | None = None
        self._digest_for: Credentials | None = None
        self.scheme: Scheme | None = None
        self.offset = timedelta(0)
        self._own_time_tried = False
        self.header: Sequence[Element] = ()
        self.fields: Mapping[str, str] = {}
        self.last: Exchange | None = None

    @property
    def url(self) -> str:
        """The server that it talks to."""
        return self._transport.server.url

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def camera_time(self) -> datetime:
        """Now, by the camera's clock."""
        return datetime.now(UTC) + self.offset

    def call(self, target: str, body: Element, credentials: Credentials | None = None) -> Reply:
        """Call an operation at a path, logged in or (without credentials) as nobody.

        Raises Unreachable, TimedOut, Garbled.
        """
        if credentials is None:
            return self.send(target, body)
        if self.scheme == "HTTP digest":
            return self._by_digest(target, body, credentials)
        tells = self.scheme is None and self._is_closed_to_nobody(target, body)
        reply = self.with_token(target, body, self.fresh_token(credentials))
        if self.scheme is not None:
            return reply
        if tells and reply.outcome is Outcome.NOT_AUTHORISED and self._clock_may_lie():
            reply = self._by_the_benchs_time(target, body, credentials)
        if reply.outcome is not Outcome.NOT_AUTHORISED:
            self.scheme = "UsernameToken" if tells else None
            return reply
        challenged = reply if reply.challenges else self.send(target, body)
        if not challenged.challenges:
            return reply
        other = self._by_digest(target, body, credentials, challenged.challenges)
        if other.outcome is not Outcome.NOT_AUTHORISED:
            self.scheme = "HTTP digest"
        return other

    def _clock_may_lie(self) -> bool:
        return abs(self.offset) > _SAME_TIME and not self._own_time_tried

    def _by_the_benchs_time(self, target: str, body: Element, credentials: Credentials) -> Reply:
        """Log in once by the bench's time, which is kept if that is right.

        There are cameras that announce their local time as UTC and look at another clock.
        """
        self._own_time_tried = True
        announced, self.offset = self.offset, timedelta(0)
        reply = self.with_token(target, body, self.fresh_token(credentials))
        if reply.outcome is Outcome.NOT_AUTHORISED:
            self.offset = announced
        return reply

    def _is_closed_to_nobody(self, target: str, body: Element) -> bool:
        """Whether an operation shows a login by its answer; asked only of those that read."""
        if not soap.local(body).startswith("Get"):
            return False
        return self.send(target, body).outcome is Outcome.NOT_AUTHORISED

    def fresh_token(self, credentials: Credentials, age: timedelta = timedelta(0)) -> UsernameToken:
        """A UsernameToken made now, or dated back by ``age``."""
        created = self.camera_time() - age
        return digest_token(credentials.username, credentials.password, created)

    def with_token(self, target: str, body: Element, token: UsernameToken) -> Reply:
        """Call with exactly this token."""
        return self.send(target, body, token=token, sender=token.username)

    def send(
        self,
        target: str,
        body: Element,
        *,
        token: UsernameToken | None = None,
        authorization: str = "",
        sender: str = ANONYMOUS,
    ) -> Reply:
        """Send one request with exactly these credentials."""
        blocks = [security_header(token)] if token is not None else []
        message = soap.envelope(body, [*self.header, *blocks])
        wanted = action(soap.namespace(body), soap.local(body))
        exchange = self._transport.exchange(
            "POST",
            target,
            sender=sender,
            headers={
                **self.fields,
                "Content-Type": f'{soap.CONTENT_TYPE}; action="{wanted}"',
                "Authorization": authorization,
            },
            body=message,
            limit=MAX_ANSWER,
        )
        self.last = exchange
        return read_reply(exchange, soap.local(body))

    def get(
        self, target: str, limit: int, *, authorization: str = "", sender: str = ANONYMOUS
    ) -> Exchange:
        """Fetch a file of the same server, up to ``limit`` bytes; what is announced, not SOAP."""
        headers = {"Authorization": authorization} if authorization else {}
        return self._transport.exchange("GET", target, sender=sender, headers=headers, limit=limit)

    def _by_digest(
        self,
        target: str,
        body: Element,
        credentials: Credentials,
        challenges: tuple[str, ...] = (),
    ) -> Reply:
        client = self._digest
        if client is None or self._digest_for != credentials:
            self._digest_for = credentials
            client = self._digest = DigestClient(credentials.username, credentials.password)
            if not challenges:
                challenges = self.send(target, body).challenges
            client.challenged(parse_challenges(challenges))
        reply = self.answer_challenge(target, body, client)
        if reply.outcome is Outcome.NOT_AUTHORISED:
            offered = parse_challenges(reply.challenges)
            if client.asked_again(offered) and client.challenged(offered):
                reply = self.answer_challenge(target, body, client)
        client.proved = client.proved or reply.outcome is Outcome.DATA
        return reply

    def answer_challenge(self, target: str, body: Element, client: DigestClient) -> Reply:
        """Send one request with the digest that the client makes for it."""
        message = soap.envelope(body, self.header)
        authorization = client.authorization("POST", target, message) or ""
        return self.send(target, body, authorization=authorization, sender=client.username)


def read_reply(exchange: Exchange, operation: str) -> Reply:
    """Classify an answer. Raises Garbled when a success is not the operation's response."""
    status = exchange.status
    challenges = tuple(exchange.all_headers("WWW-Authenticate")) if status == 401 else ()
    try:
        message = soap.parse(exchange.content)
    except Garbled as error:
        return _without_soap(exchange, challenges, str(error))
    fault = soap.fault_of(message)
    if fault is not None:
        detail = "/".join(fault.codes) + (f": {fault.reason}" if fault.reason else "")
        return Reply(_of_fault(fault, status), status, detail[:300], None, challenges)
    if message.body is not None and soap.local(message.body) == f"{operation}Response":
        return Reply(Outcome.DATA, status, "", message.body)
    if exchange.succeeded:
        found = soap.local(message.body) if message.body is not None else "nothing"
        raise Garbled(f"{operation} was answered with {found}")
    return Reply(_of_status(status), status, "a SOAP message that is no fault", None, challenges)


def _without_soap(exchange: Exchange, challenges: tuple[str, ...], why: str) -> Reply:
    if exchange.succeeded and b"Envelope" in exchange.content[:1000]:
        raise Garbled(f"{exchange.request}: {why}")
    return Reply(_of_status(exchange.status), exchange.status, why, None, challenges, soap=False)


def _of_fault(fault: soap.Fault, status: int) -> Outcome:
    if fault.not_authorised or status in {401, 403}:
        return Outcome.NOT_AUTHORISED
    return Outcome.NOT_SUPPORTED if _UNSUPPORTED & set(fault.codes) else Outcome.FAULT


def _of_status(status: int) -> Outcome:
    if status in {401, 403}:
        return Outcome.NOT_AUTHORISED
    return Outcome.NOT_SUPPORTED if status in {404, 405, 501} else Outcome.OTHER
