"""One connection to an SSH server up to the reply of its key exchange, from raw bytes."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self, TypeVar

from devices.errors import Garbled, LinkError, NotOffered, TimedOut, Unreachable
from devices.protocols import ssh
from devices.protocols.ssh import GroupRequest, HostKey, Identification, KexInit, TransportReader
from devices.protocols.ssh import groups as ssh_groups

_T = TypeVar("_T")

CLIENT_LINE = b"SSH-2.0-camproof\r\n"
_MAX_BYTES = 1_000_000
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


class HungUp(Garbled):
    """The server ended the connection before it said anything: it may hear too many callers."""


class WalkedOff(Garbled):
    """The server ended the connection after its identification: over what it was asked."""


def exchange_of(offered: KexInit) -> str | None:
    """The quickest key exchange that both know."""
    known = (*ssh.EXCHANGES, *ssh.GROUP_EXCHANGES)
    return next((name for name in known if name in offered.kex), None)


def one_of_each_type(algorithms: tuple[str, ...]) -> list[str]:
    """One signature algorithm for each key: RSA signs under several names, certificates apart."""
    chosen: dict[str, str] = {}
    for name in algorithms:
        if "-cert-" in name:
            continue
        chosen.setdefault("ssh-rsa" if name.startswith("rsa-sha2-") else name, name)
    return list(chosen.values())


class Conversation:
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
        """Exchange identifications and read the server's KEXINIT, if it speaks SSH 2."""
        self._send(CLIENT_LINE)
        identification = self._until(self._reader.next_identification)
        if not identification.protocol.startswith(("2.", "1.99")):
            return Greeting(identification, _NO_ALGORITHMS)
        return Greeting(identification, ssh.parse_kexinit(self._packet(ssh.MSG_KEXINIT)))

    def open_with_key(self) -> tuple[Greeting, HostKey | None, str]:
        """The greeting, the server's first host key, and why that could not be had."""
        greeting = self.greeting()
        exchange, names = (
            exchange_of(greeting.kexinit),
            one_of_each_type(greeting.kexinit.host_keys),
        )
        if exchange is None or not names:
            return greeting, None, ""
        try:
            return greeting, self._key_by(exchange, names[0], greeting.kexinit), ""
        except LinkError as error:
            return greeting, None, str(error)

    def host_key(self, exchange: str, algorithm: str) -> HostKey:
        """The host key for one signature algorithm, by one key exchange."""
        return self._key_by(exchange, algorithm, self.greeting().kexinit)

    def group(self, exchange: str) -> OfferedGroup:
        """The group that a group exchange gives to who asks for a small one."""
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
        with Conversation(*self._to) as again:
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
