"""Which login methods an SSH server offers to each user."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from devices.errors import LinkError, Unreachable
from devices.links.ssh.observations import SshAuthentication, UserAuthentication
from devices.links.ssh.session import Session


class _HungUpOnUser(Unreachable):
    """The server ended the connection when it heard a user's name."""


def ask_users(
    connect: Callable[[], Session], endpoint: str, users: Mapping[str, bool]
) -> SshAuthentication:
    """Ask for each user; its value tells whether the device file names that user.

    Raises the last LinkError when the server answers for none of them.
    """
    found, missing = [], []
    problem: LinkError | None = None
    signatures: tuple[str, ...] | None = None
    for user, known in users.items():
        try:
            methods, none_accepted, named = _methods(connect, user)
        except LinkError as error:
            problem = error
            missing.append(f"{user} ({error})")
            if isinstance(error, _HungUpOnUser):
                answer = UserAuthentication(user, (), False, known, hung_up=True)  # noqa: FBT003
                found.append(answer)
            continue
        signatures = signatures or named
        found.append(UserAuthentication(user, methods, none_accepted, known))
    if problem is not None and all(user.hung_up for user in found):
        raise problem
    return SshAuthentication(
        endpoint=endpoint,
        users=tuple(found),
        signature_algorithms=signatures,
        shortfall=f"login methods not obtained for {', '.join(missing)}" if missing else "",
    )


def _methods(
    connect: Callable[[], Session], user: str
) -> tuple[tuple[str, ...], bool, tuple[str, ...] | None]:
    for again in (True, False):
        with connect() as session:
            try:
                methods, none_accepted = session.methods(user)
            except Unreachable as error:
                if again:
                    continue
                raise _HungUpOnUser(str(error)) from error
            return methods, none_accepted, session.signature_algorithms
    raise AssertionError  # the second round returned or raised
