"""An SSH server with the manners of others: several prompts, second factors, silence, no shell.

It is paramiko's server side on a loopback port. Each manner is a field; what is not given is
that of a usual server, whose one user is "lab" with the password "right".
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import paramiko
from paramiko.common import AUTH_FAILED, AUTH_PARTIALLY_SUCCESSFUL, AUTH_SUCCESSFUL, OPEN_SUCCEEDED
from paramiko.server import InteractiveQuery
from paramiko.sftp import SFTP_NO_SUCH_FILE, SFTP_PERMISSION_DENIED

USER, RIGHT = "lab", "right"
_HOST_KEY = paramiko.ECDSAKey.generate()
_CHANGE_REQUEST = 60  # SSH_MSG_USERAUTH_PASSWD_CHANGEREQ, RFC 4252, 8


@dataclass
class Manners:
    """``silent``: requests left unanswered (password, exec, remote, agent, x11, session).

    ``rounds``: what keyboard-interactive asks, round by round; the answers stand in ``heard``.
    ``answer``: what any command prints, then ends with ``status``, None for none at all.
    ``sftp``: what to answer a request for it: refuse, close, garbage, silent, deny or open.
    ``unheard``: how many callers it hangs up on first.
    ``before``: bytes ahead of the identification.
    """

    methods: str = "password"
    silent: frozenset[str] = frozenset()
    factors: int = 1
    change_password: bool = False
    rounds: Sequence[Sequence[tuple[str, bool]]] = ()
    answer: bytes | None = None
    status: int | None = 0
    before: bytes = b""
    forwards: bool = False
    sftp: str = ""
    heard: list[list[str]] = field(default_factory=list)
    logins: int = 0
    unheard: int = 0


class _Server(paramiko.ServerInterface):
    def __init__(
        self, manners: Manners, transport: paramiko.Transport, end: threading.Event
    ) -> None:
        self._manners, self._transport, self._end = manners, transport, end
        self._left = list(manners.rounds)

    def _silent(self, what: str) -> None:
        if what in self._manners.silent:
            self._end.wait()

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002
        return self._manners.methods

    def check_auth_password(self, username: str, password: str) -> int:
        if "password" not in self._manners.methods:
            return AUTH_FAILED
        self._silent("password")
        if self._manners.change_password:
            message = paramiko.Message()
            message.add_byte(bytes([_CHANGE_REQUEST]))
            message.add_string("Please choose a new password")
            message.add_string("")
            transport: Any = self._transport
            transport._send_message(message)
            return AUTH_FAILED
        return self._decide((username, password) == (USER, RIGHT))

    def check_auth_interactive(self, username: str, submethods: str) -> Any:  # noqa: ARG002
        return self._ask() if username == USER else AUTH_FAILED

    def check_auth_interactive_response(self, responses: list[str]) -> Any:
        self._manners.heard.append(list(responses))
        if self._left:
            return self._ask()
        return self._decide(self._manners.heard[0][-1:] == [RIGHT] and len(self._manners.heard) < 2)

    def _ask(self) -> InteractiveQuery:
        query = InteractiveQuery("", "")
        for prompt, shown in self._left.pop(0):
            query.add_prompt(prompt, shown)
        return query

    def _decide(self, right: bool) -> int:  # noqa: FBT001
        if not right:
            return AUTH_FAILED
        self._manners.logins += 1
        return AUTH_SUCCESSFUL if self._manners.factors == 1 else AUTH_PARTIALLY_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002
        self._silent("session")
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:  # noqa: ARG002
        self._silent("exec")
        if self._manners.answer is None:
            return False
        threading.Thread(target=self._print, args=(channel,), daemon=True).start()
        return True

    def _print(self, channel: paramiko.Channel) -> None:
        with suppress(OSError, paramiko.SSHException, EOFError):
            channel.recv(1)  # until the client has had the answer to its request, and ends its side
            channel.sendall(self._manners.answer or b"")
            if self._manners.status is not None:
                channel.send_exit_status(self._manners.status)
            channel.close()

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:  # noqa: ARG002
        kind = self._manners.sftp
        if kind in ("", "refuse"):
            return False
        threading.Thread(target=self._serve_files, args=(channel, kind), daemon=True).start()
        return True

    def _serve_files(self, channel: paramiko.Channel, kind: str) -> None:
        with suppress(OSError, paramiko.SSHException, EOFError):
            if kind == "close":
                channel.close()
            elif kind == "garbage":
                channel.sendall(b"\x00\x00\x00\x05sftp-server: not found\n")
            elif kind in ("deny", "open"):
                _Files(channel, kind).start_subsystem("sftp", self._transport, channel)
            else:
                self._end.wait()

    def check_port_forward_request(self, address: str, port: int) -> Any:  # noqa: ARG002
        self._silent("remote")
        return 4000 if self._manners.forwards else False

    def cancel_port_forward_request(self, address: str, port: int) -> None: ...

    def check_channel_forward_agent_request(self, channel: paramiko.Channel) -> bool:  # noqa: ARG002
        self._silent("agent")
        return self._manners.forwards

    def check_channel_x11_request(self, *_: object) -> bool:
        self._silent("x11")
        return self._manners.forwards

    def check_channel_direct_tcpip_request(self, *_: object) -> int:
        return OPEN_SUCCEEDED if self._manners.forwards else 1


class _Files(paramiko.SFTPServer):
    def __init__(self, channel: paramiko.Channel, kind: str) -> None:
        super().__init__(channel, "sftp", paramiko.ServerInterface(), _Opening, kind)


class _Opening(paramiko.SFTPServerInterface):
    def __init__(self, server: paramiko.ServerInterface, kind: str) -> None:
        super().__init__(server)
        self._kind = kind

    def open(self, path: str, flags: int, attr: Any) -> Any:  # noqa: ARG002
        if path == "/absent":
            return SFTP_NO_SUCH_FILE
        return paramiko.SFTPHandle(flags) if self._kind == "open" else SFTP_PERMISSION_DENIED


@contextmanager
def serving(manners: Manners) -> Iterator[int]:
    """Serve with these manners on loopback; gives the port."""
    end = threading.Event()
    transports: list[paramiko.Transport] = []

    def talk(client: socket.socket) -> None:
        if manners.unheard:
            manners.unheard -= 1
            client.close()
            return
        if manners.before:
            client.sendall(manners.before)
        transport = paramiko.Transport(client)
        transports.append(transport)
        transport.add_server_key(_HOST_KEY)
        with suppress(paramiko.SSHException, EOFError, OSError):
            transport.start_server(server=_Server(manners, transport, end))

    def serve(server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            end.set()
            server.shutdown(socket.SHUT_RDWR)
            for transport in transports:
                transport.close()
