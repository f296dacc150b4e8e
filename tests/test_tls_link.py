"""The TLS link against OpenSSL's own server, the emulated camera's contexts, and odd servers."""

from __future__ import annotations

import itertools
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from onvif_stand import device_file, give_identity

from conformance import policy
from conformance.streams.test_tls import test_certificate as judge_certificate
from devices.emulated.posture import Posture
from devices.emulated.tls_server import server_context
from devices.errors import DeviceFileError, Garbled, LinkError, NotOffered, TimedOut, Unreachable
from devices.links.tls.endpoints import TlsEndpoint
from devices.links.tls.handshake import Prober
from devices.links.tls.link import TlsLink, measure
from devices.links.tls.observation import TlsScan, TlsServer
from devices.links.tls.scan import scan
from devices.permit import Permit
from devices.protocols.tls.registry import TlsVersion
from devices.secrets import Secrets

ADDRESS = "127.83.7.1"
Serve = Callable[[socket.socket], None]


@contextmanager
def server(serve: Serve) -> Iterator[int]:
    """A TCP server that treats every connection with ``serve``; gives the port."""
    listener = socket.create_server((ADDRESS, 0))

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    serve(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def with_context(context: ssl.SSLContext) -> Serve:
    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(1)

    return serve


def link_to(port: int, folder: Path, trust: Path | None = None, host: str = ADDRESS) -> TlsLink:
    url = f"https://{host}:{port}/onvif/device_service"
    onvif: dict[str, Any] = {"url": url}
    if trust is not None:
        onvif["trust"] = str(trust)
    device = device_file(url, ADDRESS, folder, links={"onvif": onvif})
    granted = device.authorisation
    permit = Permit(granted.addresses, granted.allow, granted.expires)
    return TlsLink(device, permit, Secrets(device))


def measured(folder: Path, posture: Posture) -> TlsServer:
    trust = give_identity(folder / "flash", ADDRESS, posture)
    context = server_context(SimpleNamespace(flash=folder / "flash", posture=posture))
    with server(with_context(context)) as port:
        (found,) = link_to(port, folder, trust).scan().servers
    return found


def names(found: TlsServer, version: str) -> set[str]:
    return {suite.name for suite in found.suites[version]}


def test_the_compliant_camera(tmp_path: Path) -> None:
    found = measured(tmp_path, Posture())
    assert found.complete
    assert found.versions == ("TLS 1.2", "TLS 1.3")
    assert names(found, "TLS 1.3") == {
        "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
    }  # fmt: skip
    assert all(suite.forward_secret and suite.aead for suite in found.suites["TLS 1.2"])
    assert set(found.refusals) == {"SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1"}
    (chain,) = found.chains
    assert (chain.names_endpoint, chain.self_signed) == (True, False)
    assert chain.path is not None
    assert chain.path.trusted
    assert (found.compression, found.secure_renegotiation) == (False, True)
    assert found.artefacts[0].data.count(b"BEGIN CERTIFICATE") == 2
    assert found.connections < 60
    assert set(found.agreement.groups["TLS 1.2"]) == {"x25519", "secp256r1"}
    assert found.agreement.signatures["TLS 1.3"] == ("ecdsa_secp256r1_sha256",)
    assert (found.downgrade.fallback_refused, found.downgrade.sentinel) == (True, True)
    assert (found.sessions.renegotiates, found.sessions.early_data) == (False, 0)
    assert not found.agreement.unmeasured + found.sessions.unmeasured


def certificate_files(folder: Path, issuer: str) -> tuple[Path, Path]:
    """An authority of this name, and key and certificate of a CN=camera that it issued."""
    begin, end = datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=90)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    made = []
    for key, name, authority in zip(keys, (issuer, "camera"), (True, False), strict=True):
        builder = x509.CertificateBuilder(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
            key.public_key(),
            x509.random_serial_number(),
            begin,
            end,
        ).add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(ADDRESS))])
        made.append(builder.add_extension(names, critical=False).sign(keys[0], SHA256()))
    trust, own = folder / "trust.pem", folder / "camera.pem"
    trust.write_bytes(made[0].public_bytes(Encoding.PEM))
    private = keys[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    own.write_bytes(private + made[1].public_bytes(Encoding.PEM))
    return trust, own


@pytest.mark.parametrize("issuer", ["maker", "camera"])
def test_an_authority_with_the_name_of_its_leaf_is_an_authority(
    tmp_path: Path, issuer: str
) -> None:
    trust, own = certificate_files(tmp_path, issuer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    with server(with_context(context)) as port:
        link = link_to(port, tmp_path, trust)
        found = link.scan()
    (chain,) = found.servers[0].chains
    assert not chain.self_signed
    assert chain.path is not None
    assert chain.path.trusted, chain.path.problem
    judge_certificate(link, found, policy.load)


@pytest.mark.parametrize(
    ("minimum", "accepted"),
    [
        ("TLSv1", ("TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3")),
        ("TLSv1.1", ("TLS 1.1", "TLS 1.2", "TLS 1.3")),
    ],
)
def test_old_versions_are_found(tmp_path: Path, minimum: str, accepted: tuple[str, ...]) -> None:
    assert measured(tmp_path, Posture(tls_minimum=minimum)).versions == accepted


def test_weak_suites_are_found(tmp_path: Path) -> None:
    cbc = measured(tmp_path / "cbc", Posture(tls_ciphers="cbc"))
    assert "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA" in names(cbc, "TLS 1.2")
    assert cbc.versions == ("TLS 1.2", "TLS 1.3")
    static = measured(tmp_path / "rsa", Posture(tls_ciphers="rsa-key-exchange"))
    assert "TLS_RSA_WITH_AES_128_GCM_SHA256" in names(static, "TLS 1.2")


def test_bad_certificates_are_described(tmp_path: Path) -> None:
    (expired,) = measured(tmp_path / "a", Posture(certificate_flaw="expired")).chains
    assert expired.leaf.not_after.year < 9999
    assert expired.path is not None
    assert expired.path.trusted, "the path is judged at a time when the leaf is valid"
    (weak,) = measured(tmp_path / "b", Posture(certificate_flaw="rsa-1024")).chains
    assert weak.leaf.key == "RSA 1024"
    (other,) = measured(tmp_path / "c", Posture(certificate_flaw="wrong-name")).chains
    assert not other.names_endpoint
    (own,) = measured(tmp_path / "d", Posture(certificate_flaw="self-signed")).chains
    assert (own.self_signed, own.pinned) == (True, False)


@pytest.mark.parametrize(
    ("issued_by", "says"),
    [("foreign-ca", "does not lead to the declared"), ("none", "self-signed")],
)
def test_a_device_certificate_of_nobody_known_fails_as_tls_certificate(
    tmp_path: Path, issued_by: str, says: str
) -> None:
    found = TlsScan(servers=(measured(tmp_path, Posture(device_certificate=issued_by)),))
    link: Any = SimpleNamespace(endpoints=["one"])
    with pytest.raises(AssertionError, match=says):
        judge_certificate(link, found, policy.load)


def test_a_pinned_certificate_is_trusted(tmp_path: Path) -> None:
    posture = Posture(certificate_flaw="self-signed")
    give_identity(tmp_path / "flash", ADDRESS, posture)
    context = server_context(SimpleNamespace(flash=tmp_path / "flash", posture=posture))
    with server(with_context(context)) as port:
        pin = tmp_path / "flash" / "otp" / "device-cert.pem"
        (found,) = link_to(port, tmp_path, pin).scan().servers
    assert found.chains[0].pinned


def test_a_server_of_tls_1_3_alone_shows_its_chain_all_the_same(tmp_path: Path) -> None:
    trust = give_identity(tmp_path / "flash", ADDRESS, Posture())
    context = server_context(SimpleNamespace(flash=tmp_path / "flash", posture=Posture()))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with server(with_context(context)) as port:
        (found,) = link_to(port, tmp_path, trust).scan().servers
    assert found.versions == ("TLS 1.3",)
    assert found.secure_renegotiation is None
    assert found.chains[0].path is not None
    assert found.chains[0].path.trusted
    assert found.complete


def hold(connection: socket.socket) -> None:
    while connection.recv(4096):
        continue


def answer(data: bytes) -> Serve:
    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(data)

    return serve


def close(connection: socket.socket) -> None:
    connection.recv(4096)


@pytest.mark.parametrize(
    ("serve", "error"),
    [
        (hold, TimedOut),
        (answer(b"HTTP/1.1 400 Bad Request\r\n\r\n"), NotOffered),
        (answer(bytes(range(64, 128)) * 8), Garbled),
        (answer(b"\x16\x03\x03\x00\x80half a record"), Garbled),
    ],
)
def test_odd_servers_end_in_one_error(serve: Serve, error: type[LinkError]) -> None:
    with server(serve) as port, pytest.raises(error):
        scan(Prober(ADDRESS, port, seconds=0.3).offer)


def test_a_closed_port_is_unreachable() -> None:
    with server(close) as port:
        pass
    with pytest.raises(Unreachable):
        scan(Prober(ADDRESS, port, seconds=1).offer)


def test_a_server_that_only_closes_accepts_nothing() -> None:
    with server(close) as port:
        found = scan(Prober(ADDRESS, port, seconds=1).offer)
    assert not found.suites
    assert set(found.refusals.values()) == {"closed without an alert"}


def test_a_suite_that_was_not_offered_is_a_shortfall() -> None:
    body = "0303" + "22" * 32 + "00" + "13ff" + "00"
    hello = bytes.fromhex("160303002a" + "02000026" + body)
    with server(answer(hello)) as port:
        found = scan(Prober(ADDRESS, port, seconds=1).offer)
    assert not found.suites
    assert any("not offered" in shortfall for shortfall in found.shortfalls)


def test_a_server_that_answers_everything_with_one_record_is_bounded() -> None:
    with server(answer(b"\x16\x03\x03\x40\x00" + bytes(100))) as port, pytest.raises(Garbled):
        scan(Prober(ADDRESS, port, seconds=1).offer)


SSL2_SERVER_HELLO = bytes.fromhex("801b" + "04" + "0001" + "0002" + "0000" + "0003" + "0010")


def test_ssl_2_is_told_by_its_server_hello() -> None:
    with server(answer(SSL2_SERVER_HELLO + bytes(19))) as port:
        assert Prober(ADDRESS, port, seconds=1).speaks_ssl2()
    alert = b"\x15\x03\x01\x00\x02\x02\x28"
    for refusal in (alert, b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"):
        with server(answer(refusal)) as port:
            assert not Prober(ADDRESS, port, seconds=1).speaks_ssl2()
    with server(hold) as port, pytest.raises(TimedOut):
        Prober(ADDRESS, port, seconds=0.2).speaks_ssl2()


def test_what_a_server_stalls_on_is_unmeasured_and_the_rest_is_kept(tmp_path: Path) -> None:
    """It answers the first flight and never the second: nothing that needs a session is known."""
    give_identity(tmp_path / "flash", ADDRESS, Posture())
    context = server_context(SimpleNamespace(flash=tmp_path / "flash", posture=Posture()))

    def first_flight(connection: socket.socket) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        incoming.write(connection.recv(4096))
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            connection.sendall(outgoing.read())
            hold(connection)
        except ssl.SSLError:
            connection.sendall(outgoing.read())

    with server(first_flight) as port:
        endpoint = TlsEndpoint("web", "https", ADDRESS, port)
        found = measure(Prober(ADDRESS, port, seconds=0.4), endpoint)
    assert found.complete
    assert found.versions == ("TLS 1.2", "TLS 1.3")
    assert found.sessions.renegotiates is None
    assert found.sessions.unmeasured
    assert found.agreement.groups


def test_one_dead_endpoint_does_not_hide_the_others(tmp_path: Path) -> None:
    trust = give_identity(tmp_path / "flash", ADDRESS, Posture())
    context = server_context(SimpleNamespace(flash=tmp_path / "flash", posture=Posture()))
    with server(with_context(context)) as port, server(close) as other:
        pass
    with server(with_context(context)) as port:
        url = f"https://{ADDRESS}:{port}/onvif/device_service"
        services = [
            {
                "name": "rtsps",
                "port": other,
                "protocol": "rtsps",
                "purpose": "x",
                "encrypted": True,
            },
            {"name": "ssh", "port": 22, "protocol": "ssh", "purpose": "x", "encrypted": True},
        ]
        device = device_file(
            url,
            ADDRESS,
            tmp_path,
            links={"onvif": {"url": url, "trust": str(trust)}},
            declared={"services": services},
        )
        granted = device.authorisation
        link = TlsLink(
            device, Permit(granted.addresses, granted.allow, granted.expires), Secrets(device)
        )
        assert [endpoint.port for endpoint in link.endpoints] == [other, port]
        found = link.scan()
    assert [s.port for s in found.servers] == [port]
    assert "rtsps" in found.shortfall
    assert "unreachable" in found.shortfall


def test_unreadable_trust_is_a_fault_of_the_device_file(tmp_path: Path) -> None:
    trust = tmp_path / "trust.pem"
    trust.write_text("nothing")
    give_identity(tmp_path / "flash", ADDRESS, Posture())
    context = server_context(SimpleNamespace(flash=tmp_path / "flash", posture=Posture()))
    with server(with_context(context)) as port, pytest.raises(DeviceFileError, match="trust"):
        link_to(port, tmp_path, trust).scan()


needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is absent")


@contextmanager
def s_server(folder: Path, *options: str) -> Iterator[int]:
    """``openssl s_server`` with a certificate of its own; gives the port."""
    pem = folder / "own.pem"
    if not pem.exists():
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
             "/CN=test", "-keyout", str(pem), "-out", str(folder / "own-cert.pem")],
            check=True, capture_output=True,
        )  # fmt: skip
        pem.write_text(pem.read_text() + (folder / "own-cert.pem").read_text())
    with socket.create_server((ADDRESS, 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [
            "openssl",
            "s_server",
            "-accept",
            f"{ADDRESS}:{port}",
            "-cert",
            str(pem),
            "-quiet",
            *options,
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pause = threading.Event()
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex((ADDRESS, port)) == 0:
                    break
            pause.wait(0.05)
        yield port
    finally:
        process.kill()
        process.wait(10)


@needs_openssl
@pytest.mark.interop
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("-tls1_2", "-cipher", "AES128-SHA"), {"TLS 1.2": {"TLS_RSA_WITH_AES_128_CBC_SHA"}}),
        (
            ("-tls1", "-cipher", "ECDHE-RSA-AES256-SHA:@SECLEVEL=0"),
            {"TLS 1.0": {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"}},
        ),
        (
            ("-tls1_2", "-cipher", "NULL-SHA256:@SECLEVEL=0"),
            {"TLS 1.2": {"TLS_RSA_WITH_NULL_SHA256"}},
        ),
        (
            ("-tls1_2", "-cipher", "ADH-AES128-SHA:@SECLEVEL=0"),
            {"TLS 1.2": {"TLS_DH_anon_WITH_AES_128_CBC_SHA"}},
        ),
        (
            ("-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256", "-groups", "P-384"),
            {"TLS 1.3": {"TLS_AES_128_CCM_SHA256"}},  # by a HelloRetryRequest
        ),
    ],
    ids=["static RSA", "TLS 1.0", "NULL", "anonymous", "HelloRetryRequest"],
)
def test_openssl_is_measured_as_it_is_configured(
    tmp_path: Path, options: tuple[str, ...], expected: dict[str, set[str]]
) -> None:
    with s_server(tmp_path, *options) as port:
        found = scan(Prober(ADDRESS, port).offer)
    assert {v.label: {s.name for s in suites} for v, suites in found.suites.items()} == expected
    assert not found.shortfalls
    assert bool(found.chains) == ("anon" not in str(expected) and "TLS 1.3" not in expected)


@needs_openssl
@pytest.mark.interop
def test_every_suite_that_openssl_knows_is_found(tmp_path: Path) -> None:
    ciphers = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
    listing = subprocess.run(
        ["openssl", "ciphers", "-stdname", "-tls1_2", "-s", "-V", ciphers],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    rsa_or_anonymous = {
        line.split()[2]
        for line in listing.splitlines()
        if "Au=RSA" in line or "Au=None" in line
        if "PSK" not in line and "SRP" not in line and "TLSv1.3" not in line
    }
    with s_server(tmp_path, "-tls1_2", "-cipher", ciphers) as port:
        found = scan(Prober(ADDRESS, port).offer, every=True)
    assert {suite.name for suite in found.suites[TlsVersion.TLS_1_2]} == rsa_or_anonymous


@pytest.mark.parametrize(
    ("posture", "version", "seen"),
    [
        ({"tls_groups": "secp224r1"}, "TLS 1.2", ("secp224r1",)),
        ({"tls_groups": "dh-1024"}, "TLS 1.2", (1024,)),
        ({"tls_signatures": "sha1"}, "TLS 1.2", ("ecdsa_sha1",)),
        ({"tls_renegotiation": True}, "TLS 1.2", (True,)),
    ],
)
def test_weak_handshakes_are_found(
    tmp_path: Path, posture: dict[str, Any], version: str, seen: tuple[object, ...]
) -> None:
    found = measured(tmp_path, Posture.of(posture))
    agreement = found.agreement
    everything = {*agreement.groups[version], *agreement.signatures[version], *agreement.dh_bits}
    assert set(seen) <= everything | {found.sessions.renegotiates}
    assert found.connections < 60


@pytest.mark.parametrize("taken", [1, 3, 6])
def test_a_server_that_closes_after_some_connections_has_not_refused(
    tmp_path: Path, taken: int
) -> None:
    """As cameras do that shut out who connects too often: TLS 1.0 may well be there."""
    give_identity(tmp_path, ADDRESS, Posture())
    context = server_context(SimpleNamespace(flash=tmp_path, posture=Posture()))
    secured, seen = with_context(context), [0]

    def limited(connection: socket.socket) -> None:
        seen[0] += 1
        if seen[0] <= taken:
            secured(connection)

    with server(limited) as port:
        found = scan(Prober(ADDRESS, port, seconds=2).offer)
    assert found.suites
    assert any("took before" in problem for problem in found.shortfalls)


@pytest.mark.parametrize(("late", "complete"), [((3,), True), ((3, 9), True), ((0,), False)])
def test_a_server_that_is_late_once_gets_more_time(
    tmp_path: Path, late: tuple[int, ...], *, complete: bool
) -> None:
    """As a camera that computes something else; one that was never in time is not waited for."""
    give_identity(tmp_path, ADDRESS, Posture())
    context = server_context(SimpleNamespace(flash=tmp_path, posture=Posture()))
    secured, seen = with_context(context), itertools.count()

    def busy(connection: socket.socket) -> None:
        (hold if next(seen) in late else secured)(connection)

    with server(busy) as port:
        found = scan(Prober(ADDRESS, port, seconds=0.5).offer)
    assert found.suites
    assert (not found.shortfalls) == complete


def test_a_server_that_closes_every_connection_is_not_judged() -> None:
    with server(close) as port:
        found = scan(Prober(ADDRESS, port, seconds=2).offer)
    assert not found.suites
    assert found.shortfalls == ["every connection was closed without a word of TLS"]
