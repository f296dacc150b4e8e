"""What an SSH server says before anyone logs in: software, algorithms, host keys, DH groups.

Read from raw bytes, so that a server with weak algorithms alone is described like any other. For
each kind of host key one key exchange is begun and left after the server's reply, which carries
the key (its signature is not checked: nothing is trusted here, only described). The first of them
goes on where the server was greeted; the others, and the questions for groups, have a connection
each, few at a time: servers limit how many callers they hear before login.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from devices.errors import LinkError, Unreachable
from devices.links.ssh.conversation import (
    Conversation,
    Greeting,
    HungUp,
    OfferedGroup,
    WalkedOff,
    exchange_of,
    one_of_each_type,
)
from devices.protocols import ssh
from devices.protocols.ssh import HostKey

_T = TypeVar("_T")

_MAX_HOST_KEYS = 8
_AT_ONCE = 3
"""Connections before login at one time; Dropbear hears five of one address, OpenSSH ten."""
_TRIES = 3
_PAUSE = (
    0.3  # s before a server that hung up unheard, as one with many callers does, is called again
)


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
    with Conversation(address, port, seconds) as conversation:
        return conversation.greeting()


def survey(address: str, port: int, seconds: float) -> Survey:
    """Read all that a server says before login; ``seconds`` is the limit of each connection.

    Raises as :func:`greet`.
    """
    call = _Caller(address, port, seconds)
    greeting, first, problem = call.again(Conversation.open_with_key)
    if not greeting.kexinit.spoken:
        return Survey(greeting, (), (), f"only SSH {greeting.identification.protocol} is spoken")
    offered = greeting.kexinit
    exchange = exchange_of(offered)
    wanted = one_of_each_type(offered.host_keys)[:_MAX_HOST_KEYS]
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
    given = one_of_each_type(offered.host_keys)[:1] if first else []
    given += [name for name, key in answers.items() if isinstance(key, HostKey)]
    without = [name for name, key in answers.items() if isinstance(key, WalkedOff)]
    # Dropbear offers RSA without an RSA key, and dies of being asked for it; a server that has
    # heard too many callers ends connections too: one still gives the key that it gave before.
    if without and not (given and isinstance(call.host_key(exchange or "", given[0]), HostKey)):
        without = []
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

    def again(self, talk: Callable[[Conversation], _T]) -> _T:
        for left in reversed(range(_TRIES)):
            try:
                with Conversation(*self._to) as conversation:
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
