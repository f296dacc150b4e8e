"""The identity that a camera proves in a TLS handshake, against real TLS servers."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devices.description import Authorisation, Declared, Device, DeviceFile, Firmware, Service
from devices.emulated.maker.manufacturer import Credentials, Manufacturer, make_manufacturer
from devices.emulated.posture import Posture
from devices.emulated.unit import make_unit
from devices.errors import Garbled, LinkError, NotOffered, OutsideAuthorisation, Unreachable
from devices.links.identity import IdentityLink
from devices.permit import Permit
from devices.secrets import Secrets

ADDRESS = "127.91.7.3"
UNIT = make_unit(9)


@pytest.fixture(scope="module")
def manufacturer(tmp_path_factory: pytest.TempPathFactory) -> Manufacturer:
    return make_manufacturer(tmp_path_factory.mktemp("maker"))


@contextmanager
def _listening(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Answer every connection to a port of ADDRESS until the context ends."""
    with socket.create_server((ADDRESS, 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=5)


@contextmanager
def _tls_server(tmp_path: Path, credentials: Credentials) -> Iterator[int]:
    (tmp_path / "key.pem").write_bytes(credentials[0])
    (tmp_path / "chain.pem").write_bytes(credentials[1])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "chain.pem", tmp_path / "key.pem")

    def answer(connection: socket.socket) -> None:
        try:
            with context.wrap_socket(connection, server_side=True) as secured:
                secured.recv(1)
        except OSError:
            pass

    with _listening(answer) as port:
        yield port


def _link(manufacturer: Manufacturer, *ports: int) -> IdentityLink:
    today = datetime.now(UTC).date()
    device = DeviceFile(
        device=Device(
            manufacturer="Lumivista",
            model="LV-2100",
            hardware="B2",
            serial=UNIT.serial,
            firmware=Firmware(version="2.4.1"),
        ),
        authorisation=Authorisation(
            granted_by="test", reference="test", expires=today + timedelta(1), addresses=[ADDRESS]
        ),
        declared=Declared(
            services=[
                Service(
                    name=f"https-{port}",
                    port=port,
                    protocol="https",
                    purpose="test",
                    encrypted=True,
                    host=ADDRESS,
                )
                for port in ports
            ],
            device_certificate_trust=manufacturer.device_trust,
        ),
    )
    permit = Permit([ADDRESS], [], today + timedelta(1))
    return IdentityLink(device, permit, Secrets(device))


def test_a_proven_identity_has_its_whole_chain(manufacturer: Manufacturer, tmp_path: Path) -> None:
    credentials = manufacturer.issue_device(UNIT, ADDRESS, Posture())
    with _tls_server(tmp_path, credentials) as port:
        observation = _link(manufacturer, port).prove()
    (identity,) = observation.identities
    assert identity.path.trusted
    assert identity.leaf.unit_serials == (UNIT.serial,)
    assert len(identity.certificates) == 2
    assert observation.complete
    assert observation.artefacts[0].data.count(b"BEGIN CERTIFICATE") == 2


@pytest.mark.parametrize("kind", ["foreign-ca", "none"])
def test_an_identity_of_another_authority_is_not_trusted(
    manufacturer: Manufacturer, tmp_path: Path, kind: str
) -> None:
    credentials = manufacturer.issue_device(UNIT, ADDRESS, Posture(device_certificate=kind))
    with _tls_server(tmp_path, credentials) as port:
        (identity,) = _link(manufacturer, port).prove().identities
    assert not identity.path.trusted
    assert identity.path.problem


def _garbage(connection: socket.socket) -> None:
    connection.sendall(b"220 hello\r\n" * 50)


def _half_close(connection: socket.socket) -> None:
    connection.recv(16)
    connection.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("answer", [_garbage, _half_close])
def test_a_server_that_speaks_no_tls_is_a_link_error(
    manufacturer: Manufacturer, answer: Callable[[socket.socket], None]
) -> None:
    with _listening(answer) as port, pytest.raises(LinkError):
        _link(manufacturer, port).prove()


def test_one_endpoint_that_answers_is_enough(manufacturer: Manufacturer, tmp_path: Path) -> None:
    credentials = manufacturer.issue_device(UNIT, ADDRESS, Posture())
    with _tls_server(tmp_path, credentials) as good, _listening(_garbage) as bad:
        observation = _link(manufacturer, good, bad).prove()
    assert len(observation.identities) == 1
    assert len(observation.unanswered) == 1
    assert str(bad) in observation.unanswered[0]


def test_a_closed_port_is_unreachable(manufacturer: Manufacturer) -> None:
    with socket.create_server((ADDRESS, 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unreachable, match=str(port)):
        _link(manufacturer, port).prove()


def test_without_a_tls_service_nothing_is_offered(manufacturer: Manufacturer) -> None:
    with pytest.raises(NotOffered):
        _link(manufacturer).prove()


def test_nothing_is_sent_outside_the_authorisation(manufacturer: Manufacturer) -> None:
    link = _link(manufacturer, 443)
    link._permit = Permit(["192.0.2.1"], [], datetime.now(UTC).date() + timedelta(1))
    with pytest.raises(OutsideAuthorisation):
        link.prove()


def test_a_certificate_that_cannot_be_decoded_is_garbled(
    manufacturer: Manufacturer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = manufacturer.issue_device(UNIT, ADDRESS, Posture())
    monkeypatch.setattr("devices.links.identity._chain", lambda _: [b"\x30\x03bad"])
    with _tls_server(tmp_path, credentials) as port, pytest.raises(Garbled):
        _link(manufacturer, port).prove()
