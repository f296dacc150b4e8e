"""The web interface of a camera, as its device file describes it.

The link knows no camera: which calls log in, change a password or fetch a picture stands in the
device file. A login is believed when it opens a resource that was closed to an anonymous request,
not when a status code says so.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from devices.description import DeviceFile, Operation
from devices.description import HttpLink as Description
from devices.errors import (
    DeviceFileError,
    LinkError,
    LoginRefused,
    NotOffered,
    TimedOut,
    Unreachable,
)
from devices.journal import Journal
from devices.links.http.acting import asked_safely
from devices.links.http.challenge import answered
from devices.links.http.changes import noted
from devices.links.http.client import HttpClient, completed
from devices.links.http.exchange import ANONYMOUS, Exchange
from devices.links.http.gate import Gate, LoginAttempt
from devices.links.http.logins import carried_out, made_up_fields, may_be_login, take_csrf
from devices.links.http.pages import impossible_neighbour, same_page
from devices.links.http.raw import raw_exchange
from devices.links.http.refusals import captcha, why_no_gate, why_no_session, why_refused
from devices.links.http.server import Protection, Server, protection_of, server_of
from devices.links.http.transport import Transport
from devices.permit import Permit
from devices.secrets import Secrets

_PAUSE = 0.2  # s between two looks at a camera that is starting


class HttpLink:
    """Requests to one camera's web interface. Clients it hands out are closed with it."""

    def __init__(self, device: DeviceFile, permit: Permit, secrets: Secrets) -> None:
        if device.links.http is None:
            raise DeviceFileError("the device file gives no [links.http]")
        self._device = device
        self._permit = permit
        self._secrets = secrets
        self._lock = threading.RLock()
        self._protection: dict[str, Protection] = {}
        self._gate: Gate | None = None
        self._stranger: Exchange | None = None
        self._transports: list[Transport] = []
        self.description: Description = device.links.http
        self.server: Server = server_of(self.description.url, permit)
        refusal = self.description.refusal
        self._refusal = re.compile(refusal.encode()) if refusal else None

    def close(self) -> None:
        """Close every connection."""
        for transport in self._transports:
            transport.close()

    @property
    def journal(self) -> Journal:
        """Where changes of the camera are written down."""
        return self._permit.journal

    def offers(self, operation: str) -> bool:
        """Whether the device file describes this operation."""
        return operation in self.description.operations

    def operation(self, name: str) -> Operation:
        """A named operation; raises NotOffered when the device file does not describe it."""
        try:
            return self.description.operations[name]
        except KeyError:
            raise NotOffered(
                f"the device file describes no operation {name!r} under links.http.operations"
            ) from None

    def anonymous(self, source: str = "") -> HttpClient:
        """A new client without credentials; ``source``: the bench's address to come from."""
        return self._client(self.server, source)

    def clear(self, port: int, account: str = "") -> HttpClient:
        """A new client that speaks plain HTTP to this port.

        With an account of the device file it answers Digest challenges and no others: anything
        else would send the password in clear.
        """
        server = server_of(f"http://{_bracketed(self.server.host)}:{port}", self._permit)
        client = self._client(server)
        if account:
            username = self._device.accounts[account].username
            client.use_digest(username, self._secrets.password(account))
        return client

    def account(self, name: str) -> HttpClient:
        """A client logged in with an account of the device file. Raises LoginRefused."""
        username = self._device.accounts[name].username
        attempt, client = self.log_in(username, self._secrets.password(name))
        if not attempt.accepted:
            self.leave(client)
            raise LoginRefused(
                f"the web interface did not accept the account {name!r} of the device file: "
                + self._why_refused(attempt)
            )
        return client

    def _why_refused(self, attempt: LoginAttempt) -> str:
        if self.description.authentication != "session":
            return why_refused(attempt.answer)
        seen = [attempt.answer, self.gate().anonymous]
        client = self.anonymous()
        with suppress(LinkError):
            seen.append(client.request("GET", "/"))
        client.close()
        return why_no_session(attempt.answer, attempt.opened) + captcha(seen)

    def log_in(
        self,
        username: str,
        password: str,
        *,
        headers: Mapping[str, str] | None = None,
        source: str = "",
    ) -> tuple[LoginAttempt, HttpClient]:
        """Try one login; returns what came of it, and the client as it then is.

        ``headers`` go with each of its requests; ``source``: the bench's address to come from.
        """
        gate, client = self.gate(), self._client(self.server, source)
        client.use_headers(headers or {})
        if self.description.authentication == "session":
            return self._session(client, gate, username, password), client
        if self.description.authentication == "digest":
            client.use_digest(username, password)
        elif self.description.authentication == "query":
            client.use_query(username, self.query_login(username, password))
        else:
            client.use_basic(username, password)
        answer = client.request("GET", gate.target)
        accepted = gate.opened_by(answer)
        attempt = LoginAttempt(username=username, accepted=accepted, answer=answer, opened=answer)
        return attempt, client

    def raw(self, request: bytes, sender: str, limit: int, seconds: float) -> Exchange:
        """Send exactly these bytes on a connection of their own. Raises LinkError."""
        protection = self._protected(self.server)
        answer = raw_exchange(
            self.server, protection, request, sender=sender, limit=limit, seconds=seconds
        )
        return answer.judged(self._refusal)

    def done(self, name: str, answer: Exchange) -> bool:
        """Whether this answer says that the named operation was carried out."""
        judge = may_be_login if name == "login" else carried_out
        return judge(self.operation(name), answer)

    def query_login(self, username: str, password: str) -> dict[str, str]:
        """The parameters that carry this login in an address."""
        return completed(self.description.query, {"username": username, "password": password})

    def perform(self, client: HttpClient, name: str, **values: str) -> Exchange:
        """Call a named operation as ``client``. Raises NotOffered and LinkError."""
        operation = self.operation(name)
        with noted(self._permit.journal, name, operation, values) as note:
            note(answer := client.perform(operation, values))
        return answer

    def leave(self, client: HttpClient) -> None:
        """End a client: log it out where that is described, and close it."""
        try:
            if self.offers("logout") and client.sender != ANONYMOUS:
                self._log_out(client)
        finally:
            client.close()

    def _log_out(self, client: HttpClient) -> None:
        """Once more where the camera closed the connection under it; else it ends otherwise."""
        for _ in range(2):
            with suppress(LinkError):
                self.perform(client, "logout")
                return

    def gate(self) -> Gate:
        """The declared resource that most roles may read and anonymous requests may not.

        Where every one answers 2xx, the first whose answer any made-up path gets too. Looked for
        once. Raises NotOffered when none is declared, or all are open.
        """
        with self._lock:
            if self._gate is None:
                self._gate = replace(self._find_gate(), stranger=self._stranger)
            return self._gate

    def wait_until_it_answers(self, seconds: float) -> None:
        """Wait for the first HTTP answer after a restart. Raises TimedOut, Garbled.

        What was learnt of the server before is forgotten.
        """
        end, pause = time.monotonic() + seconds, threading.Event()
        while True:
            self.forget()
            try:
                client = self.anonymous()
                client.request("GET", "/")
            except (Unreachable, TimedOut) as error:
                if time.monotonic() > end:
                    raise TimedOut(f"no answer within {seconds:.0f} s: {error}") from error
                pause.wait(_PAUSE)
            else:
                client.close()
                return

    def forget(self) -> None:
        """Look for the gate anew and check the certificate anew, as after a factory reset."""
        with self._lock:
            self._gate = None
            self._protection = {}

    def _find_gate(self) -> Gate:
        client = self.anonymous()
        try:
            answers: list[Exchange] = []
            for target in self.closed_targets():
                answers.append(client.request("GET", target))
                if not answers[-1].succeeded:
                    return Gate(target=target, anonymous=answers[-1])
            for answer in answers:
                beside = client.request("GET", impossible_neighbour(answer.target))
                if same_page(answer, beside):
                    return Gate(target=answer.target, anonymous=answer)
        finally:
            client.close()
        raise NotOffered(f"no login can be judged: {why_no_gate(answers)}")

    def closed_targets(self) -> list[str]:
        """Declared paths that a login should open, for most roles first; none that might act."""
        declared = [
            resource
            for resource in self._device.declared.api
            if asked_safely(resource)
            and "anonymous" not in resource.roles
            and "{" not in resource.path
        ]
        declared.sort(key=lambda resource: -len(resource.roles))
        named = [self.description.operations.get(n) for n in ("device_information", "snapshot")]
        paths = [resource.path for resource in declared]
        paths += [op.path for op in named if op is not None and op.method == "GET"]
        if self.description.authentication != "session":
            paths.append("/")
        return list(dict.fromkeys(paths))

    def sign_in(self, client: HttpClient, username: str, password: str) -> tuple[Exchange, bool]:
        """Send the declared login as ``client``; whether its answer looks like a session's begin.

        Only the gate shows whether it is one. Raises NotOffered and LinkError.
        """
        login = self.operation("login")
        answer = client.perform(login, self.login_values(client, username, password))
        client.sender = username
        token = self.description.token
        carries = bool(client.cookies)
        if token is not None:
            carries = client.use_token(answer, token) or carries
        taken = carries and may_be_login(login, answer)
        if taken and self.description.csrf is not None:
            take_csrf(client, self.description.csrf, answer)
        return answer, taken

    def login_values(self, client: HttpClient, username: str, password: str) -> dict[str, str]:
        """What the placeholders of the login stand for; asks for a challenge where one is declared.

        Raises Garbled when the camera gives none that can be answered.
        """
        values = {"username": username, "password": password}
        challenge = self.description.challenge
        return values if challenge is None else answered(client, challenge, values)

    def targets_for(self, roles: Sequence[str]) -> list[str]:
        """Declared paths that these roles, and no others, may read."""
        return [
            resource.path
            for resource in self._device.declared.api
            if asked_safely(resource)
            and set(resource.roles) == set(roles)
            and "{" not in resource.path
        ]

    def _session(
        self, client: HttpClient, gate: Gate, username: str, password: str
    ) -> LoginAttempt:
        answer, taken = self.sign_in(client, username, password)
        if not taken:
            return LoginAttempt(username=username, accepted=False, answer=answer)
        opened = client.request("GET", gate.target)
        accepted = gate.opened_by(opened)
        if accepted and self._stranger is None:
            accepted = self._unlike_a_stranger(client, opened, username, password)
        return LoginAttempt(username=username, accepted=accepted, answer=answer, opened=opened)

    def _unlike_a_stranger(
        self, client: HttpClient, opened: Exchange, username: str, password: str
    ) -> bool:
        """Whether a login got more than a made-up session does; learns what that gets.

        A success to a made-up session is a page for expired ones where a wrong login gets it too,
        and no check of sessions at all where the right login gets nothing else.
        """
        stranger = self.anonymous()
        stranger.use_headers(made_up_fields(client, self.description.token))
        answer = stranger.request("GET", opened.target)
        stranger.close()
        alike = answer.succeeded and same_page(answer, opened)
        if not alike:
            with self._lock:
                self._stranger = answer
                self._gate = replace(self.gate(), stranger=answer)
        return not alike or self._is_known(username, password)

    def _is_known(self, username: str, password: str) -> bool:
        for name, account in self._device.accounts.items():
            if account.username == username and account.password is not None:
                try:
                    return self._secrets.password(name) == password
                except DeviceFileError:
                    continue
        return False

    def _client(self, server: Server, source: str = "") -> HttpClient:
        transport = Transport(server, self._protected(server), source)
        with self._lock:
            self._transports.append(transport)
        return HttpClient(transport, refusal=self._refusal)

    def _protected(self, server: Server) -> Protection:
        with self._lock:
            if server.url not in self._protection:
                self._protection[server.url] = protection_of(server, self.description.trust)
            return self._protection[server.url]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
