"""The gateway link before clients that nobody declared, careless ones, and hostile ones."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_stand import CLOUD, Stand, device_file, drain, free_port, gateway_stand, link_to

from devices.errors import BenchError, OutsideAuthorisation
from devices.links.gateway.observations import Destination, OutboundTraffic
from devices.permit import Permit
from devices.protocols import srt
from devices.protocols.proxy_protocol import Forwarded, header
from devices.secrets import Secrets

DECLARED = [{"host": CLOUD, "port": 443, "purpose": "events", "protocol": "https"}]


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with gateway_stand(tmp_path) as stand:
        yield stand


def protocols(traffic: OutboundTraffic) -> dict[str, str]:
    return {str(c.destination.port): c.protocol for c in traffic.contacts}


def outcomes(traffic: OutboundTraffic) -> dict[str, str]:
    return {trial.certificate: trial.outcome for trial in traffic.trials}


def test_a_client_that_verifies_accepts_only_the_genuine(stand: Stand) -> None:
    said = [stand.tls() for _ in range(5)]
    traffic = stand.end()
    assert said[0] == ""
    assert said[1:] == ["CERTIFICATE_VERIFY_FAILED"] * 4
    assert outcomes(traffic) == {
        "genuine": "accepted",
        "unknown-ca": "refused",
        "self-signed": "refused",
        "wrong-name": "refused",
        "expired": "refused",
    }
    by_kind = {trial.certificate: trial.reason for trial in traffic.trials}
    assert by_kind["unknown-ca"] == "alert unknown_ca in the handshake"
    assert by_kind["expired"] == "alert certificate_expired in the handshake"


@pytest.mark.parametrize(
    ("verify", "names", "taken"),
    [
        (False, False, {"genuine", "unknown-ca", "self-signed", "wrong-name", "expired"}),
        (True, False, {"genuine", "wrong-name"}),
    ],
)
def test_careless_clients(stand: Stand, *, verify: bool, names: bool, taken: set[str]) -> None:
    for _ in range(5):
        stand.tls(verify=verify, names=names)
    traffic = stand.end()
    assert {kind for kind, outcome in outcomes(traffic).items() if outcome == "accepted"} == taken
    assert len(traffic.trials) == 5
    first = traffic.trials[0]
    assert (first.inside, first.server_name) == ("http", CLOUD)
    assert "Host: cloud.example" in first.sample
    assert "s3cret" not in first.sample


def test_without_a_trusted_authority_only_two_kinds_are_shown(tmp_path: Path) -> None:
    with gateway_stand(tmp_path, trusted=[]) as stand:
        for _ in range(3):
            stand.tls(verify=False)
        traffic = stand.end()
    assert traffic.shown == ("unknown-ca", "self-signed")
    assert set(outcomes(traffic)) == {"unknown-ca", "self-signed"}


def test_a_client_that_closes_without_an_alert_has_refused(stand: Stand) -> None:
    with stand.connect() as connection:
        connection.sendall(client_hello())
        connection.settimeout(20)
        while len(connection.recv(65_536)) < 400:
            pass
    assert_ended(stand)
    (trial,) = stand.end().trials
    assert (trial.outcome, trial.reason) == ("refused", "it closed the connection in the handshake")


def test_a_client_without_a_certificate_in_sight_has_not_answered(stand: Stand) -> None:
    with stand.connect() as connection:
        hello = client_hello(suites=b"\x13\x37")  # nothing that the server knows
        connection.sendall(hello)
        drain(connection)
    (trial,) = stand.end().trials
    assert trial.outcome == "undecided"


def test_it_ends_when_each_declared_endpoint_was_seen(tmp_path: Path) -> None:
    with gateway_stand(tmp_path, outbound=DECLARED, seconds=0.01) as stand:
        for _ in range(5):
            stand.tls()
        traffic = stand.result()
    assert traffic.listened < 60
    assert traffic.complete


@pytest.mark.parametrize(
    ("data", "protocol"),
    [
        (b"\x03" + bytes(8) + bytes(1528), "rtmp"),
        (b"POST /up HTTP/1.1\r\nHost: a.example\r\n\r\n", "http"),
        (b"ANNOUNCE rtsp://u:p@h/live RTSP/1.0\r\nCSeq: 1\r\n\r\n", "rtsp"),
        (b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04abcd", "mqtt"),
        (b"SSH-2.0-dropbear_2022.83\r\n", "ssh"),
        (b"G" + bytes(187) + b"G" + bytes(187) + b"G", "mpeg-ts"),
        (b"register 0001 password\n" * 4, "text"),
        (b"hello, cloud\n", ""),
        (b"\xff\xfd\x01\xff\xfd\x1f", "telnet"),
        (b"\x9c\x01\xfe\x77" * 20, ""),
        (b"", "silent"),
        (b"\x16\x03\x01\x00\x05\x0b\x00\x00\x01\x00", ""),
        (b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc", ""),
    ],
)
def test_what_is_spoken(stand: Stand, data: bytes, protocol: str) -> None:
    with stand.connect(port=5000) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        drain(connection)
    traffic = stand.end()
    (contact,) = traffic.contacts
    assert contact.protocol == protocol
    assert contact.destination.address == "203.0.113.7"
    assert b"u:p" not in contact.sample.encode()
    assert "0001 password" not in contact.sample


@pytest.mark.parametrize(
    ("name", "alpn"),
    [(b"\xff" * 100, b""), (b"a" * 300, b"\x01\xff"), (b" *\x00'\"", b"\x00"), (b"", b"\x02h2")],
)
def test_strange_names_are_served_as_well(stand: Stand, name: bytes, alpn: bytes) -> None:
    with stand.connect() as connection:
        connection.sendall(client_hello(name=name, alpn=alpn))
        connection.settimeout(20)
        assert len(connection.recv(65_536)) > 0
    assert_ended(stand)
    traffic = stand.end()
    assert len(traffic.trials) == 1
    assert traffic.contacts[0].protocol == "tls"


def test_names_asked_for_name_the_destinations(stand: Stand) -> None:
    address = stand.look_up("Cloud.Example.")
    other = stand.look_up("other.example")
    assert address != other
    with stand.connect(address, 1935) as connection:
        connection.sendall(b"\x03" + bytes(1536))
        drain(connection)
    traffic = stand.end()
    assert traffic.asked == (CLOUD, "other.example")
    assert traffic.contacts[0].destination == Destination("tcp", address, 1935, (CLOUD,))


def test_the_http_host_names_the_destination(stand: Stand) -> None:
    with stand.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: Cloud.Example:443\r\n\r\n")
        drain(connection)
    assert stand.end().contacts[0].destination.names == (CLOUD,)


def test_strangers_are_counted_and_not_answered(stand: Stand) -> None:
    with stand.connect(source="192.0.2.99") as connection:
        connection.sendall(client_hello())
        assert drain(connection) == b""
    traffic = stand.end()
    assert traffic.strangers == 1
    assert not traffic.contacts


@pytest.mark.parametrize("front", [b"\x16\x03\x01 no header", b"PROXY TCP4 1.2.3.4\r\n", b"PROX"])
def test_connections_without_header_are_told(stand: Stand, front: bytes) -> None:
    with socket.create_connection(("127.0.0.1", stand.port), timeout=20) as connection:
        connection.sendall(front)
        connection.shutdown(socket.SHUT_WR)
        drain(connection)
    traffic = stand.end()
    assert not traffic.contacts
    assert len(traffic.unreadable) == 1


def test_a_health_check_is_nothing(stand: Stand) -> None:
    for data in (b"", b"PROXY UNKNOWN\r\n"):
        with socket.create_connection(("127.0.0.1", stand.port), timeout=20) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            drain(connection)
    traffic = stand.end()
    assert not traffic.contacts
    assert not traffic.unreadable


def test_datagrams(stand: Stand) -> None:
    stand.datagram(b"\xf1\x00\x00\x00", port=32100)
    stand.datagram(b"\x23" + bytes(47), port=123)
    stand.datagram(b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12), port=3478)
    traffic = stand.end()
    seen = protocols(traffic)
    assert (seen["32100"], seen["123"], seen["3478"], seen["53"]) == (
        "pppp",
        "ntp",
        "stun",
        "dns",
    )


@pytest.mark.parametrize(
    ("material", "protocol"), [(b"", "srt"), (bytes(64), "srt-encrypted"), (None, "srt-begun")]
)
def test_srt_shows_whether_it_encrypts(stand: Stand, material: bytes | None, protocol: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(20)
        sock.connect(("127.0.0.1", stand.port))
        front = header(Forwarded("127.0.0.1", 5, "203.0.113.9", 9000, "udp"))
        sock.send(front + srt.handshake(srt.Handshake(srt.INDUCTION, 4, 0, 1, 77, 0, {})))
        answer = srt.parse(sock.recv(4096))
        assert answer.version == 5
        if material is not None:
            extensions = {1: bytes(12)} | ({3: material} if material else {})
            shake = srt.Handshake(srt.CONCLUSION, 5, 2, 1, 77, answer.cookie, extensions)
            sock.send(front + srt.handshake(shake))
        stand.settle(sock)
    assert protocols(stand.end())["9000"] == protocol


def test_many_source_ports_are_one_contact(stand: Stand) -> None:
    for _ in range(20):
        stand.datagram(b"\x23" + bytes(47), port=123)
    traffic = stand.end()
    assert traffic.complete
    assert [c.count for c in traffic.contacts if c.protocol == "ntp"] == [20]


def test_without_redirection_only_listed_ports_are_known(tmp_path: Path) -> None:
    other = free_port()
    with gateway_stand(tmp_path, destination="redirect", ports=[other]) as stand:
        for port in (stand.port, other):
            with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: x.example\r\n\r\n")
                drain(connection)
        traffic = stand.end()
    assert [c.destination for c in traffic.contacts] == [
        Destination("tcp", "", 0, ("x.example",)),
        Destination("tcp", "", other, ("x.example",)),
    ]


def test_a_port_that_is_taken_is_a_fault_of_the_bench() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        link = link_to(device_file(gateway={"listen": listen}))
        with pytest.raises(BenchError, match="cannot listen"):
            link.listen()
        with pytest.raises(BenchError, match="cannot listen"):
            link.check()


def test_unreadable_certificates_are_a_fault_of_the_bench(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("nothing")
    pair = {"certificate": str(tmp_path / "a.pem"), "key": str(tmp_path / "missing.pem")}
    link = link_to(device_file(gateway={"listen": f"127.0.0.1:{free_port()}", "trusted": [pair]}))
    with pytest.raises(BenchError, match="trusted"):
        link.check()


def test_an_authorisation_for_another_address_opens_nothing() -> None:
    device = device_file(gateway={"listen": f"127.0.0.1:{free_port()}"})
    granted = device.authorisation
    permit = Permit(["192.0.2.1"], [], granted.expires)
    link = type(link_to(device))(device, permit, Secrets(device))
    with pytest.raises(OutsideAuthorisation):
        link.listen()


def assert_ended(stand: Stand) -> None:
    """What was sent before on other connections has been served when this one has been."""
    with stand.connect(port=1) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        drain(connection)


def client_hello(
    suites: bytes = b"\x13\x01\xc0\x2b", name: bytes | None = None, alpn: bytes = b""
) -> bytes:
    """A ClientHello of TLS 1.2 that knows P-256."""
    extensions = b"\x00\x0a\x00\x04\x00\x02\x00\x17\x00\x0d\x00\x04\x00\x02\x04\x03"
    if name is not None:
        extensions += b"\x00\x00" + _long(_long(b"\x00" + _long(name)))
    if alpn:
        extensions += b"\x00\x10" + _long(_long(alpn))
    body = b"\x03\x03" + bytes(32) + b"\x00" + _long(suites) + b"\x01\x00" + _long(extensions)
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + _long(message)


def _long(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data
