"""OpenSSL, GnuTLS, nginx and lighttpd as TLS servers, in good and bad configurations.

Debian's OpenSSL has no SSL 2, no SSL 3, no compression, no export suites and no RC4 in its build,
so no server here can show those; tests with bytes made by hand stand for them.
"""

from __future__ import annotations

import ipaddress
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

ADDRESS = "127.83.9.1"
STRONG = (
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256"
)
PROGRAMS = ("openssl", "gnutls-serv", "nginx", "lighttpd")
_LEGACY = (
    "NORMAL:-VERS-ALL:+VERS-TLS1.0:+VERS-TLS1.1:+VERS-TLS1.2:+VERS-TLS1.3:+3DES-CBC:+SIGN-ALL:"
    "%VERIFY_ALLOW_SIGN_WITH_SHA1"
)
_WAIT = 10.0  # s until a server accepts connections
_Command = Callable[["Folder", int], Sequence[str]]


@dataclass(frozen=True)
class Folder:
    """Where a server's files are. ``authority`` signs both certificates."""

    path: Path

    @property
    def authority(self) -> Path:
        """PEM of the authority."""
        return self.path / "authority.pem"

    def pair(self, kind: str) -> tuple[str, str]:
        """Paths of certificate and key; ``kind``: ``rsa`` or ``ec``."""
        return str(self.path / f"{kind}-cert.pem"), str(self.path / f"{kind}-key.pem")

    def both(self, kind: str) -> str:
        """Path of certificate and key in one file."""
        return str(self.path / f"{kind}-both.pem")

    def written(self, name: str, text: str) -> str:
        """Write a file and return its path."""
        path = self.path / name
        path.write_text(text, encoding="utf-8")
        return str(path)


@dataclass(frozen=True)
class TlsServerProgram:
    """One configuration of one program; ``silent``: it answers no HTTP request."""

    name: str
    program: str
    command: _Command
    silent: bool = False

    @contextmanager
    def running(self, path: Path) -> Iterator[int]:
        """Run it with its files in ``path``; gives the port once it accepts connections."""
        folder = make_certificates(path)
        with socket.create_server((ADDRESS, 0)) as free:
            port: int = free.getsockname()[1]
        process = subprocess.Popen(
            self.command(folder, port),
            stdin=subprocess.PIPE,  # s_server ends a session when its input ends
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=path,
        )
        try:
            _wait(process, port)
            yield port
        finally:
            process.kill()
            process.communicate(timeout=10)


def missing(programs: Sequence[str] = PROGRAMS) -> list[str]:
    """Programs that are not installed."""
    return [program for program in programs if _found(program) is None]


def make_certificates(path: Path) -> Folder:
    """An authority, and certificates of it with an RSA and an ECDSA key for ``ADDRESS``."""
    folder = Folder(path)
    if folder.authority.exists():
        return folder
    root = ec.generate_private_key(ec.SECP256R1())
    name = _name("Benchmark authority")
    certificate = _builder(name, name, root.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    keys: dict[str, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey] = {
        "rsa": rsa.generate_private_key(65537, 2048),
        "ec": ec.generate_private_key(ec.SECP256R1()),
    }
    for kind, key in keys.items():
        leaf = (
            _builder(name, _name(ADDRESS), key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(ADDRESS))]),
                critical=False,
            )
            .sign(root, SHA256())
            .public_bytes(Encoding.PEM)
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (path / f"{kind}-cert.pem").write_bytes(leaf)
        (path / f"{kind}-key.pem").write_bytes(private)
        (path / f"{kind}-both.pem").write_bytes(private + leaf)
    folder.authority.write_bytes(certificate.sign(root, SHA256()).public_bytes(Encoding.PEM))
    return folder


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    issuer: x509.Name, subject: x509.Name, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(days=1),
        not_valid_after=now + timedelta(days=90),
    )


def _openssl(kind: str, *options: str) -> _Command:
    def command(folder: Folder, port: int) -> Sequence[str]:
        certificate, key = folder.pair(kind)
        files = ("-cert", certificate, "-key", key)
        page = () if "-early_data" in options else ("-www",)  # which exclude each other
        return ("openssl", "s_server", "-accept", f"{ADDRESS}:{port}", *files, *page, *options)

    return command


def _gnutls(kind: str, *options: str) -> _Command:
    def command(folder: Folder, port: int) -> Sequence[str]:
        certificate, key = folder.pair(kind)
        files = ("--x509certfile", certificate, "--x509keyfile", key)
        return ("gnutls-serv", "--http", "--port", str(port), "--quiet", *files, *options)

    return command


