"""What SFTP opens for a login, beside what the login's own shell may read. No byte is read."""

from __future__ import annotations

import contextlib
import enum
import errno
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import paramiko

from devices.errors import Garbled, Unreachable
from devices.links.ssh.commands import CommandResult
from devices.links.ssh.session import Session
from devices.observation import Observation


class Access(enum.StrEnum):
    """What came of opening a file for reading."""

    OPENED = "opened"
    REFUSED = "refused"
    ABSENT = "absent"
    NO_SHELL = "no shell"
    UNTOLD = "untold"  # the shell neither read it, nor said why not


@dataclass(frozen=True)
class ReachedFile:
    """One file, asked for in both ways."""

    path: str
    over_sftp: Access
    over_shell: Access


@dataclass(frozen=True, kw_only=True)
class SshFiles(Observation):
    """Files that a login asked for over SFTP. ``offered``: whether there is SFTP at all."""

    endpoint: str
    user: str
    offered: bool
    files: tuple[ReachedFile, ...] = ()


def over_sftp(session: Session, paths: Sequence[str], seconds: float) -> dict[str, Access] | None:
    """Open each file for reading and close it; None where the server has no SFTP.

    Raises TimedOut, Unreachable, Garbled.
    """
    with session.translated():
        channel = session.transport.open_session(timeout=seconds)
    try:
        channel.settimeout(seconds)
        try:
            with session.asking(channel, seconds):
                channel.invoke_subsystem("sftp")
        except paramiko.SSHException as error:
            if not session.transport.is_active():
                raise Unreachable(f"{session.where} ends the connection") from error
            return None
        return _opened(session, channel, paths)
    finally:
        with contextlib.suppress(EOFError, OSError):
            channel.close()


def _opened(
    session: Session, channel: paramiko.Channel, paths: Sequence[str]
) -> dict[str, Access] | None:
    try:
        with session.translated():
            try:
                client = paramiko.SFTPClient(channel)
            except (paramiko.SSHException, OSError) as error:
                ended = channel.closed or isinstance(error.__context__, EOFError)
                if session.transport.is_active() and ended:
                    return None  # Dropbear grants the request and finds no program for it
                raise
            return {path: _open(client, path) for path in paths}
    except paramiko.SFTPError as error:
        raise Garbled(f"{session.where}: what answers to SFTP is none: {error}") from error


def _open(client: paramiko.SFTPClient, path: str) -> Access:
    try:
        client.open(path, "r").close()
    except (TimeoutError, ConnectionError):
        raise
    except OSError as error:
        return Access.ABSENT if error.errno == errno.ENOENT else Access.REFUSED
    return Access.OPENED


def over_shell(run: Callable[[str], CommandResult], paths: Sequence[str]) -> dict[str, Access]:
    """What the login's shell may read of the files. Raises what ``run`` does."""
    return {path: _read(run(f"cat {shlex.quote(path)} >/dev/null")) for path in paths}


def _read(result: CommandResult) -> Access:
    if result.status == 0:
        return Access.OPENED
    if b"ermission denied" in result.errors:
        return Access.REFUSED
    return Access.ABSENT if b"o such file" in result.errors else Access.UNTOLD
