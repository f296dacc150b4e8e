"""What is observed of an SSH server and through it, as test cases and evidence see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from devices.links.ssh.commands import CommandResult
from devices.links.ssh.conversation import OfferedGroup
from devices.links.ssh.forwarding import Forwarding
from devices.observation import Observation
from devices.protocols.ssh import HostKey, Identification, KexInit


@dataclass(frozen=True, kw_only=True)
class SshOffer(Observation):
    """What an SSH server says before login.

    ``groups``: sizes of moduli that its Diffie-Hellman group exchanges gave; ``key_flaws``: what
    can be seen wrong with an RSA host key, by its fingerprint; ``without_key``: host key algorithms
    that it offers and, asked for them twice, ends the connection: it has no such key.
    """

    endpoint: str
    identification: Identification
    kexinit: KexInit
    host_keys: tuple[HostKey, ...]
    groups: tuple[OfferedGroup, ...] = ()
    key_flaws: Mapping[str, str] = field(default_factory=dict)
    without_key: tuple[str, ...] = ()


@dataclass(frozen=True)
class UserAuthentication:
    """What one user name is offered. ``known`` tells whether the device file names that user.

    ``hung_up``: the server ended the connection instead of an answer, twice.
    """

    user: str
    methods: tuple[str, ...]
    none_accepted: bool
    known: bool
    hung_up: bool = False


@dataclass(frozen=True, kw_only=True)
class SshAuthentication(Observation):
    """Login methods of an SSH server, for each user name asked about.

    ``signature_algorithms``: what it names in ``server-sig-algs`` (RFC 8308, 3.1), None where it
    names none. OpenSSH before 9.6 names there all that it knows, what it refuses too.
    """

    endpoint: str
    users: tuple[UserAuthentication, ...]
    signature_algorithms: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class SshForwarding(Observation):
    """What the server answers a logged-in user who asks to forward connections.

    ``came_through``: what the camera's own SSH server said through a direct connection. ``x11``
    and ``agent`` are None where they were not asked for.
    """

    endpoint: str
    direct: Forwarding
    remote: Forwarding
    x11: Forwarding | None = None
    agent: Forwarding | None = None
    came_through: str = ""


@dataclass(frozen=True, kw_only=True)
class CommandRun(Observation):
    """One command run on the camera."""

    result: CommandResult


@dataclass(frozen=True, kw_only=True)
class FileDigests(Observation):
    """SHA-256 of files on the camera, hexadecimal; ``missing`` are not there."""

    sha256: dict[str, str]
    missing: tuple[str, ...]
