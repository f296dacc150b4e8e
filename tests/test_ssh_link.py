"""The SSH link, the emulated camera's SSH service and its faults, end to end over real sockets."""

from __future__ import annotations

import ftplib
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import paramiko
import pytest
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL

from conformance import policy
from conformance.backdoors.test_ssh import (
    test_ssh_lets_nobody_in_without_proof_and_nobody_through as judge_proof,
)
from conformance.credentials.test_ssh import test_ssh_takes_keys_only as judge_methods
from devices import device_file
from devices.description import DeviceFile
from devices.emulated.bench.launch import EmulatedCamera
from devices.emulated.ssh.demonstration_keys import VENDOR_PHRASE, derived_key, openssh_text
from devices.errors import LoginRefused, NotOffered, TimedOut, Unreachable
from devices.links.ports.fingerprint import Patience, name_service
from devices.links.ports.link import PortsLink
from devices.links.ssh import commands
from devices.links.ssh import inventory as ssh_inventory
from devices.links.ssh.forwarding import Forwarding
from devices.links.ssh.link import SshLink
from devices.links.ssh.observations import SshAuthentication, UserAuthentication
from devices.links.ssh.session import Session
from devices.links.ssh.trials import PasswordPair, Trials
from devices.permit import Permit
from devices.secrets import Secrets


@dataclass
class Bench:
    device: DeviceFile
    ssh: SshLink
    ports: PortsLink
    secrets: Secrets

    @property
    def address(self) -> str:
        return self.device.authorisation.addresses[0]

    def session(self) -> Session:
        assert self.device.links.ssh is not None
        return Session(self.address, self.device.links.ssh.port, 10)


@contextmanager
def bench(**posture: object) -> Iterator[Bench]:
    with ExitStack() as stack:
        ready = stack.enter_context(EmulatedCamera(posture))
        device = device_file.load(ready.device_file)
        granted = device.authorisation
        permit, secrets = Permit(granted.addresses, granted.allow, granted.expires), Secrets(device)
        ssh = SshLink(device, permit, secrets)
        stack.callback(ssh.close)
        yield Bench(device, ssh, PortsLink(device, permit, secrets), secrets)


@pytest.fixture(scope="module")
def clean() -> Iterator[Bench]:
    with bench() as made:
        yield made


@pytest.fixture(scope="module")
def faulty() -> Iterator[Bench]:
    """Faults that do not hide one another, in one camera."""
    with bench(
        listeners=("telnet:2323", "ftp:2121", "console:9527", "udp-silent:7788", "udp-echo:37810"),
        extra_ssh_account="root:xc3511",
        authorized_key_of_vendor=True,
        host_key_fixed=True,
        ssh_algorithms="weak",
        ssh_forwarding=True,
        password_storage="plain",
        os_empty_password=True,
        debug_process=True,
    ) as made:
        yield made


def test_the_compliant_offer(clean: Bench) -> None:
    offer = clean.ssh.offer()
    assert offer.complete
    assert [key.algorithm for key in offer.host_keys] == ["ssh-ed25519"]
    assert not {"aes128-cbc", "3des-cbc"} & set(offer.kexinit.ciphers)
    assert "kex-strict-s-v00@openssh.com" in offer.kexinit.kex


def test_keys_only_and_nothing_forwarded(clean: Bench) -> None:
    methods = {u.user: u.methods for u in clean.ssh.authentication(["root"]).users}
    assert methods == {"lab": ("publickey",), "root": ("publickey",)}
    forwarding = clean.ssh.forwarding()
    assert (forwarding.direct, forwarding.remote) == (Forwarding.PROHIBITED, Forwarding.PROHIBITED)


def test_commands_and_files(clean: Bench) -> None:
    result = clean.ssh.run("id -un; echo to-stderr >&2; false").result
    assert (result.output, result.errors, result.status) == (b"lab\n", b"to-stderr\n", 1)
    assert clean.ssh.read_file("/bin/busybox").startswith(b"\x7fELF")
    with pytest.raises(NotOffered, match="No such file"):
        clean.ssh.read_file("/etc/nothing")
    digests = clean.ssh.digests(["/bin/busybox", "/no such file", "/etc/passwd"])
    assert set(digests.sha256) == {"/bin/busybox", "/etc/passwd"}
    assert digests.missing == ("/no such file",)