def _nginx(kind: str, settings: str) -> _Command:
    def command(folder: Folder, port: int) -> Sequence[str]:
        certificate, key = folder.pair(kind)
        path = folder.path
        temporary = "".join(
            f"{what}_temp_path {path}/{what};"
            for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        text = (
            f"daemon off; master_process off; pid {path}/nginx.pid; error_log {path}/error.log;\n"
            f"events {{}}\nhttp {{ access_log off; {temporary}\nserver {{\n"
            f"listen {ADDRESS}:{port} ssl; ssl_certificate {certificate};"
            f" ssl_certificate_key {key};\n{settings}\nlocation / {{ return 200 ok; }} }} }}\n"
        )
        return ("nginx", "-c", folder.written("nginx.conf", text), "-p", str(path))

    return command


def _lighttpd(kind: str, *openssl: str) -> _Command:
    def command(folder: Folder, port: int) -> Sequence[str]:
        commands = ", ".join(
            f'"{k}" => "{v}"' for k, v in zip(openssl[::2], openssl[1::2], strict=True)
        )
        text = (
            f'server.document-root = "{folder.path}"\nserver.port = {port}\n'
            f'server.bind = "{ADDRESS}"\nserver.modules = ("mod_openssl")\n'
            f'ssl.engine = "enable"\nssl.pemfile = "{folder.both(kind)}"\n'
            f"ssl.openssl.ssl-conf-cmd = ({commands})\n"
        )
        return ("lighttpd", "-D", "-f", folder.written("lighttpd.conf", text))

    return command


_STRONG_13 = "ssl_protocols TLSv1.2 TLSv1.3; ssl_ecdh_curve X25519:prime256v1:secp384r1;"
_ALL = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"

SERVERS: dict[str, TlsServerProgram] = {
    server.name: server
    for server in (
        TlsServerProgram("openssl-strong", "openssl", _openssl("ec", "-cipher", STRONG)),
        TlsServerProgram("openssl-default", "openssl", _openssl("rsa")),
        TlsServerProgram("openssl-weak", "openssl", _openssl("rsa", "-cipher", _ALL)),
        TlsServerProgram(
            "openssl-tls10",
            "openssl",
            _openssl("rsa", "-tls1", "-cipher", "ECDHE-RSA-AES256-SHA:AES128-SHA:@SECLEVEL=0"),
        ),
        TlsServerProgram(
            "openssl-rsa-transport",
            "openssl",
            _openssl("rsa", "-tls1_2", "-cipher", "AES128-GCM-SHA256:AES256-SHA256"),
        ),
        TlsServerProgram(
            "openssl-renegotiation",
            "openssl",
            _openssl("ec", "-cipher", STRONG, "-client_renegotiation"),
        ),
        TlsServerProgram(
            "openssl-early-data",
            "openssl",
            _openssl("ec", "-cipher", STRONG, "-early_data"),
            silent=True,
        ),
        TlsServerProgram(
            "openssl-tls13-p384", "openssl", _openssl("ec", "-tls1_3", "-groups", "P-384")
        ),
        TlsServerProgram("gnutls-default", "gnutls-serv", _gnutls("ec")),
        TlsServerProgram("gnutls-legacy", "gnutls-serv", _gnutls("rsa", "--priority", _LEGACY)),
        TlsServerProgram(
            "nginx-strong", "nginx", _nginx("ec", f"{_STRONG_13} ssl_ciphers {STRONG};")
        ),
        TlsServerProgram(
            "nginx-weak",
            "nginx",
            _nginx(
                "rsa",
                f"ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers {_ALL};\n"
                "ssl_early_data on;",
            ),
        ),
        TlsServerProgram(
            "lighttpd-strong",
            "lighttpd",
            _lighttpd("ec", "MinProtocol", "TLSv1.2", "CipherString", STRONG),
        ),
        TlsServerProgram(
            "lighttpd-cbc",
            "lighttpd",
            _lighttpd(
                "ec", "MinProtocol", "TLSv1.2", "CipherString", f"{STRONG}:ECDHE-ECDSA-AES128-SHA"
            ),
        ),
    )
}
"""Every configuration by its name."""


def _found(program: str) -> str | None:
    return shutil.which(program) or shutil.which(f"/usr/sbin/{program}")


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    pause = threading.Event()
    for _ in range(int(_WAIT / 0.05)):
        with socket.socket() as probe:
            if probe.connect_ex((ADDRESS, port)) == 0:
                return
        if process.poll() is not None:
            break
        pause.wait(0.05)
    raise RuntimeError(f"{process.args!r} does not accept connections")
