"""SSH to the camera: what its server offers, what it accepts, and commands for the laboratory."""

from __future__ import annotations

import base64
import shlex
import threading
import time
from collections.abc import Iterable, Mapping, Sequence

from devices.description import DeviceFile
from devices.description import SshLink as SshDescription
from devices.errors import (
    DeviceError,
    DeviceFileError,
    Garbled,
    LoginRefused,
    NotOffered,
)
from devices.journal import LOCK_SECONDS, Journal
from devices.links.ssh import commands, forwarding, guesses
from devices.links.ssh import files as ssh_files
from devices.links.ssh.authentication import ask_users
from devices.links.ssh.commands import MAX_OUTPUT, CommandResult
from devices.links.ssh.digests import digests_of
from devices.links.ssh.files import Access, ReachedFile, SshFiles
from devices.links.ssh.forwarding import Forwarding
from devices.links.ssh.guesses import AccountGuesses, ConnectionGuesses
from devices.links.ssh.keys import public_half
from devices.links.ssh.observations import (
    CommandRun,
    FileDigests,
    SshAuthentication,
    SshForwarding,
    SshOffer,
)
from devices.links.ssh.offer import offer_of
from devices.links.ssh.proofless import ProoflessLogins, try_without_proof
from devices.links.ssh.session import Session, Unheard
from devices.links.ssh.trials import PasswordPair, PasswordTrials, Trials
from devices.permit import Permit
from devices.protocols.ssh import parse_host_key
from devices.secrets import Secrets

SSH = "ssh"
_SYSTEM_NAMES = ("root", "admin")
"""Names that a system most often has, whether the device file tells of them or not."""
_SECONDS = 10.0
_TRIES = 3
_PAUSE = 0.5  # s before a server that hung up unheard is called again


class SshLink:
    """The camera's SSH server. One session of the laboratory's account is kept and shared."""

    def __init__(self, device: DeviceFile, permit: Permit, secrets: Secrets) -> None:
        self._device = device
        self._permit = permit
        self._secrets = secrets
        self._session: Session | None = None
        self._lock = threading.RLock()
        declared = device.declared.lockout
        self._lock_seconds = declared.seconds if declared else LOCK_SECONDS

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
        known = (own, *self._device.declared.os_accounts)
        names = {user: user in known for user in (own, *users)}
        return ask_users(self._connect, self.endpoint, names)

    def forwarding(self) -> SshForwarding:
        """Ask the server to forward a connection to itself, and to listen; both undone at once.

        Its own SSH port is a target that surely answers, and no other host is touched.
        """
        answers, through = forwarding.answers(self._logged_in, self._target(), _SECONDS)
        silent = [kind for kind, a in answers.items() if a is Forwarding.UNANSWERED]
        return SshForwarding(
            endpoint=self.endpoint,
            direct=answers["direct"],
            remote=answers["remote"],
            x11=answers["x11"],
            agent=answers["agent"],
            came_through=through.decode("ascii", "replace").strip(),
            shortfall=f"not answered: {', '.join(silent)}" if silent else "",
        )

    def without_proof(self, users: Mapping[str, int]) -> ProoflessLogins:
        """Try to log in with nothing to prove; see :func:`proofless.try_without_proof`."""
        return try_without_proof(self._connect, self.endpoint, users)

    def guess_on_one_connection(self, user: str, most: int) -> ConnectionGuesses:
        """Made-up passwords on one connection; see :func:`guesses.on_one_connection`."""
        if self._exists_there(user):
            self._permit.journal.begin("lock", user, SSH, seconds=self._lock_seconds)
        return guesses.on_one_connection(self._connect, self.endpoint, user, most=most)

    def guess_at_account(self, user: str, password: str, wrong: int) -> AccountGuesses:
        """Made-up passwords, then the right one; see :func:`guesses.of_one_account`."""
        entry = self._permit.journal.begin("lock", user, SSH, seconds=self._lock_seconds)
        found = guesses.of_one_account(self._connect, self.endpoint, user, password, wrong=wrong)
        if found.right_accepted:
            self._permit.journal.end(entry, "the right password logs in")
        return found

    def files(self, paths: Sequence[str]) -> SshFiles:
        """What SFTP opens of ``paths`` for the laboratory's user, and what its shell may read."""
        user = self._device.accounts[self._description.account].username
        with self._logged_in() as session:
            opened = ssh_files.over_sftp(session, paths, _SECONDS)
        if opened is None:
            return SshFiles(endpoint=self.endpoint, user=user, offered=False)
        read = self._readable_by_shell(paths)
        files = tuple(ReachedFile(path, opened[path], read[path]) for path in paths)
        untold = [one.path for one in files if one.over_shell is Access.UNTOLD]
        return SshFiles(
            endpoint=self.endpoint,
            user=user,
            offered=True,
            files=files,
            shortfall=f"the shell does not say why it reads no {', '.join(untold)}"
            if untold
            else "",
        )

    def _readable_by_shell(self, paths: Sequence[str]) -> dict[str, Access]:
        """A shell that is not there is looked for twice: a busy server may cut an answer."""
        for _ in range(2):
            with self._logged_in() as session:
                try:
                    commands.demand_shell(session, _SECONDS)
                except Garbled:
                    continue
                return ssh_files.over_shell(lambda c: commands.run(session, c, _SECONDS), paths)
        return dict.fromkeys(paths, Access.NO_SHELL)

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
            commands.demand_shell(session, _SECONDS)
            uid = commands.run(session, "id -u", _SECONDS).text.strip()
            if not uid.isdigit():
                raise NotOffered(f"the shell of account {account} does not tell its user id")
            sizes = {}
            for path in paths:
                result = commands.run(session, f"cat {shlex.quote(path)}", _SECONDS)
                if result.status == 0:
                    sizes[path] = len(result.output)
        return uid, sizes

    def digests(self, paths: Iterable[str]) -> FileDigests:
        """SHA-256 of files, by the camera's ``sha256sum``, else by reading them over."""
        return digests_of(self._run, self.read_file, paths)

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

    def _exists_there(self, user: str) -> bool:
        """Whether a lock could shut somebody out: names that were made up lock nobody."""
        own = {account.username for account in self._device.accounts.values()}
        return user in {*own, *self._device.declared.os_accounts, *_SYSTEM_NAMES}

    def _target(self) -> tuple[str, int]:
        return self._permit.address(self._description.host), self._description.port

    @property
    def journal(self) -> Journal:
        """Where changes of the camera are written down."""
        return self._permit.journal

    def connect(self) -> Session:
        """A new connection after its handshake, with nobody logged in. Raises LinkError."""
        return self._connect()

    def _connect(self) -> Session:
        """A connection, tried again where the server hangs up unheard: it may be busy.

        Dropbear hears five callers of one address before their login, OpenSSH ten of all.
        """
        for _ in range(_TRIES):
            try:
                return Session(*self._target(), _SECONDS)
            except Unheard:
                time.sleep(_PAUSE)
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

    def _shell(self) -> Session:
        session = self._logged_in()
        try:
            commands.demand_shell(session, _SECONDS)
        except BaseException:
            session.close()
            raise
        return session

    def _run(self, command: str, seconds: float) -> CommandResult:
        with self._lock:
            if self._session is None or not self._session.alive:
                self.close()
                self._session = self._shell()
            return commands.run(self._session, command, seconds)
