"""A session with a camera's ONVIF services: where they are, what time it is there, who logs in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from devices.errors import Garbled, LinkError, LoginRefused, NotOffered
from devices.links.http.exchange import Exchange
from devices.links.http.server import Protection, Server
from devices.links.http.transport import Transport
from devices.links.onvif import requests
from devices.links.onvif.client import Credentials, Reply, SoapClient
from devices.links.onvif.observations import OnvifClock, OnvifService, OperationAnswer, Outcome
from devices.protocols import soap
from devices.protocols.onvif_operations import services

_REFUSED = Outcome.NOT_AUTHORISED
_YEARS = (1900, 2900)
"""What is taken for a time: logins are dated around it, and a calendar has ends."""


@dataclass(frozen=True)
class OnvifGate:
    """An operation that is refused without login and answered to the session's account."""

    service: str
    operation: str


_GATES = (
    OnvifGate("device", "GetDeviceInformation"),  # READ_SYSTEM: any account may, nobody else
    OnvifGate("device", "GetNetworkInterfaces"),
    OnvifGate("media", "GetProfiles"),
    OnvifGate("device", "GetUsers"),
)
"""What a login is told by, those for the most roles first: many cameras open the first to all."""


class OnvifSession:
    """Calls operations as one account, or as nobody; for one thread at a time.

    ``caller`` is the account's name in the device file. Every service is called on the entry
    point's own server, at the path that the camera announces: the host in an announced address is
    wrong behind address translation, and need not be one that may be contacted.
    """

    def __init__(
        self,
        server: Server,
        protection: Protection,
        entry: str,
        *,
        caller: str = "anonymous",
        credentials: Credentials | None = None,
        source: str = "",
    ) -> None:
        self.server = server
        self.protection = protection
        self._entry = entry
        self._elsewhere: dict[int, SoapClient] = {}
        self._services: tuple[OnvifService, ...] | None = None
        self._gate: OnvifGate | None = None
        self.caller = caller
        self.credentials = credentials
        self.client = SoapClient(Transport(server, protection, source))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.close()
        for client in self._elsewhere.values():
            client.close()

    def synchronise(self) -> OnvifClock:
        """Read the camera's clock, by which logins are dated from now on.

        Raises LinkError; a camera that hides its clock raises LoginRefused.
        """
        before = time.monotonic()
        reply = self.client.call(self._entry, requests.plain("device", "GetSystemDateAndTime"))
        body = reply.demand("GetSystemDateAndTime")
        travel = timedelta(seconds=(time.monotonic() - before) / 2)
        utc = _utc(body)
        self.client.offset = utc + travel - datetime.now(UTC)
        return OnvifClock(utc=utc, offset_seconds=self.client.offset.total_seconds())

    def try_synchronise(self) -> None:
        """As synchronise; a camera that hides its time is taken to have that of its HTTP answers.

        The bench's, when they hold none.
        """
        try:
            self.synchronise()
        except (Garbled, LinkError) as error:
            if error.cause in {"unreachable", "timeout"}:
                raise
            self.client.offset = _offset_of(self.client.last)

    def call(self, service: str, body: Element) -> Reply:
        """Call an operation of a service, as the session's account."""
        return self.client.call(self.path(service), body, self.credentials)

    def gate(self) -> OnvifGate:
        """What a login is told by on this camera; looked for once, as the session's account.

        Raises LoginRefused when the account is refused, and NotOffered when no operation of the
        list is both closed to nobody and open to the account.
        """
        if self._gate is None:
            self._gate = self._find_gate()
        return self._gate

    def _find_gate(self) -> OnvifGate:
        refused = ""
        for gate in _GATES:
            body = requests.plain(gate.service, gate.operation)
            if self.client.call(self.path(gate.service), body).outcome is not _REFUSED:
                continue
            reply = self.call(gate.service, body)
            if reply.outcome is Outcome.DATA:
                return gate
            if reply.outcome is _REFUSED:
                refused = f"{gate.operation}: {reply.detail} (HTTP {reply.http_status})"
            if refused and gate == _GATES[0]:
                break  # the account is at fault, not its role: more tries could close it
        if refused:
            raise LoginRefused(refused)
        raise NotOffered(
            f"none of {', '.join(gate.operation for gate in _GATES)} is refused without login and "
            "answered to an account: what a login is over ONVIF cannot be told (see CRED-015)"
        )

    def log_in(self, username: str, password: str) -> Reply:
        """Call the gate with another user name and password.

        By the scheme that the session has found, so that each try is one; the session's own
        account stays.
        """
        gate = self.gate()
        body = requests.plain(gate.service, gate.operation)
        return self.client.call(self.path(gate.service), body, Credentials(username, password))

    def answer(self, service: str, body: Element, reply: Reply) -> OperationAnswer:
        """What is observed of a reply."""
        operation = soap.local(body)
        return OperationAnswer(
            service=service,
            operation=operation,
            access=services()[service].access[operation],
            caller=self.caller,
            outcome=_outcome(operation, reply),
            http_status=reply.http_status,
            detail=reply.detail,
        )

    def path(self, service: str) -> str:
        """The request target of a service; the entry point for the device service."""
        if service == "device":
            return self._entry
        found = self.address(service)
        return _target(found.contacted) if found else self._entry

    def address(self, service: str) -> OnvifService | None:
        """The service as announced; None when it is not."""
        wanted = services()[service].namespace
        return next((s for s in self.services() if s.namespace == wanted), None)

    def path_of(self, namespace: str) -> str:
        """The request target of the service with this namespace; empty when it is not announced."""
        found = next((s for s in self.services() if s.namespace == namespace), None)
        return _target(found.contacted) if found else ""

    def client_at(self, address: str) -> tuple[SoapClient, str]:
        """A client for an announced address, and the request target there.

        Another port is called there if the address has TLS and the camera has it on the host that
        was asked; everything else is called on the entry point's server.
        """
        target = _target(address)
        try:
            parts = urlsplit(address)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            return self.client, target
        usual = parts.hostname != self.server.host or port == self.server.port
        if usual or parts.scheme != "https" or self.protection.context is None:
            return self.client, target
        if port not in self._elsewhere:
            client = SoapClient(Transport(replace(self.server, port=port), self.protection))
            client.offset, client.scheme = self.client.offset, self.client.scheme
            self._elsewhere[port] = client
        return self._elsewhere[port], target

    @contextmanager
    def without_tls(self, port: int) -> Iterator[SoapClient]:
        """A client for another port of the host, in plain HTTP, that is nobody."""
        server = replace(self.server, scheme="http", port=port)
        client = SoapClient(Transport(server, Protection("none")))
        try:
            yield client
        finally:
            client.close()

    def services(self) -> tuple[OnvifService, ...]:
        """The services that the camera announces; asked once for each session."""
        if self._services is None:
            announced = self._announced()
            known = {_written(s.namespace): s.namespace for s in services().values()}
            self._services = tuple(
                OnvifService(
                    known.get(_written(namespace), namespace), address, self._contacted(address)
                )
                for namespace, address in announced
            )
        return self._services

    def _announced(self) -> list[tuple[str, str]]:
        reply = self.before_login(requests.get_services())
        found = soap.children(reply.body, "Service") if reply.body is not None else []
        told = [(soap.text(node, "Namespace"), soap.text(node, "XAddr")) for node in found]
        if any("/media" in _written(namespace) for namespace, _ in told):
            return told
        reply = self.before_login(requests.get_capabilities())  # which may tell of more
        body = reply.body if told else reply.demand("GetCapabilities")
        capabilities = soap.child(body, "Capabilities") if body is not None else None
        names = {"Device": "device", "Media": "media", "Events": "events"}
        return told + [
            (services()[names[soap.local(node)]].namespace, soap.text(node, "XAddr"))
            for node in (capabilities if capabilities is not None else ())
            if soap.local(node) in names
        ]

    def before_login(self, body: Element, service: str = "device") -> Reply:
        """Operations before login, on cameras that want a login for them all the same."""
        path = self.path(service)
        reply = self.client.call(path, body)
        if reply.outcome is Outcome.NOT_AUTHORISED and self.credentials is not None:
            return self.client.call(path, body, self.credentials)
        return reply

    def _contacted(self, announced: str) -> str:
        """Where an announced service is called: on the entry point's server, at its path."""
        return self.server.url + _target(announced)


