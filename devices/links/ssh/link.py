"""SSH to the camera: what its server offers, what it accepts, and commands for the laboratory."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from devices.description import DeviceFile
from devices.description import SshLink as SshDescription
from devices.errors import (
    DeviceError,
    DeviceFileError,
    Garbled,
    LinkError,
    LoginRefused,
    NotOffered,
    Unreachable,
)
from devices.identity.rsa_flaws import rsa_flaw
from devices.links.ssh import guesses
from devices.links.ssh import probe as ssh_probe
from devices.links.ssh.guesses import AccountGuesses, ConnectionGuesses
from devices.links.ssh.probe import OfferedGroup
from devices.links.ssh.proofless import ProoflessLogins, try_without_proof
from devices.links.ssh.session import MAX_OUTPUT, CommandResult, Forwarding, Session, public_half
from devices.links.ssh.trials import PasswordPair, PasswordTrials, Trials
from devices.observation import Observation
from devices.permit import Permit
from devices.protocols.ssh import HostKey, Identification, KexInit, parse_host_key, rsa_numbers
from devices.secrets import Secrets

_SECONDS = 10.0
_SHA256_LINE = re.compile(r"^([0-9a-f]{64}) [ *]?(.+)$", re.MULTILINE)
_PATHS_AT_ONCE = 40


class _HungUpOnUser(Unreachable):
    """The server ended the connection when it heard a user's name."""


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


