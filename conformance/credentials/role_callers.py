"""The kinds of caller whose rights on the web interface are compared."""

from __future__ import annotations

import secrets as random
from collections.abc import Sequence
from contextlib import ExitStack, suppress

from conformance.credentials.web_accounts import MODEST_FIRST, trial_viewer
from conformance.verdict import Inconclusive
from devices.description import DeviceFile, Role
from devices.errors import LinkError
from devices.links.http.client import HttpClient
from devices.links.http.exchange import ANONYMOUS
from devices.links.http.link import HttpLink
from devices.links.http.logins import made_up_fields
from devices.links.http.roles import RoleMatrix
from devices.links.users import UserWay
from devices.secrets import Secrets


class Callers:
    """Nobody, somebody with a made-up login, and each role that has an account, admin last.

    Where no account is set aside for a role, one that may be locked stands in for it; for a viewer
    also a user who is made in one of ``ways``. They leave with ``stack``. Raises Inconclusive when
    there is nobody to ask as, and link errors.
    """

    def __init__(
        self, http: HttpLink, secrets: Secrets, ways: Sequence[UserWay], stack: ExitStack
    ) -> None:
        self._http, self._secrets, self._ways, self._stack = http, secrets, ways, stack
        self._logins: dict[str, tuple[str, str]] = {}
        known: dict[str, HttpClient] = {}
        for role in MODEST_FIRST:
            if client := self._of_role(role):
                known[role] = client
        if not known:
            raise Inconclusive("the device file gives no account for http", "no-account")
        made_up = _impostor(http, known[next(reversed(known))])
        self.clients = {ANONYMOUS: http.anonymous(), "wrong": made_up, **known}
        """By subject."""
        for name in (ANONYMOUS, "wrong"):
            stack.callback(http.leave, self.clients[name])

    def revive(self, role: str, client: HttpClient) -> HttpClient | None:
        """The caller of a role, logged in anew where the camera ended the session; else None."""
        if role not in self._logins:
            return client
        try:
            gate = self._http.gate()
            if gate.opened_by(client.request("GET", gate.target)):
                return client
            return self._logged_in(role, *self._logins[role])
        except LinkError:
            return None

    def _of_role(self, role: Role) -> HttpClient | None:
        if found := self._secrets.account(role=role, service="http"):
            client = self._http.account(found[0])
            self._stack.callback(self._http.leave, client)
            self._logins[role] = found[1].username, self._secrets.password(found[0])
            return client
        if found := self._secrets.account(role=role, purpose="lockout", service="http"):
            password = self._secrets.password(found[0])
            if stand_in := self._logged_in(role, found[1].username, password):
                return stand_in
        return self._made_for_it(role) if role == "viewer" else None

    def _made_for_it(self, role: Role) -> HttpClient | None:
        with suppress(Inconclusive, LinkError):
            made = self._stack.enter_context(trial_viewer(self._http, self._ways, self._secrets))
            return self._logged_in(role, made.username, made.password)
        return None

    def _logged_in(self, role: str, username: str, password: str) -> HttpClient | None:
        attempt, client = self._http.log_in(username, password)
        self._stack.callback(self._http.leave, client)
        if not attempt.accepted:
            return None
        self._logins[role] = username, password
        return client


def demand_every_role(device: DeviceFile, matrix: RoleMatrix) -> None:
    """Raise Inconclusive where the declaration names a role as which nobody was asked."""
    named = {role for resource in device.declared.api for role in resource.roles}
    asked = {answer.role for answer in matrix.answers}
    if missing := [role for role in MODEST_FIRST if role in named - asked]:
        raise Inconclusive(
            f"declared.api names the role {' and '.join(missing)}, as which nobody could be asked: "
            "give an account with that role for http",
            "no-account",
        )


def _impostor(http: HttpLink, known: HttpClient) -> HttpClient:
    """A caller with a session, or a login, that was made up. No real account is touched."""
    impostor = http.anonymous()
    kind, made_up = http.description.authentication, f"x{random.token_hex(5)}"
    if kind == "digest":
        impostor.use_digest(made_up, random.token_hex(8))
    elif kind == "basic":
        impostor.use_basic(made_up, random.token_hex(8))
    elif kind == "query":
        impostor.use_query(made_up, http.query_login(made_up, random.token_hex(8)))
    else:
        token = http.description.token
        impostor.use_fields("wrong", made_up_fields(known, token))
        if token is not None and token.query is not None:
            impostor.use_query("wrong", {token.query: random.token_hex(16)})
    return impostor
