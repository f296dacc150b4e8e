"""One SSH connection: login, commands, and questions that only a handshake or login answers.

Wraps paramiko, whose errors become this project's; every wait and every amount is bounded.
"""

from __future__ import annotations

import contextlib
import enum
import io
import logging
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from devices.errors import (
    DeviceFileError,
    Garbled,
    LoginRefused,
    NotOffered,
    TimedOut,
    Unreachable,
)
from devices.links.ssh.legacy import OldTransport, RsaKey

_LOG = logging.getLogger("devices.links.ssh.link.transport")
_LOG.addHandler(logging.NullHandler())  # refusals are results here, not warnings for a terminal

MAX_OUTPUT = 4_000_000
_KEY_TYPES = (paramiko.Ed25519Key, paramiko.ECDSAKey, RsaKey)
_THROUGH_SECONDS = 3.0
_CHANNEL_REQUEST = bytes([98])  # RFC 4254, 9
_CONNECT_FAILED = 2  # RFC 4254, 5.1: reason code of a channel open failure


@dataclass(frozen=True)
class CommandResult:
    """What a command printed and how it ended.

    ``status`` is None when the server sent none; ``truncated`` when output was cut at the bound.
    """

    command: str
    status: int | None
    output: bytes
    errors: bytes
    truncated: bool = False

    @property
    def text(self) -> str:
        """The output as text, undecodable bytes replaced."""
        return self.output.decode("utf-8", "replace")

    @property
    def ok(self) -> bool:
        """Whether the command ended well and its output is whole."""
        return self.status == 0 and not self.truncated


