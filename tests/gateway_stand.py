"""A gateway of the suite that listens on this machine, and clients that a test writes."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from devices.description import DeviceFile
from devices.emulated.maker.authority import Authority
from devices.links.gateway.link import GatewayLink
from devices.links.gateway.observations import OutboundTraffic
from devices.permit import Permit
from devices.protocols import dns
from devices.protocols.proxy_protocol import Forwarded, header
from devices.secrets import Secrets

CAMERA = "127.0.0.1"
CLOUD = "cloud.example"
LIMIT = 20.0  # s for anything that a test waits for


def device_file(**bench: Any) -> DeviceFile:
    """A device file: tables of the bench, and ``outbound``, ``storage_declared``, ``address``."""
    outbound = bench.pop("outbound", [])
    address = bench.pop("address", CAMERA)
    storage = bench.pop("storage_declared", [])
    return DeviceFile.model_validate(
        {
            "device": {
                "manufacturer": "Acme",
                "model": "C1",
                "hardware": "A",
                "serial": "1",
                "firmware": {"version": "1"},
            },
            "authorisation": {
                "granted_by": "the tests",
                "reference": "T-1",
                "expires": date.today() + timedelta(days=2),
                "addresses": [address],
            },
            "declared": {"outbound": outbound, "storage": storage},
            "bench": bench,
        }
    )


def link_to(device: DeviceFile) -> GatewayLink:
    granted = device.authorisation
    permit = Permit(granted.addresses, granted.allow, granted.expires)
    return GatewayLink(device, permit, Secrets(device))


def free_port() -> int:
    """A port that is free for TCP and for UDP."""
    while True:
        with (
            socket.create_server(("127.0.0.1", 0)) as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        ):
            port: int = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@dataclass
class Stand:
    """A gateway that listens, in a thread of its own."""

    port: int
    resolver: int
    authority: Authority
    trust: Path
    link: GatewayLink
    outcome: list[OutboundTraffic | BaseException] = field(default_factory=list)
    thread: threading.Thread | None = None

    def end(self) -> OutboundTraffic:
        """End listening, and return what came."""
        self.link.close()
        return self.result()

    def result(self) -> OutboundTraffic:
        """What came, once the gateway has ended by itself."""
        assert self.thread is not None
        self.thread.join(LIMIT)
        assert self.outcome, "the gateway did not end"
        (outcome,) = self.outcome
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def connect(
        self, address: str = "203.0.113.7", port: int = 443, source: str = CAMERA
    ) -> socket.socket:
        """A connection of the camera that was going to this address."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT)
        connection.sendall(header(Forwarded(source, 40000, address, port)))
        return connection

    def datagram(self, data: bytes, address: str = "203.0.113.7", port: int = 443) -> None:
        """A datagram of the camera that was going to this address."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", self.port))
            front = header(Forwarded(CAMERA, sock.getsockname()[1], address, port, "udp"))
            sock.send(front + data)
            self.settle(sock)

    def settle(self, sock: socket.socket) -> None:
        """Wait until what was sent before has been taken in: a question behind it is answered."""
        sock.settimeout(LIMIT)
        question = dns.Question(1, "behind.example", dns.A)
        front = header(Forwarded(CAMERA, 1, "198.51.100.53", 53, "udp"))
        sock.send(front + dns.query(question))
        sock.recv(4096)

    def look_up(self, name: str) -> str:
        """Ask the suite's DNS."""
        question = dns.Question(7, name, dns.A)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(LIMIT)
            sock.connect(("127.0.0.1", self.resolver))
            sock.send(dns.query(question))
            return dns.parse_answer(sock.recv(4096), question)

    def tls(self, name: str = CLOUD, *, verify: bool = True, names: bool = True) -> str:
        """One TLS connection of a client that sends a request when it is content.

        Returns why it was not, or an empty text. The connection is over when this returns.
        """
        context = ssl.create_default_context(cafile=str(self.trust))
        context.check_hostname = verify and names
        if not verify:
            context.verify_mode = ssl.CERT_NONE
        with self.connect() as connection:
            try:
                with context.wrap_socket(connection, server_hostname=name) as secured:
                    secured.sendall(f"GET /?token=s3cret HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
                    drain(secured)
            except ssl.SSLError as error:
                return error.reason or str(error)
        return ""


def drain(connection: socket.socket) -> bytes:
    """Read until the gateway ends the connection."""
    data = b""
    connection.settimeout(LIMIT)
    try:
        while piece := connection.recv(65_536):
            data += piece
    except ConnectionError:
        pass
    return data


@contextmanager
def gateway_stand(folder: Path, **changes: Any) -> Iterator[Stand]:
    """Run a gateway whose camera trusts an authority of the bench, until the context ends."""
    port, resolver = free_port(), free_port()
    authority = Authority.root("Acme", "Cloud CA")
    authority.save(folder, "ca")
    gateway: dict[str, Any] = {
        "listen": f"127.0.0.1:{port}",
        "destination": "proxy-protocol",
        "dns": f"127.0.0.1:{resolver}",
        "dns_network": "198.18.0.0/24",
        "trusted": [{"certificate": str(folder / "ca.pem"), "key": str(folder / "ca-key.pem")}],
        "seconds": 60,
        "limit": 60,
    }
    outbound = changes.pop("outbound", [])
    gateway |= changes
    device = device_file(gateway=gateway, outbound=outbound)
    stand = Stand(port, resolver, authority, folder / "ca.pem", link_to(device))
    listening = threading.Event()

    def listen() -> None:
        try:
            stand.outcome.append(stand.link.listen(listening.set))
        except BaseException as error:  # noqa: BLE001 - raised again by the test
            stand.outcome.append(error)
            listening.set()

    stand.thread = threading.Thread(target=listen)
    stand.thread.start()
    assert listening.wait(LIMIT)
    try:
        yield stand
    finally:
        stand.link.close()
        stand.thread.join(LIMIT)
