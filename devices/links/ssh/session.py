"""One SSH connection: login, commands, and questions that only a handshake or login answers.

Wraps paramiko, whose errors become this project's; every wait and every amount is bounded.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any, Self

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from devices.errors import Garbled, LoginRefused, NotOffered, TimedOut, Unreachable
from devices.links.ssh.answers import Answers
from devices.links.ssh.keys import load_key
from devices.links.ssh.legacy import OldTransport

_LOG = logging.getLogger("devices.links.ssh.link.transport")
_LOG.addHandler(logging.NullHandler())  # refusals are results here, not warnings for a terminal

_USERAUTH_REQUEST = bytes([50])


class Unheard(Unreachable):
    """The server ended the connection before it said anything: it may hear too many callers."""


class MoreAsked(Garbled):
    """The server takes the password, or does not say, and asks for something else besides."""


class Session:
    """A transport after its handshake; close it, or use it as a context."""

    def __init__(self, address: str, port: int, seconds: float) -> None:
        """Connect and finish the handshake.

        Raises Unreachable, TimedOut, Garbled; NotOffered when the server has no algorithm that
        this side accepts.
        """
        self.where = f"{address}:{port}"
        self._seconds = seconds
        try:
            sock = socket.create_connection((address, port), timeout=seconds)
        except TimeoutError as error:
            raise TimedOut(f"{self.where}: no connection within {seconds:.0f} s") from error
        except OSError as error:
            raise Unreachable(f"{self.where}: {error.strerror or error}") from error
        # Without this every small request waits for a delayed acknowledgement, 40 ms each.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.transport = OldTransport(sock)
        self.transport.set_log_channel(_LOG.name)
        self.transport.banner_timeout = seconds + 5  # the limit of the whole handshake comes first
        self.transport.auth_timeout = seconds
        try:
            self._handshake()
        except BaseException:
            self.close()
            raise

    def _handshake(self) -> None:
        try:
            with self.translated():
                self.transport.start_client(timeout=self._seconds)
        except Unreachable as error:
            if self.transport.remote_version:
                raise
            raise Unheard(str(error)) from error
        if not self.transport.initial_kex_done:  # paramiko returns silently when time is over
            raise TimedOut(f"{self.where}: no SSH handshake within {self._seconds:.0f} s")
        self.transport.adapt_signatures()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self.transport.close()

    @property
    def alive(self) -> bool:
        """Whether the connection stands and a user is logged in."""
        return bool(self.transport.is_active() and self.transport.is_authenticated())

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Turn what paramiko and the socket raise into this project's errors."""
        try:
            yield
        except paramiko.BadAuthenticationType as error:
            offered = ", ".join(error.allowed_types) or "nothing"
            raise NotOffered(f"{self.where} offers {offered} to this user") from error
        except paramiko.AuthenticationException as error:
            if "timeout" in str(error).lower():  # paramiko has no class of its own for it
                text = f"{self.where}: no answer to a login within {self._seconds:.0f} s"
                raise TimedOut(text) from error
            if not self.transport.is_active():  # hung up on, not answered
                raise Unreachable(f"{self.where} ends the connection") from error
            raise LoginRefused(f"{self.where} refuses the login: {error}") from error
        except IncompatiblePeer as error:
            text = f"{self.where} offers no algorithm that this bench accepts: {error}"
            raise NotOffered(text) from error
        except TimeoutError as error:
            raise TimedOut(f"{self.where}: no answer within {self._seconds:.0f} s") from error
        except (EOFError, ConnectionError) as error:
            raise Unreachable(f"{self.where} ends the connection") from error
        except (paramiko.SSHException, OSError, ValueError) as error:
            raise Garbled(f"{self.where}: {error}") from error

    def log_in_by_key(self, user: str, key_text: str) -> None:
        """Log in by private key. Raises LoginRefused, NotOffered, MoreAsked, the link errors."""
        with self.translated():
            left = self.transport.auth_publickey(user, load_key(key_text))
        self._demand_login("the key", left)

    def log_in_by_password(self, user: str, password: str) -> None:
        """Log in by password, or by keyboard-interactive where that is what is offered.

        Raises LoginRefused when the password was refused, MoreAsked when the server wants more
        than it or a new one: then nothing is known of it. Otherwise as :meth:`log_in_by_key`.
        """
        answers = Answers(user, password)
        try:
            with self.translated():
                try:
                    left = self.transport.auth_password(user, password, fallback=False)
                except paramiko.BadAuthenticationType as refusal:
                    if "keyboard-interactive" not in refusal.allowed_types:
                        raise
                    left = self.transport.auth_interactive(user, answers)
        except Garbled as error:
            if "Illegal info request" in str(error):  # message 60 has two meanings (RFC 4252, 8)
                text = f"{self.where} asks {user!r} for a new password instead of an answer"
                raise MoreAsked(text) from error
            raise
        except LoginRefused as error:
            if answers.more:
                text = f"{self.where} asks {user!r} for more than a password: {answers.more!r}"
                raise MoreAsked(text) from error
            raise
        self._demand_login("the password", left)

    def _demand_login(self, proof: str, left: list[str]) -> None:
        """After an answer that was no refusal: partial success (RFC 4252, 5.1) is no login."""
        if not self.transport.is_active():
            raise Unreachable(f"{self.where} ends the connection after the login")
        if not self.alive:
            more = ", ".join(name for name in left if name) or "something not named"
            raise MoreAsked(f"{self.where} takes {proof} and asks for more: {more}")

    def methods(self, user: str) -> tuple[tuple[str, ...], bool]:
        """Login methods offered to ``user``, and whether ``none`` is accepted (RFC 4252, 5.2)."""
        with self.translated():
            try:
                left = self.transport.auth_none(user)
            except paramiko.BadAuthenticationType as error:
                left = error.allowed_types
            except paramiko.AuthenticationException as error:
                if "timeout" in str(error).lower() or not self.transport.is_active():
                    raise
                left = self._methods_besides_none(user)
        return tuple(name for name in left if name), self.alive

    def _methods_besides_none(self, user: str) -> list[str]:
        """The methods of a server that names "none" among them, which paramiko does not show."""
        try:
            return self.request_login(user, "none", known_as="")
        except paramiko.BadAuthenticationType as error:
            return list(error.allowed_types)

    def request_login(
        self, user: str, method: str, *fields: object, known_as: str | None = None
    ) -> list[str]:
        """Send another SSH_MSG_USERAUTH_REQUEST (RFC 4252, 5) after one that was answered.

        paramiko would ask for the service ssh-userauth anew each time, and some servers end the
        connection over that. ``known_as``: the method by which paramiko tells whether a refusal
        was of the method. Raises what paramiko raises: use it within :meth:`translated`.
        """
        request = paramiko.Message()
        request.add_byte(_USERAUTH_REQUEST)
        for text in (user, "ssh-connection", method):
            request.add_string(text)
        for item in fields:
            if isinstance(item, bool):
                request.add_boolean(item)
            else:
                request.add_string(str(item))
        handler: Any = self.transport.auth_handler
        handler.auth_event, handler.username = threading.Event(), user
        handler.auth_method = method if known_as is None else known_as
        transport: Any = self.transport
        transport._send_message(request)  # noqa: SLF001 - there is no public way
        left: list[str] = handler.wait_for_response(handler.auth_event)
        return left

    @contextlib.contextmanager
    def asking(self, channel: paramiko.Channel, seconds: float) -> Iterator[None]:
        """A request on a channel; paramiko would wait for its answer for ever.

        Raises TimedOut; a refusal stays paramiko's.
        """
        late = threading.Event()

        def give_up() -> None:
            late.set()
            with contextlib.suppress(EOFError, OSError):  # the connection has gone meanwhile
                channel.close()

        timer = threading.Timer(seconds, give_up)
        timer.start()
        try:
            yield
        except paramiko.SSHException:
            if not late.is_set():
                raise
        finally:
            timer.cancel()
        if late.is_set():
            raise TimedOut(f"{self.where}: a request is not answered within {seconds:.0f} s")

    @property
    def signature_algorithms(self) -> tuple[str, ...] | None:
        """What the server names in ``server-sig-algs`` (RFC 8308, 3.1); None where it does not.

        It comes after the key exchange: ask once a login was answered.
        """
        extensions: dict[str, bytes] = vars(self.transport).get("server_extensions", {})
        said = extensions.get("server-sig-algs")
        if said is None:
            return None
        return tuple(name for name in said.decode("ascii", "replace").split(",") if name)