class Forwarding(enum.StrEnum):
    """What a server answers to a request to forward a connection."""

    PERMITTED = "permitted"
    PROHIBITED = "prohibited"
    FAILED = "failed"  # the server says that it tried, and got no connection


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
        with self.translated():
            self.transport.start_client(timeout=self._seconds)
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
        """Log in by private key. Raises LoginRefused, NotOffered and the link errors."""
        with self.translated():
            self.transport.auth_publickey(user, load_key(key_text))

    def log_in_by_password(self, user: str, password: str) -> None:
        """Log in by password (or keyboard-interactive). Raises as :meth:`log_in_by_key`."""
        with self.translated():
            self.transport.auth_password(user, password)

    def methods(self, user: str) -> tuple[tuple[str, ...], bool]:
        """Login methods offered to ``user``, and whether ``none`` is accepted (RFC 4252, 5.2)."""
        with self.translated():
            try:
                self.transport.auth_none(user)
            except paramiko.BadAuthenticationType as error:
                return tuple(error.allowed_types), False
        return (), True

    def run(self, command: str, seconds: float) -> CommandResult:
        """Run one command; at most MAX_OUTPUT bytes of its output are kept.

        Raises TimedOut when it has not ended within ``seconds``.
        """
        end = time.monotonic() + seconds
        with self.translated():
            channel = self.transport.open_session(timeout=seconds)
        try:
            with self.translated():
                channel.settimeout(seconds)
                channel.exec_command(command)
                channel.shutdown_write()
            return self._collect(channel, command, end)
        finally:
            channel.close()

    def _collect(self, channel: paramiko.Channel, command: str, end: float) -> CommandResult:
        output, errors, truncated = bytearray(), bytearray(), False
        with selectors.DefaultSelector() as selector:
            selector.register(channel.fileno(), selectors.EVENT_READ)
            while not truncated:
                ended = channel.eof_received or channel.closed  # asked before the last data is
                ready = channel.recv_ready() or channel.recv_stderr_ready()
                if channel.recv_ready():
                    output += channel.recv(65_536)
                if channel.recv_stderr_ready():
                    errors += channel.recv_stderr(65_536)
                truncated = len(output) + len(errors) > MAX_OUTPUT
                if not ready and ended:
                    break
                if not ready and not selector.select(max(0.0, end - time.monotonic())):
                    raise TimedOut(f"{self.where}: {command!r} did not end in time")
        status = None if truncated else self._status(channel, end)
        return CommandResult(command, status, bytes(output), bytes(errors), truncated)

    def _status(self, channel: paramiko.Channel, end: float) -> int | None:
        channel.status_event.wait(max(0.0, end - time.monotonic()))
        status = channel.exit_status
        return status if channel.status_event.is_set() and status >= 0 else None

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

    def forward(self, host: str, port: int, seconds: float) -> tuple[Forwarding, bytes]:
        """Whether the server connects to ``host:port`` for the client (RFC 4254, 7.2).

        With the first bytes that came through, if any came within a few seconds.
        """
        try:
            with self.translated_channel():
                channel = self.transport.open_channel(
                    "direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=seconds
                )
        except paramiko.ChannelException as refusal:
            failed = refusal.code == _CONNECT_FAILED
            return Forwarding.FAILED if failed else Forwarding.PROHIBITED, b""
        try:
            channel.settimeout(_THROUGH_SECONDS)
            with contextlib.suppress(OSError):
                return Forwarding.PERMITTED, channel.recv(255)
            return Forwarding.PERMITTED, b""
        finally:
            channel.close()

    def forward_x11(self) -> Forwarding:
        """Whether the server takes a request for X11 (RFC 4254, 6.3.1); undone at once."""
        return self._asked(lambda channel: channel.request_x11(handler=lambda *_: None))

    def forward_agent(self) -> Forwarding:
        """Whether the server takes a request for the client's agent; undone at once.

        ``auth-agent-req@openssh.com`` of OpenSSH's PROTOCOL.agent.
        """
        return self._asked(lambda channel: _ask(channel, "auth-agent-req@openssh.com"))

    def _asked(self, request: Callable[[paramiko.Channel], object]) -> Forwarding:
        try:
            with self.translated_channel():
                channel = self.transport.open_session(timeout=self._seconds)
        except paramiko.ChannelException:
            return Forwarding.PROHIBITED
        try:
            with self.translated_channel():
                request(channel)
        except paramiko.SSHException:
            return Forwarding.PROHIBITED
        finally:
            channel.close()
        return Forwarding.PERMITTED

    def listen(self) -> Forwarding:
        """Whether the server listens for the client (RFC 4254, 7.1); undone at once."""
        try:
            with self.translated_channel():
                port = self.transport.request_port_forward("127.0.0.1", 0)
        except paramiko.SSHException:
            return Forwarding.PROHIBITED
        with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
            self.transport.cancel_port_forward("127.0.0.1", port)
        return Forwarding.PERMITTED

    @contextlib.contextmanager
    def translated_channel(self) -> Iterator[None]:
        """As :meth:`translated`, but a refusal by the server stays paramiko's."""
        try:
            yield
        except paramiko.SSHException:
            if not self.transport.is_active():
                raise Unreachable(f"{self.where} ends the connection") from None
            raise
        except (EOFError, OSError) as error:
            raise Unreachable(f"{self.where} ends the connection") from error


def _ask(channel: Any, request: str) -> None:
    """Send a channel request that wants a reply, and wait for it. Raises SSHException."""
    message = paramiko.Message()
    message.add_byte(_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string(request)
    message.add_boolean(True)  # noqa: FBT003 - paramiko's own form
    # As the channel's own requests do it: there is no public way to ask for this and for a reply.
    channel._event_pending()  # noqa: SLF001
    channel.transport._send_user_message(message)  # noqa: SLF001
    channel._wait_for_event()  # noqa: SLF001


def load_key(text: str) -> paramiko.PKey:
    """Load a private key in any format paramiko knows. Raises DeviceFileError."""
    for kind in _KEY_TYPES:
        try:
            return kind.from_private_key(io.StringIO(text))
        except (paramiko.SSHException, ValueError):
            continue
    raise DeviceFileError(
        "the SSH key of the account is not an Ed25519, ECDSA or RSA private key without passphrase"
    )


def public_half(text: str) -> str:
    """``type base64`` of a private key, as it stands in ``authorized_keys``."""
    key = load_key(text)
    return f"{key.get_name()} {key.get_base64()}"
