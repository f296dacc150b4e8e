"""Logins with nothing to prove: no method, an empty password, empty answers, a key just made up.

Each user is asked once by each way. What is refused counts as a failed login on the camera.
"""

from __future__ import annotations

import enum
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from devices.errors import LinkError, LoginRefused, NotOffered
from devices.links.ssh.session import Session
from devices.observation import Observation


class Way(enum.StrEnum):
    """How a login was tried."""

    NONE = "no proof at all"
    KEY = "a key made up for it"
    PASSWORD = "an empty password"  # noqa: S105 - a description
    ANSWERS = "empty answers (keyboard-interactive)"


@dataclass(frozen=True)
class ProoflessLogin:
    """One login tried. ``offered``: whether the server offers that way to this user."""

    user: str
    way: Way
    offered: bool
    accepted: bool


@dataclass(frozen=True, kw_only=True)
class ProoflessLogins(Observation):
    """Logins that must all be refused."""

    endpoint: str
    logins: tuple[ProoflessLogin, ...]


def try_without_proof(
    connect: Callable[[], Session], endpoint: str, users: Mapping[str, int]
) -> ProoflessLogins:
    """Try each user; its number is how many empty passwords may be sent for that name.

    Raises the last LinkError when the server answers for none of them.
    """
    found: list[ProoflessLogin] = []
    missing: list[str] = []
    problem: LinkError | None = None
    for user, passwords in users.items():
        try:
            found += _of_user(connect, user, passwords)
        except LinkError as error:
            problem = error
            missing.append(f"{user} ({error})")
    if problem is not None and not found:
        raise problem
    shortfall = f"not tried to the end: {', '.join(missing)}" if missing else ""
    return ProoflessLogins(endpoint=endpoint, logins=tuple(found), shortfall=shortfall)


def _of_user(connect: Callable[[], Session], user: str, passwords: int) -> list[ProoflessLogin]:
    with connect() as session:
        methods, accepted = session.methods(user)
    found = [ProoflessLogin(user, Way.NONE, offered=True, accepted=accepted)]
    if accepted:
        return found
    ways = {"publickey": Way.KEY, "password": Way.PASSWORD, "keyboard-interactive": Way.ANSWERS}
    for method, way in ways.items():
        if method not in methods:
            found.append(ProoflessLogin(user, way, offered=False, accepted=False))
            continue
        if way is not Way.KEY:
            if not passwords:
                continue
            passwords -= 1
        with connect() as session:
            found.append(ProoflessLogin(user, way, offered=True, accepted=_try(session, user, way)))
    return found


def _try(session: Session, user: str, way: Way) -> bool:
    try:
        with session.translated():
            if way is Way.KEY:
                session.transport.auth_publickey(user, _new_key())
            elif way is Way.PASSWORD:
                session.transport.auth_password(user, "", fallback=False)
            else:
                session.transport.auth_interactive(
                    user, lambda _title, _text, asked: [""] * len(asked)
                )
    except (LoginRefused, NotOffered):
        return False
    return session.alive


def _new_key() -> paramiko.PKey:
    made = Ed25519PrivateKey.generate()
    text = made.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return paramiko.Ed25519Key.from_private_key(io.StringIO(text))
