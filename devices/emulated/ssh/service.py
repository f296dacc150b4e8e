"""The emulated camera's SSH service: its own users, over the root file system of the active slot.

It listens while the settings say so. By default only keys are accepted, only modern algorithms
are offered and nothing is forwarded; each fault of the posture changes one of these.
"""

from __future__ import annotations

import asyncio
import io
import posixpath
from typing import TYPE_CHECKING, Any, NoReturn

import asyncssh

from devices.emulated.addresses import PORTS
from devices.emulated.console_accounts import CONSOLE_USERS, ConsoleAccounts
from devices.emulated.maker.os_accounts import OsAccount, check_os_password, find_account
from devices.emulated.shell.file_view import ROOT_ONLY, FileView
from devices.emulated.shell.kernel import Kernel
from devices.emulated.shell.shell import BANNER, Shell
from devices.emulated.ssh.algorithms import Algorithms, forget_strict_exchange
from devices.emulated.ssh.host_keys import host_key

if TYPE_CHECKING:
    from devices.emulated.camera import Camera

_SOFTWARE = "dropbear_2024.86"
_LOGIN_SECONDS = 30
_IDLE_SECONDS = 300


class SshService:
    """The service; it follows the settings while the camera runs."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._kernel = Kernel(camera)
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._changes = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen if the settings say so, and from now on follow them."""
        await self._apply()
        loop = asyncio.get_running_loop()

        def changed() -> None:
            loop.call_soon_threadsafe(self._settings_changed)

        self._camera.settings.watch(changed)

    async def stop(self) -> None:
        """Stop listening and end every session."""
        async with self._changes:
            if self._acceptor is not None:
                self._acceptor.close()
                self._acceptor = None

    def _settings_changed(self) -> None:
        task = asyncio.get_running_loop().create_task(self._apply())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _apply(self) -> None:
        if not self._camera.settings.ssh.enabled:
            await self.stop()
            return
        async with self._changes:
            if self._acceptor is None:
                self._acceptor = await self._listen()

    async def _listen(self) -> asyncssh.SSHAcceptor:
        offered = Algorithms.of(self._camera.posture)
        return await asyncssh.create_server(
            lambda: _Login(self._camera),
            self._camera.address,
            PORTS["ssh"],
            server_host_keys=[host_key(self._camera)],
            server_version=_SOFTWARE,
            kex_algs=offered.kex,
            encryption_algs=offered.ciphers,
            mac_algs=offered.macs,
            signature_algs=offered.signatures,
            compression_algs=["none"],
            process_factory=self._serve,
            sftp_factory=lambda channel: _ReadOnlyFiles(channel, self._camera),
            allow_scp=False,
            agent_forwarding=self._camera.posture.ssh_agent_forwarding,
            x11_forwarding=False,
            login_timeout=_LOGIN_SECONDS,
            reuse_address=True,  # a power cut leaves connections behind
            keepalive_interval=60,
            # One character for each byte: what a file holds passes unchanged.
            encoding="latin-1",
        )

    async def _serve(self, process: asyncssh.SSHServerProcess[str]) -> None:
        user = ssh_account(self._camera, str(process.get_extra_info("username")))
        if user is None:
            process.exit(1)
            return
        shell = Shell(self._camera, self._kernel, user)
        self._camera.audit.write("ssh-session", user=user.name, detail=process.command or "shell")
        if process.command is not None:
            _print(process, shell, process.command)
        else:
            await _converse(process, shell)
        process.exit(int(shell.variables["?"]))


