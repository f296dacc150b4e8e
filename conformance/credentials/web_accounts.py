"""Accounts that a web test case works with: those of the device file, and one of its own."""

from __future__ import annotations

import secrets as random
import string
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from conformance.verdict import Inconclusive
from devices.description import Account, Role
from devices.links.http.client import HttpClient
from devices.links.http.link import HttpLink, LoginAttempt
from devices.secrets import Secrets

MODEST_FIRST: tuple[Role, ...] = ("viewer", "operator", "admin")
_OTHERS = "-_.+="
_KINDS = (string.ascii_uppercase, string.ascii_lowercase, string.digits, _OTHERS)


@dataclass(frozen=True)
class TrialUser:
    """A user whose password a test case may change. ``made``: it was created for the test case."""

    username: str
    password: str
    made: bool


def expendable_account(secrets: Secrets) -> tuple[str, Account]:
    """The account that may be locked over the web. Raises Inconclusive."""
    for role in MODEST_FIRST:
        if found := secrets.account(role=role, purpose="lockout", service="http"):
            return found
    raise Inconclusive(
        "the device file gives no account with purpose 'lockout' for http", "no-account"
    )


def administrator(http: HttpLink, secrets: Secrets) -> HttpClient:
    """A client of the administrator's account. Raises Inconclusive, LoginRefused."""
    found = secrets.account(role="admin", service="http")
    if found is None:
        raise Inconclusive("the device file gives no administrator for http", "no-account")
    return http.account(found[0])


def strong_password(length: int = 20) -> str:
    """A random password of four kinds of character that begins with a letter."""
    every = "".join(_KINDS)
    while True:
        password = "".join(random.choice(every) for _ in range(length))
        if password[0].isalpha() and all(set(password) & set(kind) for kind in _KINDS):
            return password


def accepts(http: HttpLink, username: str, password: str) -> LoginAttempt:
    """Try a login and end what came of it."""
    attempt, client = http.log_in(username, password)
    http.leave(client)
    return attempt


@contextmanager
def trial_user(http: HttpLink, secrets: Secrets) -> Iterator[TrialUser]:
    """A user for one test case: created and deleted again, or the account that may be locked.

    The latter gets its password back. Raises Inconclusive when neither can be had.
    """
    if http.offers("create_user") and http.offers("delete_user"):
        admin = administrator(http, secrets)
        user = TrialUser(f"Tr1al-{random.token_hex(3)}", strong_password(), made=True)
        secrets.remember("trial.password", user.password)
        try:
            create(http, admin, user.username, user.password)
            yield user
        finally:
            http.perform(admin, "delete_user", username=user.username)
            http.leave(admin)
        return
    name, account = expendable_account(secrets)
    yield TrialUser(account.username, secrets.password(name), made=False)


def create(http: HttpLink, admin: HttpClient, username: str, password: str) -> None:
    """Create a user with an acceptable password. Raises Inconclusive when that is refused."""
    answer = http.perform(admin, "create_user", username=username, password=password)
    if answer.status not in http.operation("create_user").success:
        raise Inconclusive(
            f"{answer.request} answered {answer.status} to a user with a strong random password: "
            "no user for the test could be made",
            "not-offered",
        )