class SshLink:
    """The camera's SSH server. One session of the laboratory's account is kept and shared."""

    def __init__(self, device: DeviceFile, permit: Permit, secrets: Secrets) -> None:
        self._device = device
        self._permit = permit
        self._secrets = secrets
        self._session: Session | None = None
        self._lock = threading.RLock()

    @property
    def endpoint(self) -> str:
        """``host:port`` of the server. Raises DeviceFileError without [links.ssh]."""
        return f"{self._description.host}:{self._description.port}"

    def offer(self) -> SshOffer:
        """Read software, algorithms and host keys from the bytes before login."""
        return offer_of(*self._target(), _SECONDS)

    def authentication(self, users: Sequence[str] = ()) -> SshAuthentication:
        """Ask which login methods the laboratory's user, and each of ``users``, is offered.

        Raises the last LinkError when the server answers for none of them.
        """
        own = self._device.accounts[self._description.account].username
        found, missing = [], []
        problem: LinkError | None = None
        signatures: tuple[str, ...] | None = None
        for user in dict.fromkeys((own, *users)):
            known = user == own or user in self._device.declared.os_accounts
            try:
                methods, none_accepted, named = self._methods(user)
            except LinkError as error:
                problem = error
                missing.append(f"{user} ({error})")
                if isinstance(error, _HungUpOnUser):
                    answer = UserAuthentication(user, (), False, known, hung_up=True)  # noqa: FBT003
                    found.append(answer)
                continue
            signatures = signatures or named
            found.append(UserAuthentication(user, methods, none_accepted, known))
        if problem is not None and all(user.hung_up for user in found):
            raise problem
        return SshAuthentication(
            endpoint=self.endpoint,
            users=tuple(found),
            signature_algorithms=signatures,
            shortfall=f"login methods not obtained for {', '.join(missing)}" if missing else "",
        )

    def _methods(self, user: str) -> tuple[tuple[str, ...], bool, tuple[str, ...] | None]:
        for again in (True, False):
            with self._connect() as session:
                try:
                    methods, none_accepted = session.methods(user)
                except Unreachable as error:
                    if again:
                        continue
                    raise _HungUpOnUser(str(error)) from error
                return methods, none_accepted, session.signature_algorithms
        raise AssertionError  # the second round returned or raised

    def forwarding(self) -> SshForwarding:
        """Ask the server to forward a connection to itself, and to listen; both undone at once.

        Its own SSH port is a target that surely answers, and no other host is touched.
        """
        address, port = self._target()
        with self._connect() as session:
            self._log_in(session)
            direct, through = session.forward(address, port, _SECONDS)
            remote = session.listen()
            x11, agent = session.forward_x11(), session.forward_agent()
        return SshForwarding(
            endpoint=self.endpoint,
            direct=direct,
            remote=remote,
            x11=x11,
            agent=agent,
            came_through=through.decode("ascii", "replace").strip(),
        )

    def without_proof(self, users: Mapping[str, int]) -> ProoflessLogins:
        """Try to log in with nothing to prove; see :func:`proofless.try_without_proof`."""
        return try_without_proof(self._connect, self.endpoint, users)

    def guess_on_one_connection(self, user: str, most: int) -> ConnectionGuesses:
        """Made-up passwords on one connection; see :func:`guesses.on_one_connection`."""
        return guesses.on_one_connection(self._connect, self.endpoint, user, most=most)

    def guess_at_account(self, user: str, password: str, wrong: int) -> AccountGuesses:
        """Made-up passwords, then the right one; see :func:`guesses.of_one_account`."""
        return guesses.of_one_account(self._connect, self.endpoint, user, password, wrong=wrong)

    def try_pairs(
        self, pairs: Sequence[PasswordPair], *, each_user: int, seconds: float
    ) -> PasswordTrials:
        """Try each pair once, at most ``each_user`` for one user name, within ``seconds``.

        What was not tried, because the server stopped answering or a guess protection would lock
        the user, is said in the shortfall.
        """
        return Trials(self._connect, each_user, seconds).run(self.endpoint, pairs)

    def run(self, command: str, *, seconds: float = _SECONDS) -> CommandRun:
        """Run one command as the laboratory's user.

        Raises LoginRefused, NotOffered, Unreachable, TimedOut, Garbled.
        """
        result = self._run(command, seconds)
        cut = f"the output of {command!r} passed {MAX_OUTPUT} bytes" if result.truncated else ""
        return CommandRun(result=result, shortfall=cut)

    def read_file(self, path: str, *, limit: int = 1_000_000) -> bytes:
        """Read a file of the camera.

        Raises NotOffered when there is none or it may not be read, Garbled when it is larger
        than ``limit`` bytes.
        """
        result = self._run(f"cat {shlex.quote(path)}", _SECONDS)
        if len(result.output) > limit or result.truncated:
            raise Garbled(f"{path} on the camera is larger than {limit} bytes")
        if result.status != 0:
            said = result.errors.decode("utf-8", "replace").strip()[:160]
            raise NotOffered(f"{path} on the camera cannot be read: {said or 'no reason given'}")
        return result.output

    def readable(self, account: str, paths: Sequence[str]) -> tuple[str, dict[str, int]]:
        """Read files as another account of the device file: (its user id, bytes read by path).

        Files that it may not read are left out; what was read is counted and let go. Raises
        LinkError, DeviceFileError.
        """
        with self._connect() as session:
            self._log_in_as(session, account)
            uid = session.run("id -u", _SECONDS).text.strip()
            if not uid.isdigit():
                raise NotOffered(f"the shell of account {account} does not tell its user id")
            sizes = {}
            for path in paths:
                result = session.run(f"cat {shlex.quote(path)}", _SECONDS)
                if result.status == 0:
                    sizes[path] = len(result.output)
        return uid, sizes

    def digests(self, paths: Iterable[str]) -> FileDigests:
        """SHA-256 of files, by the camera's ``sha256sum``, else by reading them over."""
        wanted = list(dict.fromkeys(paths))
        found: dict[str, str] = {}
        for start in range(0, len(wanted), _PATHS_AT_ONCE):
            group = wanted[start : start + _PATHS_AT_ONCE]
            result = self._run("sha256sum " + shlex.join(group), 60)
            if result.status == 127:
                found |= self._digests_by_reading(group)
            else:
                found |= {name: digest for digest, name in _SHA256_LINE.findall(result.text)}
        missing = [path for path in wanted if path not in found]
        unread = [path for path in missing if self._exists(path)]
        return FileDigests(
            sha256={p: found[p] for p in wanted if p in found},
            missing=tuple(path for path in missing if path not in unread),
            shortfall=f"there, and not readable for the bench: {', '.join(unread[:5])}"
            if unread
            else "",
        )

    def known_fingerprints(self) -> frozenset[str]:
        """``SHA256:`` fingerprints of the keys of every account that the device file gives."""
        keys = [
            public_half(self._secrets.key(name))
            for name, account in self._device.accounts.items()
            if account.key is not None
        ]
        return frozenset(parse_host_key(base64.b64decode(k.split()[1])).fingerprint for k in keys)

    def close(self) -> None:
        """End the laboratory's session."""
        with self._lock:
            if self._session is not None:
                self._session.close()
                self._session = None

    @property
    def _description(self) -> SshDescription:
        if self._device.links.ssh is None:
            raise DeviceFileError("the device file gives no [links.ssh]")
        return self._device.links.ssh

    def _target(self) -> tuple[str, int]:
        return self._permit.address(self._description.host), self._description.port

    def _connect(self) -> Session:
        return Session(*self._target(), _SECONDS)

    def _log_in(self, session: Session) -> None:
        self._log_in_as(session, self._description.account)

    def _log_in_as(self, session: Session, name: str) -> None:
        account = self._device.accounts[name]
        if account.key is not None:
            session.log_in_by_key(account.username, self._secrets.key(name))
        else:
            session.log_in_by_password(account.username, self._secrets.password(name))

    def _logged_in(self) -> Session:
        """A new session of the laboratory's account.

        NotOffered is for what a logged-in user asks for, a file above all: a server that offers
        no algorithm or no login method in common raises LoginRefused.
        """
        try:
            session = self._connect()
            try:
                self._log_in(session)
            except DeviceError:
                session.close()
                raise
        except NotOffered as error:
            raise LoginRefused(str(error)) from error
        return session

    def _run(self, command: str, seconds: float) -> CommandResult:
        with self._lock:
            if self._session is None or not self._session.alive:
                self.close()
                self._session = self._logged_in()
            return self._session.run(command, seconds)

    def _exists(self, path: str) -> bool:
        return self._run(f"ls -d {shlex.quote(path)}", _SECONDS).status == 0

    def _digests_by_reading(self, paths: Sequence[str]) -> dict[str, str]:
        found = {}
        for path in paths:
            try:
                found[path] = hashlib.sha256(self.read_file(path, limit=MAX_OUTPUT)).hexdigest()
            except (NotOffered, Garbled):
                continue
        return found


def offer_of(address: str, port: int, seconds: float) -> SshOffer:
    """What a server offers before login; the link errors of :func:`probe.survey`.

    ``seconds`` is the limit of each connection.
    """
    found = ssh_probe.survey(address, port, seconds)
    return SshOffer(
        endpoint=f"{address}:{port}",
        identification=found.greeting.identification,
        kexinit=found.greeting.kexinit,
        host_keys=found.host_keys,
        groups=found.groups,
        key_flaws=_flaws(found.host_keys),
        without_key=found.without_key,
        shortfall=found.shortfall,
    )


def _flaws(keys: Iterable[HostKey]) -> dict[str, str]:
    found = {}
    for key in keys:
        numbers = rsa_numbers(key.blob)
        if numbers is not None and (flaw := rsa_flaw(*numbers)):
            found[key.fingerprint] = flaw
    return found
