"""Commands run on the camera: every wait and every amount is bounded."""

from __future__ import annotations

import selectors
import time
from dataclasses import dataclass

import paramiko

from devices.errors import Garbled, TimedOut
from devices.links.ssh.session import Session

MAX_OUTPUT = 4_000_000
_SHELL_CHECK = 'echo "a sh""ell"; exit 7'
_SHELL_SAYS = ("a shell", 7)


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


def run(session: Session, command: str, seconds: float) -> CommandResult:
    """Run one command; at most MAX_OUTPUT bytes of its output are kept.

    Raises TimedOut when it has not ended within ``seconds``.
    """
    end = time.monotonic() + seconds
    with session.translated():
        channel = session.transport.open_session(timeout=seconds)
    try:
        channel.settimeout(seconds)
        _execute(session, channel, command, seconds)
        return _collect(session, channel, command, end)
    finally:
        channel.close()


def _execute(session: Session, channel: paramiko.Channel, command: str, seconds: float) -> None:
    with session.translated():
        try:
            with session.asking(channel, seconds):
                channel.exec_command(command)
        except paramiko.SSHException as error:
            if not session.transport.is_active():
                raise EOFError from error
            raise Garbled(f"{session.where} runs no commands for this user") from error
        channel.shutdown_write()


def _collect(
    session: Session, channel: paramiko.Channel, command: str, end: float
) -> CommandResult:
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
                raise TimedOut(f"{session.where}: {command!r} did not end in time")
    status = None if truncated else _status(channel, end)
    return CommandResult(command, status, bytes(output), bytes(errors), truncated)


def _status(channel: paramiko.Channel, end: float) -> int | None:
    channel.status_event.wait(max(0.0, end - time.monotonic()))
    status = channel.exit_status
    return status if channel.status_event.is_set() and status >= 0 else None


def demand_shell(session: Session, seconds: float) -> None:
    """Make sure that a shell runs the commands, and that their end is told. Raises Garbled.

    The command line interface of a vendor answers any command with a text of its own, which must
    not be taken for the content of a file, nor its silence for a file that is missing.
    """
    result = run(session, _SHELL_CHECK, seconds)
    if (result.text.strip(), result.status) == _SHELL_SAYS:
        return
    said = (result.text.strip() or result.errors.decode("utf-8", "replace"))[:80]
    raise Garbled(
        f"{session.where}: the laboratory's login has no shell that runs commands: "
        f"{_SHELL_CHECK!r} is answered {said!r}, status {result.status}"
    )
