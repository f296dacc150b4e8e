"""What a logged-in user may have an SSH server forward. Whatever is granted is undone at once."""

from __future__ import annotations

import contextlib
import enum
import threading
from collections.abc import Callable, Iterator
from typing import Any

import paramiko

from devices.errors import TimedOut, Unreachable
from devices.links.ssh.session import Session

_THROUGH_SECONDS = 3.0
_FROM = ("127.0.0.1", 0)
_CHANNEL_REQUEST = bytes([98])  # RFC 4254, 9
_CONNECT_FAILED = 2  # RFC 4254, 5.1: reason code of a channel open failure


class Forwarding(enum.StrEnum):
    """What a server answers to a request to forward a connection."""

    PERMITTED = "permitted"
    PROHIBITED = "prohibited"
    FAILED = "failed"  # the server says that it tried, and got no connection
    UNANSWERED = "unanswered"


def answers(
    logged_in: Callable[[], Session], target: tuple[str, int], seconds: float
) -> tuple[dict[str, Forwarding], bytes]:
    """What the server answers to each kind of request, and what came through a direct connection.

    ``target``: address and port to ask a direct connection to. After a request that is left
    unanswered, the others are made on a connection of their own. Raises the link errors.
    """
    found: dict[str, Forwarding] = {}
    through = b""

    def direct(session: Session) -> Forwarding:
        nonlocal through
        answer, through = connects(session, *target, seconds)
        return answer

    questions: dict[str, Callable[[Session], Forwarding]] = {
        "direct": direct,
        "remote": lambda session: listens(session, seconds),
        "x11": lambda session: takes_x11(session, seconds),
        "agent": lambda session: takes_agent(session, seconds),
    }
    while missing := [kind for kind in questions if kind not in found]:
        with logged_in() as session:
            for kind in missing:
                found[kind] = questions[kind](session)
                if found[kind] is Forwarding.UNANSWERED:
                    break
    return found, through


def connects(session: Session, host: str, port: int, seconds: float) -> tuple[Forwarding, bytes]:
    """Whether the server connects to ``host:port`` for the client (RFC 4254, 7.2).

    With the first bytes that came through, if any came within a few seconds.
    """
    try:
        channel = _opened(session, "direct-tcpip", seconds, (host, port))
    except paramiko.ChannelException as refusal:
        failed = refusal.code == _CONNECT_FAILED
        return Forwarding.FAILED if failed else Forwarding.PROHIBITED, b""
    except TimedOut:
        return Forwarding.UNANSWERED, b""
    try:
        channel.settimeout(min(_THROUGH_SECONDS, seconds))
        with contextlib.suppress(OSError):
            return Forwarding.PERMITTED, channel.recv(255)
        return Forwarding.PERMITTED, b""
    finally:
        channel.close()


def listens(session: Session, seconds: float) -> Forwarding:
    """Whether the server listens for the client (RFC 4254, 7.1).

    paramiko waits for that answer for ever: past ``seconds`` the session is closed.
    """
    transport, late = session.transport, threading.Event()

    def give_up() -> None:
        late.set()
        transport.close()

    timer = threading.Timer(seconds, give_up)
    timer.start()
    try:
        with _refusable(session):
            port = transport.request_port_forward("127.0.0.1", 0)
        with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
            transport.cancel_port_forward("127.0.0.1", port)
    except paramiko.SSHException:
        return Forwarding.PROHIBITED
    except Unreachable:
        if late.is_set():
            return Forwarding.UNANSWERED
        raise
    finally:
        timer.cancel()
    return Forwarding.PERMITTED


def takes_x11(session: Session, seconds: float) -> Forwarding:
    """Whether the server takes a request for X11 (RFC 4254, 6.3.1)."""
    return _asked(session, seconds, lambda channel: channel.request_x11(handler=lambda *_: None))


def takes_agent(session: Session, seconds: float) -> Forwarding:
    """Whether the server takes a request for the client's agent.

    ``auth-agent-req@openssh.com`` of OpenSSH's PROTOCOL.agent.
    """
    return _asked(session, seconds, lambda channel: _ask(channel, "auth-agent-req@openssh.com"))


def _asked(
    session: Session, seconds: float, request: Callable[[paramiko.Channel], object]
) -> Forwarding:
    try:
        channel = _opened(session, "session", seconds)
    except paramiko.ChannelException:
        return Forwarding.PROHIBITED
    except TimedOut:
        return Forwarding.UNANSWERED
    try:
        with _refusable(session), session.asking(channel, seconds):
            request(channel)
    except TimedOut:
        return Forwarding.UNANSWERED
    except paramiko.SSHException:
        return Forwarding.PROHIBITED
    finally:
        channel.close()
    return Forwarding.PERMITTED


def _opened(session: Session, kind: str, seconds: float, to: tuple[str, int] | None = None) -> Any:
    """An open channel. Raises ChannelException when it is refused, TimedOut, Unreachable."""
    try:
        with _refusable(session):
            return session.transport.open_channel(kind, to, _FROM, timeout=seconds)
    except paramiko.ChannelException:
        raise
    except paramiko.SSHException as error:
        raise TimedOut(
            f"{session.where}: a channel is not opened within {seconds:.0f} s"
        ) from error


@contextlib.contextmanager
def _refusable(session: Session) -> Iterator[None]:
    """Errors of the connection become Unreachable; a refusal by the server stays paramiko's."""
    try:
        yield
    except paramiko.SSHException:
        if not session.transport.is_active():
            raise Unreachable(f"{session.where} ends the connection") from None
        raise
    except (EOFError, OSError) as error:
        raise Unreachable(f"{session.where} ends the connection") from error


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
