"""Guessing passwords over SSH: how many wrong ones one connection, and one account, may take."""

from __future__ import annotations

import secrets as random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from devices.errors import LoginRefused, NotOffered, Unreachable
from devices.links.ssh.session import Session
from devices.observation import Observation


@dataclass(frozen=True, kw_only=True)
class ConnectionGuesses(Observation):
    """Wrong passwords sent on one connection.

    ``answered``: how many were refused by an answer; ``ended``: the server ended the connection;
    ``accepted``: it took one of the made-up passwords.
    """

    endpoint: str
    user: str
    method: str
    answered: int
    ended: bool
    accepted: bool
    seconds: float


@dataclass(frozen=True, kw_only=True)
class AccountGuesses(Observation):
    """Wrong passwords for one account, a connection each, then the right one."""

    endpoint: str
    user: str
    wrong: int
    right_accepted: bool
    seconds: float


def on_one_connection(
    connect: Callable[[], Session], endpoint: str, user: str, *, most: int
) -> ConnectionGuesses:
    """Send up to ``most`` made-up passwords on one connection.

    Raises NotOffered when ``user`` is offered no password, and the link errors of the connection.
    """
    began = time.monotonic()
    with connect() as session:
        methods, accepted = session.methods(user)
        method = next((m for m in ("password", "keyboard-interactive") if m in methods), "")
        if not method and not accepted:
            raise NotOffered(f"{endpoint} offers {user!r} no password")
        answered, ended = 0, False
        while not (accepted or ended) and answered < most:
            try:
                _guess(session, user, method)
                accepted = session.alive
                break
            except LoginRefused:
                answered += 1
            except (Unreachable, NotOffered):  # hung up on, or the method is no longer offered
                ended = True
    return ConnectionGuesses(
        endpoint=endpoint,
        user=user,
        method=method,
        answered=answered,
        ended=ended,
        accepted=accepted,
        seconds=round(time.monotonic() - began, 2),
    )


def _guess(session: Session, user: str, method: str) -> None:
    """Send one made-up password and wait for the answer."""
    word = f"Wr0ng-{random.token_hex(6)}"
    handler: Any = session.transport.auth_handler
    handler.interactive_handler = lambda _title, _text, asked: [word] * len(asked)
    fields = (False, word) if method == "password" else ("", "")
    with session.translated():
        session.request_login(user, method, *fields)


def of_one_account(
    connect: Callable[[], Session], endpoint: str, user: str, password: str, *, wrong: int
) -> AccountGuesses:
    """Guess ``wrong`` times, then log in with the right password.

    Raises LoginRefused when the right one is refused before anything was guessed, MoreAsked when
    it alone does not log in: then later refusals show nothing.
    """
    with connect() as session:
        session.log_in_by_password(user, password)
    began = time.monotonic()
    for _ in range(wrong):
        try:
            with connect() as session:
                session.log_in_by_password(user, f"Wr0ng-{random.token_hex(6)}")
        except (LoginRefused, NotOffered, Unreachable):
            continue
    seconds = time.monotonic() - began
    try:
        with connect() as session:
            session.log_in_by_password(user, password)
            accepted = True
    except (LoginRefused, NotOffered, Unreachable):
        accepted = False
    return AccountGuesses(
        endpoint=endpoint,
        user=user,
        wrong=wrong,
        right_accepted=accepted,
        seconds=round(seconds, 2),
    )
