"""SSH with software that nobody here wrote: OpenSSH's client and server, Dropbear's server."""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from devices import device_file
from devices.emulated.bench.launch import EmulatedCamera
from devices.errors import LoginRefused, NotOffered
from devices.links.ssh import inventory as ssh_inventory
from devices.links.ssh.forwarding import Forwarding
from devices.links.ssh.link import SshLink
from devices.permit import Permit
from devices.secrets import Secrets

pytestmark = pytest.mark.interop

DEVICE = """\
schema_version = 1
[device]
manufacturer = "Debian"
model = "this machine"
hardware = "A"
serial = "0001"
firmware = {{ version = "1.0" }}
[authorisation]
granted_by = "the test"
reference = "tests"
expires = 2099-12-31
addresses = ["127.0.0.1"]
[links.ssh]
host = "127.0.0.1"
port = {port}
account = "me"
[accounts.me]
username = "{user}"
key = {{ file = "{key}" }}
services = ["ssh"]
"""


def program(name: str) -> str:
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if found is None:
        pytest.fail(
            f"{name} is not installed; tests/interop/debian-packages.txt lists what is needed"
        )
    return found


def make_key(path: Path, kind: str = "ed25519") -> Path:
    subprocess.run([program("ssh-keygen"), "-q", "-t", kind, "-N", "", "-f", str(path)], check=True)
    return path


def fingerprint(path: Path) -> str:
    done = subprocess.run(
        [program("ssh-keygen"), "-lf", str(path)], check=True, capture_output=True, text=True
    )
    return done.stdout.split()[1]


# --- the emulated camera, seen by OpenSSH


