"""What an SSH server says before anyone logs in: software, algorithms, host keys, DH groups.

Read from raw bytes, so that a server with weak algorithms alone is described like any other. For
each kind of host key one key exchange is begun and left after the server's reply, which carries
the key (its signature is not checked: nothing is trusted here, only described). The first of them
goes on where the server was greeted; the others, and the questions for groups, have a connection
each, few at a time: servers limit how many callers they hear before login.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Self, TypeVar

from devices.errors import Garbled, LinkError, NotOffered, TimedOut, Unreachable
from devices.protocols import ssh
from devices.protocols.ssh import GroupRequest, HostKey, Identification, KexInit, TransportReader
from devices.protocols.ssh import groups as ssh_groups

_T = TypeVar("_T")

CLIENT_LINE = b"SSH-2.0-camproof\r\n"
_MAX_BYTES = 1_000_000
_MAX_HOST_KEYS = 8
_AT_ONCE = 3
"""Connections before login at one time; Dropbear hears five of one address, OpenSSH ten."""
_TRIES = 3
_PAUSE = (
    0.3  # s before a server that hung up unheard, as one with many callers does, is called again
)
_SMALLEST = GroupRequest(1024, 1024, 8192)
"""Asks for the smallest group that RFC 4419 knows: a careful server gives a larger one."""
_USUAL = GroupRequest(2048, 3072, 8192)
_NO_ALGORITHMS = KexInit((), (), (), (), (), (), (), ())


@dataclass(frozen=True)
class Greeting:
    """The identification and KEXINIT of a server; of one that speaks SSH 1 alone, an empty one."""

    identification: Identification
    kexinit: KexInit


@dataclass(frozen=True)
class OfferedGroup:
    """The size in bits of the modulus that a group exchange gave to who asked for ``asked``."""

    exchange: str
    asked: int
    bits: int


@dataclass(frozen=True)
class Survey:
    """Everything that a server says before login; ``shortfall`` says what could not be had.

    ``without_key``: host key algorithms that it offers and, asked for them, ends the connection.
    """

    greeting: Greeting
    host_keys: tuple[HostKey, ...]
    groups: tuple[OfferedGroup, ...]
    shortfall: str
    without_key: tuple[str, ...] = ()


def greet(address: str, port: int, seconds: float) -> Greeting:
    """Read a server's identification and KEXINIT.

    Raises Unreachable, TimedOut (nothing, or not enough, within ``seconds``) or Garbled.
    """
    with _Conversation(address, port, seconds) as conversation:
        return conversation.greeting()


def survey(address: str, port: int, seconds: float) -> Survey:
    """Read all that a server says before login; ``seconds`` is the limit of each connection.

    Raises as :func:`greet`.
    """
    call = _Caller(address, port, seconds)
    greeting, first, problem = call.again(_Conversation.open_with_key)
    if not greeting.kexinit.spoken:
        return Survey(greeting, (), (), f"only SSH {greeting.identification.protocol} is spoken")
    offered = greeting.kexinit
    exchange = _exchange(offered)
    wanted = _one_of_each_type(offered.host_keys)[:_MAX_HOST_KEYS]
    missing = []
    if exchange is None:
        missing.append(f"host keys: no key exchange in common: {', '.join(offered.kex)}")
        wanted = []
    wanted = wanted if problem else wanted[1:]  # what failed on the way is asked for once more
    asked = [name for name in ssh.GROUP_EXCHANGES if name in offered.kex]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        keys = pool.map(lambda name: call.host_key(exchange or "", name), wanted)
        sizes = pool.map(call.group, asked)
        keys_or_errors, sizes_or_errors = list(keys), list(sizes)
    answers = dict(zip(wanted, keys_or_errors, strict=True))
    found = [first] if first else []
    found += [key for key in answers.values() if isinstance(key, HostKey)]
    # Dropbear offers RSA without an RSA key, and dies of being asked for it.
    without = [n for n, key in answers.items() if found and isinstance(key, WalkedOff)]
    for name, key in answers.items():
        if isinstance(key, LinkError) and name not in without:
            missing.append(f"host key {name} ({key})")
    for name, size in zip(asked, sizes_or_errors, strict=True):
        if not isinstance(size, OfferedGroup):
            missing.append(f"the group of {name} ({size})")
    unique = {key.fingerprint: key for key in found}
    groups = tuple(size for size in sizes_or_errors if isinstance(size, OfferedGroup))
    shortfall = f"not obtained: {'; '.join(missing)}" if missing else ""
    return Survey(greeting, tuple(unique.values()), groups, shortfall, tuple(without))


class _Caller:
    """Calls one server, again where it hangs up before it was heard."""

    def __init__(self, address: str, port: int, seconds: float) -> None:
        self._to = (address, port, seconds)

    def again(self, talk: Callable[[_Conversation], _T]) -> _T:
        for left in reversed(range(_TRIES)):
            try:
                with _Conversation(*self._to) as conversation:
                    return talk(conversation)
            except (HungUp, Unreachable):
                if not left:
                    raise
                time.sleep(_PAUSE)
        raise AssertionError  # the last try returned or raised

    def host_key(self, exchange: str, algorithm: str) -> HostKey | LinkError:
        """The key, or why not. WalkedOff: twice, and nothing else, when it was asked for."""
        try:
            try:
                return self.again(lambda talk: talk.host_key(exchange, algorithm))
            except WalkedOff:
                return self.again(lambda talk: talk.host_key(exchange, algorithm))
        except LinkError as error:
            return error

    def group(self, exchange: str) -> OfferedGroup | LinkError | None:
        try:
            return self.again(lambda talk: talk.group(exchange))
        except LinkError as error:
            return error


class HungUp(Garbled):
    """The server ended the connection before it said anything: it may hear too many callers."""


class WalkedOff(Garbled):
    """The server ended the connection after its identification: over what it was asked."""


def _exchange(offered: KexInit) -> str | None:
    """The quickest key exchange that both know."""
    known = (*ssh.EXCHANGES, *ssh.GROUP_EXCHANGES)
    return next((name for name in known if name in offered.kex), None)


def _one_of_each_type(algorithms: tuple[str, ...]) -> list[str]:
    """One signature algorithm for each key: RSA signs under several names, certificates apart."""
    chosen: dict[str, str] = {}
    for name in algorithms:
        if "-cert-" in name:
            continue
        chosen.setdefault("ssh-rsa" if name.startswith("rsa-sha2-") else name, name)
    return list(chosen.values())


class _Conversation:
    """One TCP connection up to the key exchange reply."""

    def __init__(self, address: str, port: int, seconds: float) -> None:
        self._where, self._to = f"{address}:{port}", (address, port, seconds)
        self._end = time.monotonic() + seconds
        self._seconds = seconds
        self._received = 0
        self._reader = TransportReader()
        try:
            self._socket = socket.create_connection((address, port), timeout=seconds)
        except TimeoutError as error:
            raise TimedOut(f"{self._where}: no connection within {seconds:.0f} s") from error
        except OSError as error:
            raise Unreachable(f"{self._where}: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def greeting(self) -> Greeting:
        self._send(CLIENT_LINE)
        identification = self._until(self._reader.next_identification)
        if not identification.protocol.startswith(("2.", "1.99")):
            return Greeting(identification, _NO_ALGORITHMS)
        return Greeting(identification, ssh.parse_kexinit(self._packet(ssh.MSG_KEXINIT)))

    def open_with_key(self) -> tuple[Greeting, HostKey | None, str]:
        """The greeting, the server's first host key, and why that could not be had."""
        greeting = self.greeting()
        exchange, names = _exchange(greeting.kexinit), _one_of_each_type(greeting.kexinit.host_keys)
        if exchange is None or not names:
            return greeting, None, ""
        try:
            return greeting, self._key_by(exchange, names[0], greeting.kexinit), ""
        except LinkError as error:
            return greeting, None, str(error)

    def host_key(self, exchange: str, algorithm: str) -> HostKey:
        return self._key_by(exchange, algorithm, self.greeting().kexinit)

    def group(self, exchange: str) -> OfferedGroup:
        server = self.greeting().kexinit
        self._begin(exchange, server.host_keys, server)
        self._send(ssh.packet(_SMALLEST.encode()))
        try:
            payload = self._packet(ssh_groups.MSG_GROUP)
        except (NotOffered, WalkedOff):
            # A server may refuse a client that asks for so little (RFC 4419, 3); then the usual.
            return self._usual_group(exchange)
        return OfferedGroup(exchange, _SMALLEST.liked, ssh.parse_group_bits(payload))

    def _usual_group(self, exchange: str) -> OfferedGroup:
        with _Conversation(*self._to) as again:
            server = again.greeting().kexinit
            again._begin(exchange, server.host_keys, server)
            again._send(ssh.packet(_USUAL.encode()))
            payload = again._packet(ssh_groups.MSG_GROUP)
        return OfferedGroup(exchange, _USUAL.liked, ssh.parse_group_bits(payload))

    def _begin(self, exchange: str, host_keys: tuple[str, ...], server: KexInit) -> None:
        ours = replace(server, kex=(exchange,), host_keys=host_keys, first_kex_packet_follows=False)
        self._send(ssh.packet(ours.encode()))

    def _key_by(self, exchange: str, algorithm: str, server: KexInit) -> HostKey:
        self._begin(exchange, (algorithm,), server)
        if exchange in ssh.GROUP_EXCHANGES:
            self._send(ssh.packet(_USUAL.encode()))
            prime, generator = ssh.parse_group(self._packet(ssh_groups.MSG_GROUP))
            self._send(ssh.packet(ssh_groups.init(prime, generator)))
            return ssh.parse_kex_reply(self._packet(33))
        self._send(ssh.packet(ssh.initial_message(exchange)))
        return ssh.parse_kex_reply(self._packet(31))

    def _packet(self, wanted: int) -> bytes:
        for _ in range(16):
            payload = self._until(self._reader.next_packet)
            kind = payload[0] if payload else 0
            if kind == wanted:
                return payload
            if kind == ssh.MSG_DISCONNECT:
                raise NotOffered(f"{self._where} disconnects: {ssh.parse_disconnect(payload)}")
            if kind not in (ssh.MSG_IGNORE, ssh.MSG_DEBUG, ssh.MSG_UNIMPLEMENTED):
                raise Garbled(f"{self._where}: SSH message {kind} where {wanted} is due")
        raise Garbled(f"{self._where}: nothing but SSH_MSG_IGNORE")

    def _until(self, take: Callable[[], _T | None]) -> _T:
        while (value := take()) is None:
            left = self._end - time.monotonic()
            if left <= 0:
                raise TimedOut(f"{self._where}: no SSH answer within {self._seconds:.0f} s")
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(65_536)
            except TimeoutError:
                continue
            except OSError as error:
                if self._reader.identification is not None:
                    raise WalkedOff(f"{self._where} resets the connection") from error
                raise Unreachable(f"{self._where}: {error.strerror or error}") from error
            self._received += len(data)
            if not data:
                early = self._reader.identification is None
                kind, when = (HungUp, "unheard") if early else (WalkedOff, "over what it was asked")
                raise kind(f"{self._where} ends the connection {when}")
            if self._received > _MAX_BYTES:
                raise Garbled(f"{self._where} sends without end before its greeting is complete")
            self._reader.feed(data)
        return value

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise Unreachable(f"{self._where}: {error.strerror or error}") from error
