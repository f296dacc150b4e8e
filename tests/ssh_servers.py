"""OpenSSH and Dropbear as SSH servers, in good and weak configurations, each with its verdicts.

The expected verdicts were written down before the first run, from the configuration and the
manuals; ``told`` are words that the reason of a FAIL must have. Debian's OpenSSH and Dropbear have
strict key exchange and no way to switch it off, no SSH 1 and no DSA: the emulated camera and bytes
made by hand stand for those.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ADDRESS = "127.0.0.1"
_WAIT = 20.0  # s until a server accepts connections
PASS, FAIL = "PASS", "FAIL"
STRONG = {
    "KexAlgorithms": "curve25519-sha256,diffie-hellman-group-exchange-sha256",
    "Ciphers": "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-ctr",
    "MACs": "hmac-sha2-256-etm@openssh.com,umac-128-etm@openssh.com",
    "HostKeyAlgorithms": "ssh-ed25519,rsa-sha2-512,ecdsa-sha2-nistp256",
}


@dataclass(frozen=True)
class SshServer:
    """One configuration of one program.

    ``keys``: kind and size of each host key. ``verdicts``: test case -> PASS or FAIL. ``guesses``:
    wrong passwords that one connection takes before the server ends it, at most; None where no
    password is taken.
    """

    name: str
    program: str
    keys: Sequence[tuple[str, int]]
    verdicts: Mapping[str, str]
    settings: Mapping[str, object] = field(default_factory=dict)
    options: Sequence[str] = ()
    told: Mapping[str, Sequence[str]] = field(default_factory=dict)
    guesses: int | None = None

    @contextmanager
    def running(self, folder: Path) -> Iterator[int]:
        """Run it with its files in ``folder``; gives the port once it accepts connections."""
        port = _free_port()
        process = subprocess.Popen(
            self._command(folder, port),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            await_port(process, port)
            yield port
        finally:
            process.terminate()
            process.wait(timeout=10)

    def _command(self, folder: Path, port: int) -> list[str]:
        if self.program == "sshd":
            return self._openssh(folder, port)
        command = [found("dropbear"), "-F", "-E", "-p", f"{ADDRESS}:{port}", *self.options]
        for number, (kind, bits) in enumerate(self.keys):
            path = str(folder / f"host{number}")
            size = ["-s", str(bits)] if bits else []
            _run(found("dropbearkey"), "-t", kind, *size, "-f", path)
            command += ["-r", path]
        return [*command, "-P", str(folder / "pid")]

    def _openssh(self, folder: Path, port: int) -> list[str]:
        settings: dict[str, object] = {
            "ListenAddress": ADDRESS, "Port": port, "PidFile": folder / "pid", "StrictModes": "no",
            "UsePAM": "no", "PasswordAuthentication": "no", "KbdInteractiveAuthentication": "no",
            **self.settings,
        }  # fmt: skip
        lines = [f"{name} {value}" for name, value in settings.items()]
        for number, (kind, bits) in enumerate(self.keys):
            path = folder / f"host{number}"
            size = ["-b", str(bits)] if bits else []
            _run(found("ssh-keygen"), "-q", "-t", kind, *size, "-N", "", "-f", str(path))
            lines.append(f"HostKey {path}")
        (folder / "config").write_text("\n".join(lines) + "\n", encoding="utf-8")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # where a root-run sshd keeps its empty root
        return [found("sshd"), "-D", "-e", "-f", str(folder / "config")]


SERVERS = {
    server.name: server
    for server in (
        SshServer(
            "openssh-strong",
            "sshd",
            keys=[("ed25519", 0), ("rsa", 3072), ("ecdsa", 256)],
            settings=STRONG,
            verdicts={"CRED-019": PASS, "CRED-020": PASS, "CRED-021": PASS},
        ),
        SshServer(
            "openssh-as-shipped",
            "sshd",
            keys=[("ed25519", 0), ("rsa", 3072), ("ecdsa", 256)],
            settings={"PasswordAuthentication": "yes"},
            verdicts={"CRED-019": FAIL, "CRED-020": PASS, "CRED-021": PASS},
            told={"CRED-019": ["hmac-sha1", "umac-64"]},
            guesses=6,
        ),
        SshServer(
            "openssh-post-quantum-only",
            "sshd",
            keys=[("ed25519", 0)],
            settings={**STRONG, "KexAlgorithms": "sntrup761x25519-sha512@openssh.com"},
            verdicts={"CRED-020": PASS, "CRED-021": PASS},
        ),
        SshServer(
            "openssh-group-exchange-only",
            "sshd",
            keys=[("ed25519", 0), ("rsa", 2048)],
            settings={**STRONG, "KexAlgorithms": "diffie-hellman-group-exchange-sha256"},
            verdicts={"CRED-019": PASS, "CRED-020": PASS, "CRED-021": PASS},
        ),
        SshServer(
            "openssh-of-fifteen-years-ago",
            "sshd",
            keys=[("rsa", 1024)],
            settings={
                "KexAlgorithms": "diffie-hellman-group1-sha1,diffie-hellman-group-exchange-sha1",
                "HostKeyAlgorithms": "ssh-rsa",
                "PubkeyAcceptedAlgorithms": "ssh-rsa,rsa-sha2-256",
                "Ciphers": "3des-cbc,aes128-cbc",
                "MACs": "hmac-md5,hmac-sha1-96",
                "PasswordAuthentication": "yes",
                "MaxAuthTries": 100,
            },
            verdicts={"CRED-019": FAIL, "CRED-020": FAIL, "CRED-021": PASS},
            told={
                "CRED-019": [
                    "diffie-hellman-group1-sha1", "diffie-hellman-group-exchange-sha1", "ssh-rsa",
                    "3des-cbc", "hmac-md5", "hmac-sha1-96",
                ],
                "CRED-020": ["ssh-rsa of 1024 bits"],
            },
            guesses=100,
        ),
        SshServer(
            "dropbear-as-shipped",
            "dropbear",
            keys=[("ed25519", 0), ("ecdsa", 256)],
            verdicts={"CRED-019": FAIL, "CRED-020": PASS, "CRED-021": PASS},
            told={"CRED-019": ["hmac-sha1"]},
            guesses=10,
        ),
        SshServer(
            "dropbear-short-key",
            "dropbear",
            keys=[("rsa", 1024)],
            options=["-s", "-j", "-k"],
            verdicts={"CRED-019": FAIL, "CRED-020": FAIL, "CRED-021": PASS},
            told={"CRED-020": ["ssh-rsa of 1024 bits"]},
        ),
    )
}  # fmt: skip


def found(name: str) -> str:
    """Path of a program; raises FileNotFoundError naming the list of what is needed."""
    path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if path is None:
        raise FileNotFoundError(f"{name}: tests/interop/debian-packages.txt lists what is needed")
    return path


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _free_port() -> int:
    with socket.create_server((ADDRESS, 0)) as free:
        return int(free.getsockname()[1])


def await_port(process: subprocess.Popen[bytes], port: int, address: str = ADDRESS) -> None:
    """Wait until a server accepts connections. Raises OSError when it ends, or time is over."""
    end = time.monotonic() + _WAIT
    while True:
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return
