"""Accounts that a web test case works with: those of the device file, and one of its own."""

from __future__ import annotations

import secrets as random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from conformance.verdict import Inconclusive
from devices.description import Account, Role
from devices.errors import DeviceFileError, LinkError
from devices.links.http.client import HttpClient
from devices.links.http.gate import LoginAttempt
from devices.links.http.link import HttpLink
from devices.links.http.refusals import why_undone
from devices.links.users import TrialViewer, UserWay, WebUserWay
from devices.secrets import Secrets

MODEST_FIRST: tuple[Role, ...] = ("viewer", "operator", "admin")


@dataclass(frozen=True)
class TrialUser:
    """A user whose password a test case may change. ``made``: it was created for the test case.

    ``change`` gives it another password where the web interface's own way is not described.
    """

    username: str
    password: str
    made: bool
    change: Callable[[str], None] | None = None


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


def accepts(http: HttpLink, username: str, password: str) -> LoginAttempt:
    """Try a login and end what came of it."""
    attempt, client = http.log_in(username, password)
    http.leave(client)
    return attempt


@contextmanager
def trial_user(
    http: HttpLink, secrets: Secrets, ways: Sequence[UserWay] = ()
) -> Iterator[TrialUser]:
    """A user for one test case: created and deleted again, or the account that may be locked.

    Where the web interface's operations are not described, one of ``ways`` makes it (ONVIF). The
    account gets its password back. Raises Inconclusive when none can be had.
    """
    if http.offers("create_user") and http.offers("delete_user"):
        admin = administrator(http, secrets)
        user = TrialUser(f"Tr1al-{random.token_hex(3)}", secrets.trial_password(), made=True)
        try:
            create(http, admin, user.username, user.password)
            yield user
        finally:
            _delete(http, admin, secrets, user.username)
        return
    if not http.offers("change_password") and ways:
        with trial_viewer(http, ways, secrets) as viewer:
            yield TrialUser(
                viewer.username, viewer.password, made=True, change=viewer.change_password
            )
        return
    name, account = expendable_account(secrets)
    yield TrialUser(account.username, secrets.password(name), made=False)


def _delete(http: HttpLink, admin: HttpClient, secrets: Secrets, username: str) -> None:
    """Delete a user, by a new login where the administrator's has ended. Raises Inconclusive."""
    try:
        answer = http.perform(admin, "delete_user", username=username)
    finally:
        http.leave(admin)
    if http.done("delete_user", answer):
        return
    try:
        WebUserWay(http, secrets).delete(username)
    except (LinkError, DeviceFileError) as error:
        raise Inconclusive(
            f"the trial user {username} could not be removed: {error}", "not-offered"
        ) from error


def create(http: HttpLink, admin: HttpClient, username: str, password: str) -> None:
    """Create a user with an acceptable password. Raises Inconclusive when that is refused."""
    answer = http.perform(admin, "create_user", username=username, password=password)
    if not http.done("create_user", answer):
        raise Inconclusive(
            f"{why_undone('create_user', answer)}, to a user with a strong random password: "
            "no user for the test could be made. If it takes no password of 16 characters, give "
            "declared.passwords.max_length",
            "not-offered",
        )


@contextmanager
def trial_viewer(
    http: HttpLink, ways: Sequence[UserWay], secrets: Secrets
) -> Iterator[TrialViewer]:
    """A viewer made for the test who can log in over the web, by the first way that makes one.

    Raises Inconclusive when there is none, or when it is still there afterwards.
    """
    refusals: list[str] = []
    with ExitStack() as stack:
        viewer = _made(http, ways, secrets, stack, refusals)
        if viewer is None:
            raise Inconclusive(
                "no user for the test could be made who logs in to the web interface: "
                + ("; ".join(refusals) or "the device file gives no [links.onvif] and no web call"),
                "not-offered" if refusals else "no-link",
            )
        yield viewer
    if viewer.left_behind:
        raise Inconclusive(viewer.left_behind, "not-offered")


def _made(
    http: HttpLink,
    ways: Sequence[UserWay],
    secrets: Secrets,
    stack: ExitStack,
    refusals: list[str],
) -> TrialViewer | None:
    for way in ways:
        viewer = TrialViewer(way, f"Tr1al{random.token_hex(3)}", secrets.trial_password())
        try:
            stack.enter_context(viewer)
            if accepts(http, viewer.username, viewer.password).accepted:
                return viewer
            viewer.remove()
            refusals.append(f"{way.name}: its users cannot log in to the web interface")
        except (LinkError, DeviceFileError) as error:
            refusals.append(f"{way.name}: {error}")
    return None