def test_what_an_account_reads_is_counted(clean: Bench) -> None:
    account = clean.device.links.ssh.account if clean.device.links.ssh else ""
    uid, sizes = clean.ssh.readable(account, ["/etc/passwd", "/etc/nothing"])
    assert uid.isdigit()
    assert sizes == {"/etc/passwd": len(clean.ssh.read_file("/etc/passwd"))}


def test_the_camera_lists_what_the_network_finds(clean: Bench) -> None:
    found = ssh_inventory.sockets(clean.ssh)
    declared = {s.port for s in clean.device.declared.services if s.transport == "tcp"}
    assert {s.port for s in found.sockets if s.transport == "tcp"} == declared
    assert set(clean.ports.sweep(sorted({*declared, 1, 2323})).open) == declared


def test_the_inventory_of_a_compliant_camera(clean: Bench) -> None:
    accounts = ssh_inventory.accounts(clean.ssh)
    assert {a.scheme for a in accounts.accounts} == {"locked"}
    keys = ssh_inventory.authorized_keys(clean.ssh, [])
    assert {k.fingerprint for k in keys.keys} == clean.ssh.known_fingerprints()
    assert any(
        p.command.startswith("/usr/sbin/httpd")
        for p in ssh_inventory.processes(clean.ssh).processes
    )
    scripts = ssh_inventory.start_scripts(clean.ssh, ["/etc/inittab", "/etc/init.d", "/no/where"])
    assert "/etc/init.d/rcS" in {s.path for s in scripts.scripts}
    secret = ("admin", clean.secrets.password("admin"))
    stored = ssh_inventory.stored_secrets(clean.ssh, ["/etc", "/data"], [secret], [])
    assert stored.searched > 10
    assert not stored.found


def test_passwords_have_nothing_to_try(clean: Bench) -> None:
    trials = clean.ssh.try_pairs([PasswordPair("root", "root")], each_user=5, seconds=30)
    assert (trials.offered, trials.tried, trials.complete) == ((), 0, True)


def test_a_wrong_key_is_refused(clean: Bench) -> None:
    with clean.session() as session, pytest.raises(LoginRefused):
        session.log_in_by_key("lab", openssh_text(derived_key("some other key")))


def test_a_closed_port_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unreachable):
        Session("127.0.0.1", port, 5)


def test_a_silent_server_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises((TimedOut, Unreachable)):
        Session("127.0.0.1", server.getsockname()[1], 0.5)


def test_the_vendor_s_key_opens_root(faulty: Bench) -> None:
    with faulty.session() as session:
        session.log_in_by_key("root", openssh_text(derived_key(VENDOR_PHRASE)))
        assert commands.run(session, "id -u", 10).text == "0\n"
    keys = ssh_inventory.authorized_keys(faulty.ssh, [])
    assert {k.path for k in keys.keys} == {
        "/root/.ssh/authorized_keys",
        "/home/lab/.ssh/authorized_keys",
    }


def test_a_published_pair_opens_root(faulty: Bench) -> None:
    pairs = [PasswordPair("root", word) for word in ("admin", "xc3511", "vizxv")]
    trials = faulty.ssh.try_pairs([*pairs, PasswordPair("lab", "lab")], each_user=2, seconds=60)
    assert trials.accepted == (1,)
    assert trials.offered == ("root", "lab")
    assert "1 pairs not tried" in trials.shortfall
    assert "xc3511" not in repr(trials)


def test_weak_algorithms_are_really_accepted(faulty: Bench) -> None:
    offer = faulty.ssh.offer()
    assert {"diffie-hellman-group14-sha1"} <= set(offer.kexinit.kex)
    assert {"aes128-cbc"} <= set(offer.kexinit.ciphers)
    with faulty.session() as session:
        assert session.transport.is_active()


def test_forwarding_reaches_a_port(faulty: Bench) -> None:
    assert faulty.ssh.forwarding().direct is Forwarding.PERMITTED


def test_a_published_host_key_is_the_same_in_every_unit(faulty: Bench) -> None:
    with bench(host_key_fixed=True) as other:
        assert faulty.ssh.offer().host_keys == other.ssh.offer().host_keys


