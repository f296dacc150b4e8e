"""Guessing passwords over SSH: how many wrong ones one connection, and one account, may take."""

from __future__ import annotations

import secrets as random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import paramiko

from devices.errors import LoginRefused, NotOffered, Unreachable
from devices.links.ssh.session import Session
from devices.observation import Observation

_USERAUTH_REQUEST = bytes([50])


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
    """Send one made-up password and wait for the answer.

    paramiko would ask for the service ssh-userauth anew each time, and some servers end the
    connection over that; after the first answer its own state can carry further requests.
    """
    word = f"Wr0ng-{random.token_hex(6)}"
    handler: Any = session.transport.auth_handler
    request = paramiko.Message()  # SSH_MSG_USERAUTH_REQUEST, RFC 4252, 5
    request.add_byte(_USERAUTH_REQUEST)
    for text in (user, "ssh-connection", method):
        request.add_string(text)
    if method == "password":
        request.add_boolean(False)  # noqa: FBT003 - paramiko's own form
        request.add_string(word)
    else:
        request.add_string("")
        request.add_string("")
    handler.interactive_handler = lambda _title, _text, asked: [word] * len(asked)
    handler.auth_event, handler.auth_method, handler.username = threading.Event(), method, user
    transport: Any = session.transport
    with session.translated():
        transport._send_message(request)  # noqa: SLF001 - there is no public way
        handler.wait_for_response(handler.auth_event)


def of_one_account(
    connect: Callable[[], Session], endpoint: str, user: str, password: str, *, wrong: int
) -> AccountGuesses:
    """Guess ``wrong`` times, then log in with the right password.

    Raises LoginRefused when the right one is refused before anything was guessed: then later
    refusals show nothing.
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
            accepted = session.alive
    except (LoginRefused, NotOffered, Unreachable):
        accepted = False
    return AccountGuesses(
        endpoint=endpoint,
        user=user,
        wrong=wrong,
        right_accepted=accepted,
        seconds=round(seconds, 2),
    )