class _Login(asyncssh.SSHServer):
    """Decides over one connection's login, and over what it may forward."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._connection: asyncssh.SSHServerConnection | None = None
        self._unknown = False
        self._failures = 0

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        if not self._camera.posture.ssh_strict_kex:
            forget_strict_exchange(conn)

    def begin_auth(self, username: str) -> bool:
        """Whether this user must prove anything."""
        self._unknown = self._account(username) is None
        return not (self._camera.posture.ssh_none_authentication and self._account(username))

    def public_key_auth_supported(self) -> bool:
        return not (self._camera.posture.ssh_tells_unknown_user and self._unknown)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        account = self._account(username)
        if account is not None and self._camera.posture.ssh_any_key:
            accepted = True
        else:
            known = _authorized(self._camera, account) if account is not None else set()
            accepted = key.public_data in known
        self._note("ssh-key-accepted" if accepted else "ssh-key-refused", username)
        return accepted

    def password_auth_supported(self) -> bool:
        posture = self._camera.posture
        if posture.ssh_empty_password or posture.ssh_password_login:
            return True
        return bool(posture.extra_ssh_account)

    async def validate_password(self, username: str, password: str) -> bool:
        guard, name = self._camera.lockout, f"ssh:{username}"
        if guard.locked("ssh", name):
            self._count_failure()
            return False
        if self._camera.posture.ssh_empty_password and not password:
            right = self._account(username) is not None
        else:
            right = await asyncio.to_thread(self._password_is, username, password)
        if right:
            guard.succeeded("ssh", name)
        else:
            guard.failed("ssh", name)
            self._count_failure()
        self._note("login" if right else "login-failed", username)
        return right

    def _password_is(self, username: str, password: str) -> bool:
        """As long for a user who does not exist, but under a fault."""
        camera = self._camera
        if find_account(camera.root, username) is not None:
            return check_os_password(camera.root, username, password)
        slow_for_known = "ssh" in camera.posture.login_slow_for_known
        accounts = ConsoleAccounts(camera.flash, camera.posture)
        return accounts.check(username, password, as_long=not slow_for_known)

    def _count_failure(self) -> None:
        """End the connection after some wrong passwords, as Dropbear does after its -T."""
        self._failures += 1
        limit = self._camera.posture.ssh_tries_per_connection
        if limit and self._failures >= limit:
            raise asyncssh.PermissionDenied("too many failed logins")

    def server_requested(self, listen_host: str, listen_port: int) -> bool:  # noqa: ARG002
        """Whether the camera listens for the client (tcpip-forward)."""
        return self._camera.posture.ssh_remote_forwarding

    def connection_requested(
        self,
        dest_host: str,  # noqa: ARG002 - to anywhere, or to nowhere
        dest_port: int,  # noqa: ARG002
        orig_host: str,  # noqa: ARG002
        orig_port: int,  # noqa: ARG002
    ) -> bool:
        """Whether a connection from the camera into its network (direct-tcpip) is made."""
        if not self._camera.posture.ssh_forwarding:
            raise asyncssh.ChannelOpenError(
                asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, "forwarding is switched off"
            )
        return True

    def _account(self, username: str) -> OsAccount | None:
        account = ssh_account(self._camera, username)
        return account if account is not None and account.can_log_in else None

    def _note(self, event: str, username: str) -> None:
        peer = self._connection.get_extra_info("peername") if self._connection else None
        source = str(peer[0]) if peer else ""
        self._camera.audit.write(event, user=username, source=source, detail="ssh")


def ssh_account(camera: Camera, name: str) -> OsAccount | None:
    """An account of the operating system; where passwords are taken, of the console too."""
    if camera.posture.ssh_password_login and name in CONSOLE_USERS:
        return OsAccount(name, 1001, 1001, "/var", "/bin/sh", "")
    return find_account(camera.root, name)


def _authorized(camera: Camera, account: OsAccount) -> set[bytes]:
    """Public keys that may log in: those in the home directory's ``authorized_keys``."""
    path = posixpath.join(account.home, ".ssh", "authorized_keys")
    try:
        lines = FileView(camera, Kernel(camera)).read(path).decode("utf-8", "replace").splitlines()
    except OSError:
        return set()
    found = set()
    for line in lines:
        try:
            found.add(asyncssh.import_public_key(line).public_data)
        except asyncssh.KeyImportError:
            continue
    return found


def _print(process: asyncssh.SSHServerProcess[str], shell: Shell, line: str) -> None:
    outcome = shell.run(line)
    process.stdout.write(outcome.output.decode("latin-1"))
    process.stderr.write(outcome.errors.decode("latin-1"))


async def _converse(process: asyncssh.SSHServerProcess[str], shell: Shell) -> None:
    process.stdout.write(BANNER)
    while not shell.ended:
        process.stdout.write(shell.prompt)
        try:
            line = await asyncio.wait_for(process.stdin.readline(), _IDLE_SECONDS)
        except (asyncssh.BreakReceived, asyncssh.SignalReceived, asyncssh.TerminalSizeChanged):
            continue
        except TimeoutError:
            break
        if not line:
            break
        _print(process, shell, line.rstrip("\r\n"))


def _refuse(*_arguments: Any) -> NoReturn:
    raise asyncssh.SFTPPermissionDenied("read-only file system")


_REFUSED: Any = _refuse


class _ReadOnlyFiles(asyncssh.SFTPServer):
    """SFTP over the root file system; every change is refused as on a read-only mount."""

    mkdir = rmdir = remove = rename = posix_rename = _REFUSED
    symlink = link = setstat = lsetstat = fsetstat = _REFUSED

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], camera: Camera) -> None:
        super().__init__(channel, chroot=str(camera.root).encode())
        self._as_root = camera.posture.ssh_sftp_as_root
        self._process_files = FileView(camera, Kernel(camera))

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        """Open a file for reading; anything else is refused."""
        changing = asyncssh.FXF_WRITE | asyncssh.FXF_APPEND | asyncssh.FXF_CREAT
        if pflags & (changing | asyncssh.FXF_TRUNC):
            _refuse()
        name = posixpath.normpath(path.decode("utf-8", "replace"))
        if name in ROOT_ONLY:
            if not self._as_root:
                raise asyncssh.SFTPPermissionDenied("permission denied")
            return io.BytesIO(self._process_files.read(name))
        return super().open(path, pflags, attrs)