def test_clear_passwords_are_found(faulty: Bench) -> None:
    secret = ("admin", faulty.secrets.password("admin"))
    formats = [("httpd", r"/httpd\.conf$", r"(?m)^/[^:]*:[^:]+:\S+$")]
    stored = ssh_inventory.stored_secrets(faulty.ssh, ["/etc", "/data"], [secret], formats)
    assert {f.what for f in stored.found} == {"admin", "httpd"}
    assert faulty.secrets.password("admin") not in repr(stored)


def test_every_listener_is_listed_by_the_camera_itself(faulty: Bench) -> None:
    found = {(s.transport, s.port) for s in ssh_inventory.sockets(faulty.ssh).sockets}
    assert {("tcp", 2323), ("tcp", 2121), ("tcp", 9527), ("udp", 7788), ("udp", 37810)} <= found
    listed = faulty.ssh.run("netstat -ltunp").result.text
    assert "telnetd" in listed


@pytest.mark.parametrize(("port", "protocol"), [(2323, "telnet"), (2121, "ftp"), (9527, "console")])
def test_listeners_speak_their_protocol(faulty: Bench, port: int, protocol: str) -> None:
    named = name_service(faulty.address, port, patience=Patience())
    assert named.protocol == protocol


def test_telnet_logs_in_with_the_system_s_password(faulty: Bench) -> None:
    with socket.create_connection((faulty.address, 2323), timeout=10) as sock:
        stream = sock.makefile("rwb", buffering=0)
        # A client that refuses every option, as RFC 854 allows.
        stream.write(b"\xff\xfc\x01\xff\xfc\x1fguest\r\n\r\nid -un\r\nexit\r\n")
        said = b""
        while chunk := stream.read(4096):
            said += chunk
    assert b"BusyBox" in said
    assert b"guest\r\n" in said


def test_ftp_gives_files_to_anonymous(faulty: Bench) -> None:
    with ftplib.FTP() as client:
        client.connect(faulty.address, 2121, timeout=10)
        client.login()
        assert "etc" in client.nlst()
        lines: list[str] = []
        client.retrlines("RETR /etc/passwd", lines.append)
    assert any(line.startswith("root:x:0:0") for line in lines)


def test_ssh_without_proof() -> None:
    with bench(ssh_none_authentication=True) as made:
        users = {u.user: u.none_accepted for u in made.ssh.authentication(["nosuch"]).users}
    assert users == {"lab": True, "nosuch": False}


class LetsRootIn(paramiko.ServerInterface):
    """An SSH server that asks root for nothing, and others for a key."""

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002
        return "publickey"

    def check_auth_none(self, username: str) -> int:
        return AUTH_SUCCESSFUL if username == "root" else AUTH_FAILED


@contextmanager
def open_to_root() -> Iterator[int]:
    """Serve it; gives the port."""
    key = paramiko.ECDSAKey.generate()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                transport = paramiko.Transport(client)
                transport.add_server_key(key)
                with suppress(paramiko.SSHException, EOFError, OSError):
                    transport.start_server(server=LetsRootIn())

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def test_a_user_who_needs_no_password_takes_every_published_one() -> None:
    with open_to_root() as port:
        trials = Trials(lambda: Session("127.0.0.1", port, 10), each_user=5, seconds=30)
        found = trials.run("there", [PasswordPair("root", "a"), PasswordPair("admin", "b")])
    assert (found.accepted, found.offered, found.tried) == ((0,), ("root",), 0)


def test_root_without_proof_fails_even_where_the_laboratory_cannot_log_in() -> None:
    root = UserAuthentication("root", (), none_accepted=True, known=False)
    found = SshAuthentication(endpoint="there", users=(root,))
    with pytest.raises(AssertionError, match="'root' is let in without any proof"):
        judge_methods(found, policy.load)
    no_login: Any = SimpleNamespace(getfixturevalue=_refused)
    with pytest.raises(AssertionError, match="'root' is let in without any proof"):
        judge_proof(found, no_login)
    refusing = UserAuthentication("root", ("publickey",), none_accepted=False, known=False)
    with pytest.raises(LoginRefused):
        judge_proof(SshAuthentication(endpoint="there", users=(refusing,)), no_login)


def _refused(name: str) -> None:
    raise LoginRefused(name)