def _written(namespace: str) -> str:
    """A namespace by which a service is known though it is announced in another spelling."""
    return namespace.strip().rstrip("/").lower()


def _outcome(operation: str, reply: Reply) -> Outcome:
    """An answer to a reading operation that has nothing in it tells nothing."""
    body = reply.body
    hollow = body is not None and not len(body) and not (body.text or "").strip()
    return Outcome.EMPTY if hollow and operation.startswith("Get") else reply.outcome


def _target(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    path = "/" + "".join(c for c in parts.path if "!" <= c <= "~").lstrip("/")
    return path + (f"?{parts.query}" if parts.query.isprintable() and parts.query else "")


def _offset_of(exchange: Exchange | None) -> timedelta:
    """How far a server's Date is ahead; nothing where it gives none that can be read."""
    written = exchange.all_headers("Date") if exchange is not None else ()
    try:
        moment = parsedate_to_datetime(written[0]) if written else None
        if moment is None or not _YEARS[0] <= moment.year <= _YEARS[1]:
            return timedelta(0)
        return moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)
    except (ValueError, OverflowError):
        return timedelta(0)


def _utc(body: Element) -> datetime:
    moment = soap.child(body, "SystemDateAndTime", "UTCDateTime")
    if moment is None:
        raise Garbled("GetSystemDateAndTime gives no UTC time")
    date = [soap.text(moment, "Date", name) for name in ("Year", "Month", "Day")]
    clock = [soap.text(moment, "Time", name) for name in ("Hour", "Minute", "Second")]
    try:
        year, month, day, hour, minute, second = (int(part) for part in (*date, *clock))
        year = year if _YEARS[0] <= year <= _YEARS[1] else 0  # which is no year
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        written = " ".join((*date, *clock))[:80]
        raise Garbled(f"GetSystemDateAndTime gives no time: {written}") from error