@dataclass
class Client:
    address: str
    port: int
    key: Path
    known_hosts: Path

    def options(self) -> list[str]:
        pairs = {
            "UserKnownHostsFile": self.known_hosts,
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "accept-new",
            "IdentitiesOnly": "yes",
            "IdentityFile": self.key,
            "BatchMode": "yes",
            "ConnectTimeout": "10",
        }
        return ["-F", "/dev/null"] + [f"-o{name}={value}" for name, value in pairs.items()]

    def ssh(self, *command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        words = [program("ssh"), *self.options(), "-p", str(self.port), f"lab@{self.address}"]
        return subprocess.run(
            [*words, *command], capture_output=True, text=True, timeout=60, input=stdin, check=False
        )


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("client")
    with EmulatedCamera() as ready:
        device = device_file.load(ready.device_file)
        key = folder / "key"
        key.write_text(Secrets(device).key("lab"))
        key.chmod(0o600)
        assert device.links.ssh is not None
        yield Client(ready.address, device.links.ssh.port, key, folder / "known_hosts")


def test_openssh_runs_commands(client: Client) -> None:
    done = client.ssh("cat /etc/os-release | grep -c VERSION_ID; cat /nothing; exit 7")
    assert (done.stdout, done.returncode) == ("1\n", 7), done.stderr
    assert "No such file" in done.stderr


def test_openssh_gets_a_shell(client: Client) -> None:
    done = client.ssh("-tt", stdin="whoami\nexit\n")
    assert "BusyBox" in done.stdout
    assert "lab" in done.stdout.splitlines()[-2:][0] or "lab" in done.stdout


def test_openssh_copies_files_and_changes_none(client: Client, tmp_path: Path) -> None:
    batch = tmp_path / "batch"
    batch.write_text(
        f"get /etc/os-release {tmp_path}/got\n-put {batch} /etc/planted\n-rm /etc/passwd\n"
    )
    words = [program("sftp"), *client.options(), "-P", str(client.port), "-b", str(batch)]
    done = subprocess.run(
        [*words, f"lab@{client.address}"], capture_output=True, text=True, timeout=60, check=False
    )
    assert "VERSION_ID" in (tmp_path / "got").read_text(), done.stderr
    assert client.ssh("cat /etc/planted").returncode == 1
    assert "root" in client.ssh("cat /etc/passwd").stdout


def test_keyscan_and_the_link_see_the_same_host_key(client: Client, tmp_path: Path) -> None:
    scanned = subprocess.run(
        [program("ssh-keyscan"), "-p", str(client.port), client.address],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    public = tmp_path / "scanned"
    public.write_text(scanned.stdout.partition(" ")[2])
    text = DEVICE.format(port=client.port, user="lab", key=client.key)
    link = made_link(tmp_path, text.replace("127.0.0.1", client.address))
    assert [key.fingerprint for key in link.offer().host_keys] == [fingerprint(public)]


def test_openssh_is_refused_without_the_key(client: Client, tmp_path: Path) -> None:
    other = Client(client.address, client.port, make_key(tmp_path / "other"), client.known_hosts)
    done = other.ssh("id")
    assert done.returncode == 255
    assert "Permission denied (publickey)" in done.stderr


# --- the link, against other makers' servers


def made_link(folder: Path, text: str) -> SshLink:
    path = folder / "device.toml"
    path.write_text(text)
    device = device_file.load(path)
    granted = device.authorisation
    return SshLink(device, Permit(granted.addresses, [], granted.expires), Secrets(device))


@contextmanager
def serving(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    end = time.monotonic() + 20
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > end:
                    said = process.stdout.read() if process.stdout else b""
                    pytest.fail(f"{command[0]} does not serve: {said.decode()}")
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=10)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def sshd(folder: Path, hosts: list[Path], key: Path, **more: str) -> Iterator[SshLink]:
    """OpenSSH's server, and the link to it as this user with ``key``."""
    port = free_port()
    settings: dict[str, object] = {
        "ListenAddress": "127.0.0.1",
        "Port": port,
        "PidFile": folder / "pid",
        "AuthorizedKeysFile": key.with_suffix(".pub"),
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "AllowTcpForwarding": "no",
        "PermitRootLogin": "yes",
        **more,
    }
    lines = [f"{name} {value}" for name, value in settings.items()]
    (folder / "config").write_text("\n".join([*lines, *(f"HostKey {h}" for h in hosts)]) + "\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where a root-run sshd keeps its empty root
    command = [program("sshd"), "-D", "-e", "-f", str(folder / "config")]
    with serving(command, port):
        link = made_link(folder, DEVICE.format(port=port, user=getpass.getuser(), key=key))
        yield link
        link.close()


@pytest.fixture(scope="module")
def openssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SshLink, set[str]]]:
    folder = tmp_path_factory.mktemp("sshd")
    hosts = [make_key(folder / f"host_{kind}", kind) for kind in ("ed25519", "ecdsa", "rsa")]
    with sshd(folder, hosts, make_key(folder / "key")) as link:
        yield link, {fingerprint(h) for h in hosts}


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
@pytest.mark.parametrize("group", [1, 14])
def test_a_server_of_fifteen_years_ago_is_entered(tmp_path: Path, kind: str, group: int) -> None:
    with sshd(
        tmp_path,
        [make_key(tmp_path / "host", "rsa")],
        make_key(tmp_path / "key", kind),
        KexAlgorithms=f"diffie-hellman-group{group}-sha1",
        HostKeyAlgorithms="ssh-rsa",
        PubkeyAcceptedAlgorithms="ssh-rsa,ssh-ed25519",
        Ciphers="3des-cbc",
        MACs="hmac-md5",
    ) as link:
        assert link.run("echo inside").result.text == "inside\n"


def test_a_server_without_a_common_algorithm_is_no_missing_file(tmp_path: Path) -> None:
    host, key = make_key(tmp_path / "host"), make_key(tmp_path / "key")
    with sshd(tmp_path, [host], key, KexAlgorithms="sntrup761x25519-sha512@openssh.com") as link:
        for look in (link.run, link.read_file):
            with pytest.raises(LoginRefused, match="no algorithm that this bench accepts"):
                look("/etc/passwd")
        with pytest.raises(NotOffered, match="no algorithm"):
            link.authentication()


def test_openssh_server_is_described(openssh: tuple[SshLink, set[str]]) -> None:
    link, fingerprints = openssh
    offer = link.offer()
    assert offer.complete
    assert offer.identification.software.startswith("OpenSSH")
    assert {key.fingerprint for key in offer.host_keys} == fingerprints
    (user,) = link.authentication().users
    assert (user.methods, user.none_accepted) == (("publickey",), False)
    assert link.forwarding().direct is Forwarding.PROHIBITED


def test_the_inventory_of_a_debian_machine(openssh: tuple[SshLink, set[str]]) -> None:
    link, _ = openssh
    assert link.run("exit 3").result.status == 3
    assert link.run("head -c 3000000 /dev/zero").result.output == bytes(3_000_000)
    assert link.run("cat /dev/zero").result.truncated
    sockets = ssh_inventory.sockets(link)
    assert sockets.source == "/proc/net"
    assert int(link.endpoint.rpartition(":")[2]) in {s.port for s in sockets.sockets}
    processes = ssh_inventory.processes(link)
    assert any("sshd" in p.command for p in processes.processes)
    accounts = ssh_inventory.accounts(link)
    assert {"root", "nobody"} <= {a.name for a in accounts.accounts}
    here = Path(__file__)
    digests = link.digests([str(here), "/nothing here"])
    assert list(digests.sha256) == [str(here)]
    assert link.read_file(str(here)) == here.read_bytes()


def test_a_key_that_openssh_does_not_know(
    openssh: tuple[SshLink, set[str]], tmp_path: Path
) -> None:
    link, _ = openssh
    port = link.endpoint.rpartition(":")[2]
    other = make_key(tmp_path / "other")
    text = DEVICE.format(port=port, user=getpass.getuser(), key=other)
    with pytest.raises(LoginRefused):
        made_link(tmp_path, text).run("id")


def test_dropbear_is_described(tmp_path: Path) -> None:
    host, port = tmp_path / "host", free_port()
    subprocess.run(
        [program("dropbearkey"), "-t", "rsa", "-s", "2048", "-f", str(host)],
        check=True, capture_output=True,
    )  # fmt: skip
    command = [program("dropbear"), "-F", "-E", "-s", "-p", f"127.0.0.1:{port}", "-r", str(host)]
    with serving([*command, "-P", str(tmp_path / "pid")], port):
        text = DEVICE.format(port=port, user=getpass.getuser(), key=make_key(tmp_path / "key"))
        link = made_link(tmp_path, text)
        offer = link.offer()
        assert offer.complete
        assert offer.identification.software.startswith("dropbear")
        assert [(k.algorithm, k.bits) for k in offer.host_keys] == [("ssh-rsa", 2048)]
        assert link.authentication().users[0].methods == ("publickey",)
        with pytest.raises(LoginRefused):
            link.run("id")


def test_the_link_logs_in_to_dropbear(tmp_path: Path) -> None:
    """In a mount namespace, where the user's home is an empty one with the test's key alone."""
    namespace = [program("unshare"), "-m"] if os.geteuid() == 0 else [program("unshare"), "-Urm"]
    if subprocess.run([*namespace, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine forbids mount namespaces")
    host, key, port = tmp_path / "host", make_key(tmp_path / "key"), free_port()
    subprocess.run(
        [program("dropbearkey"), "-t", "ed25519", "-f", str(host)], check=True, capture_output=True
    )
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)  # where dropbear looks, whatever $HOME says
    script = (
        'mount -t tmpfs -o mode=700 none "$1" && mkdir -m 700 "$1/.ssh" && '
        'cp "$2" "$1/.ssh/authorized_keys" && chmod 600 "$1/.ssh/authorized_keys" && shift 2 && '
        'exec "$@"'
    )
    daemon = [program("dropbear"), "-F", "-E", "-s", "-j", "-k", "-p", f"127.0.0.1:{port}"]
    daemon += ["-r", str(host), "-P", str(tmp_path / "pid")]
    words = [*namespace, "sh", "-c", script, "sh", str(home), str(key.with_suffix(".pub")), *daemon]
    with serving(words, port):
        text = DEVICE.format(port=port, user=getpass.getuser(), key=key)
        link = made_link(tmp_path, text)
        assert link.run("echo in; exit 4").result.status == 4
        assert link.read_file("/etc/hostname") == Path("/etc/hostname").read_bytes()
        assert port in {s.port for s in ssh_inventory.sockets(link).sockets}
        keys = ssh_inventory.authorized_keys(link, [])
        assert link.known_fingerprints() <= {k.fingerprint for k in keys.keys}
        assert link.forwarding().direct is Forwarding.PROHIBITED
        link.close()
