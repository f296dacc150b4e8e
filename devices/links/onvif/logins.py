"""Whom a camera's ONVIF services let do what, and what becomes of logins that are not right."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Mapping

from devices.errors import LoginRefused, NotOffered
from devices.links.http.digests import DigestDoor, DoorAnswer
from devices.links.http.server import server_of
from devices.links.http.transport import Transport
from devices.links.onvif import matrix as onvif_matrix
from devices.links.onvif import probes as onvif_probes
from devices.links.onvif import requests
from devices.links.onvif import tokens as onvif_tokens
from devices.links.onvif.client import Credentials, SoapClient
from devices.links.onvif.matrix import OnvifColumn
from devices.links.onvif.observations import (
    OnvifAccess,
    OnvifGuessing,
    OnvifReplay,
    Outcome,
)
from devices.links.onvif.sessions import ANONYMOUS, ONVIF, OnvifSessions
from devices.links.onvif.tokens import OnvifTokens
from devices.protocols import soap

_PAUSE = 5.0  # s between two looks at a camera that has locked the bench out


class OnvifLogins(OnvifSessions):
    """Logs in rightly and wrongly, and calls operations as everybody."""

    def access(self, account: str = ANONYMOUS) -> OnvifAccess:
        """How the reading operations answer an account, or nobody."""
        with self.session(self.default_account()) as admin:
            profile = onvif_probes.profile_token(admin)
        role = ANONYMOUS if account == ANONYMOUS else self._accounts[account].role
        with self.session(account) as session:
            return onvif_probes.access(session, role, profile)

    def replay(self, account: str) -> OnvifReplay:
        """Whether logins can be used again, and whether the password is taken in clear."""
        with self.session(account) as session:
            return onvif_probes.replay(session)

    def tokens(self, account: str, window_seconds: float) -> OnvifTokens:
        """Which UsernameTokens are taken that should not be; the window is a policy's."""
        with self.session(account) as session:
            return onvif_tokens.try_tokens(session, window_seconds)

    def digest_door(self, account: str) -> DigestDoor:
        """The gate, to be opened by HTTP digest. Raises NotOffered and other link errors."""
        with self.session(account) as session:
            gate, credentials = session.gate(), session.credentials
            assert credentials is not None  # the gate was opened with them
            target = session.path(gate.service)
        body = requests.plain(gate.service, gate.operation)
        protection = self._protection
        assert protection is not None  # a session was open
        server = server_of(self._link.url, self._permit)

        def send(authorization: str) -> DoorAnswer:
            client = SoapClient(Transport(server, protection))
            try:
                sender = credentials.username if authorization else ANONYMOUS
                reply = client.send(target, body, authorization=authorization, sender=sender)
            finally:
                client.close()
            accepted = reply.outcome is Outcome.DATA
            return DoorAnswer(accepted, reply.http_status, reply.challenges)

        name, password = credentials.username, credentials.password
        message = soap.envelope(body)
        return DigestDoor("ONVIF", "POST", target, name, password, send, message)

    def guess(self, account: str, attempts: int) -> OnvifGuessing:
        """Try wrong passwords for an account that may be locked, then the right one."""
        name = self._accounts[account].username
        entry = self.journal.begin("lock", name, ONVIF, seconds=self._lock_seconds)
        with self.session(account) as session:
            found = onvif_probes.guess(session, attempts)
        if found.after is Outcome.DATA:
            self.journal.end(entry, "the right password logs in")
        return found

    def wait_until_admitted(self, account: str, seconds: float) -> bool:
        """Wait until an account can log in again, as after a lock of the bench's address.

        Raises NotOffered when nothing tells whether it can.
        """
        end, pause = time.monotonic() + seconds, threading.Event()
        while True:
            with self.session(account) as session, contextlib.suppress(LoginRefused):
                session.gate()
                return True
            if time.monotonic() > end:
                return False
            pause.wait(_PAUSE)

    def matrix(self, accounts: Mapping[str, str]) -> list[OnvifColumn]:
        """The answers to nobody, to a made-up login, and to accounts by subject."""
        with self.session(self.default_account()) as right:
            asked = onvif_matrix.calls(onvif_probes.profile_token(right))
            found: list[OnvifColumn] = []
            for subject, account in {ANONYMOUS: ANONYMOUS, **accounts}.items():
                with self.session(account) as session:
                    found.append(onvif_matrix.column(session, subject, asked, sparing=None))
            try:
                right.gate()
            except (LoginRefused, NotOffered) as error:  # what a login is cannot be told
                return [*found, OnvifColumn(subject="wrong", answers=(), shortfall=str(error))]
            made_up = f"x{secrets.token_hex(5)}", secrets.token_hex(8)
            with self.session_with(*made_up) as session:
                session.client.scheme = right.client.scheme  # so that each try is one
                found.append(onvif_matrix.column(session, "wrong", asked, sparing=right))
        return found

    def takes(self, username: str, password: str, operation: str = "") -> Outcome:
        """How the gate, or ``operation`` of the device service, answers a login; one request.

        The default account logs in first, to find out how. Raises LinkError.
        """
        with self.session(self.default_account()) as session:
            session.gate()
            if not operation:
                return session.log_in(username, password).outcome
            body = requests.plain("device", operation)
            credentials = Credentials(username, password)
            return session.client.call(session.path("device"), body, credentials).outcome
