"""What the bench can do to the camera, and what it brings into view."""

from __future__ import annotations

import shutil
from ipaddress import ip_address, ip_network
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from devices.description.parts import Command, NamedFile, Part, Port, Transport


class Power(Part):
    """Power control: a REST relay (``PUT 0`` and ``PUT 1``), or commands of the bench."""

    url: str | None = Field(None, description="REST relay, as labgrid's NetworkPowerDriver 'rest'")
    off: Command | None = None
    on: Command | None = None
    off_seconds: float = Field(1.0, ge=0, description="how long off, so that it really starts anew")

    @model_validator(mode="after")
    def _one_way(self) -> Power:
        if (self.url is None) == (self.off is None or self.on is None):
            raise ValueError("give either url, or both off and on")
        return self


class Clock(Part):
    """Control of the camera's clock: a REST device (``PUT`` seconds ahead), or a command.

    A time server of the bench that the camera follows serves as well.
    """

    url: str | None = Field(None, description="REST device; PUT 300 is five minutes ahead, 0 right")
    command: Command | None = Field(
        None, description="a command, with {seconds} for the seconds ahead"
    )
    counts: bool = Field(
        default=False,
        description="whether what the camera counts in seconds (idle sessions, locks) follows it; "
        "most cameras count by a timer of their own, and nothing is then concluded from waiting so",
    )
    timers: str | None = Field(
        None,
        description="REST device of an emulated bench; PUT 300 lets five minutes pass at once for "
        "what the camera times, such as locks",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Clock:
        if (self.url is None) == (self.command is None):
            raise ValueError("give either url or command")
        return self


class BenchCommand(Part):
    """A command of the bench, and how long it may take."""

    command: Command
    seconds: float = Field(120, gt=0)

    @property
    def lacking(self) -> str:
        """Why it cannot be run, as far as shows without running it; empty where it can."""
        program = self.command[0]
        if shutil.which(program) is not None:
            return ""
        return f"no program {program} that can be run, beside the device file or on PATH"


def _socket_address(value: str) -> str:
    host, colon, port = value.rpartition(":")
    try:
        ip_address(host.strip("[]"))
        if colon and port.isdigit() and 0 < int(port) < 65536:
            return value
    except ValueError:
        pass
    raise ValueError("an IP address and a port, as 192.0.2.1:7443 or [2001:db8::1]:7443")


SocketAddress = Annotated[str, AfterValidator(_socket_address)]


class TrustedCertificate(Part):
    """A certificate that the camera's TLS clients trust, with its key, for the gateway to show.

    An authority (the maker's for tests, or one installed by the laboratory) lets the suite make
    what it needs; a server certificate is shown as it is, first the certificate, then its issuers.
    """

    certificate: NamedFile = Field(description="PEM")
    key: NamedFile = Field(description="PEM, without passphrase")


class Gateway(Part):
    """Where the bench leads every outgoing connection and datagram of the camera.

    The suite listens there and plays every host itself; nothing is sent on.
    """

    listen: SocketAddress = Field(description="address and port of the suite, TCP and UDP")
    ports: list[Port] = Field(
        default_factory=list,
        description="further ports there, for a bench that leads the camera by names alone",
    )
    destination: Literal["redirect", "proxy-protocol"] = Field(
        "redirect",
        description="how the original destination is learnt: from the packet filter of this "
        "machine (nftables redirect or tproxy), or from a PROXY protocol header in front",
    )
    dns: SocketAddress | None = Field(
        None, description="where the suite answers the camera's questions for names"
    )
    dns_network: str | None = Field(
        None,
        description="network (CIDR) of which each name gets an address of its own, so that its "
        "traffic can be told apart; default: the address of listen for every name",
    )
    trusted: list[TrustedCertificate] = Field(default_factory=list)
    seen: list[Transport] = Field(
        default_factory=list,
        description="transports that the laboratory has seen arrive here from the camera's place, "
        "for a camera that uses only the other one by itself",
    )
    seconds: float = Field(
        120, gt=0, description="shortest time to listen: longer than the camera's own intervals"
    )
    limit: float = Field(
        600, gt=0, le=900, description="longest time, for declared endpoints that were not seen"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Gateway:
        if self.seconds > self.limit:
            raise ValueError("seconds is longer than limit")
        if self.dns_network is not None:
            ip_network(self.dns_network)  # raises ValueError
        return self


class StorageMedium(Part):
    """The removable medium that the camera records on, as the bench can read it.

    It was blank (all zeros or all ones) when the camera got it. Either an image or block device,
    or a command that writes its content to standard output.
    """

    image: NamedFile | None = None
    command: Command | None = None
    seconds: float = Field(120, gt=0, description="longest time to read")

    @model_validator(mode="after")
    def _one_way(self) -> StorageMedium:
        if (self.image is None) == (self.command is None):
            raise ValueError("give either image or command")
        return self


class SceneControl(Part):
    """What the lens looks at: a screen that ``camproof scene`` serves, or a file that one shows."""

    url: str | None = Field(
        None, description="address of a running `camproof scene` page, which the screen shows"
    )
    file: NamedFile | None = Field(
        None,
        description="file that a run writes: a picture when it ends in .png, for a screen that "
        "shows a file; else the code as text, for an emulated lens",
    )
    streams: list[str] = Field(
        default_factory=list,
        description="names of the declared streams whose lens looks at the screen; empty: all",
    )

    @model_validator(mode="after")
    def _one_way(self) -> SceneControl:
        if (self.url is None) == (self.file is None):
            raise ValueError("give either url or file")
        if self.url is not None and urlsplit(self.url).scheme not in ("http", "https"):
            raise ValueError("url is that of a `camproof scene` page: http://host:port/")
        return self


class CaptureMethod(Part):
    """How the bench records what is on the network."""

    method: Literal["auto", "packets", "namespace", "proxy", "sockets"] = Field(
        "sockets",
        description="packets: what the kernel sees on the network (AF_PACKET), for root; "
        "namespace: the same in a user and network namespace, without root, for cameras that are "
        "started inside it; proxy: TCP connections go through a recording proxy, which needs no "
        "privilege (datagrams are recorded at the bench's own sockets); sockets: the bytes of the "
        "bench's own sockets, without privilege too; auto: packets where the bench may take them, "
        "else the proxy",
    )


class Bench(Part):
    """Bench controls, and what the bench itself brings into view."""

    power: Power | None = None
    clock: Clock | None = None
    gateway: Gateway | None = None
    storage: StorageMedium | None = None
    scene: SceneControl | None = None
    capture: CaptureMethod = CaptureMethod()
    provision: BenchCommand | None = Field(
        None, description="takes the camera from factory state to the declared state"
    )
    restore: BenchCommand | None = Field(
        None,
        description="puts the declared firmware and state back (a flash programmer); run "
        "after test cases that changed firmware or reset the camera",
    )
    sources: list[str] = Field(
        default_factory=list,
        description="further IP addresses of the bench's own, from which it may connect as "
        "somebody else (`ip address add 192.0.2.9/24 dev eth0`; on loopback any 127.x.y.z)",
    )
    boot_seconds: float = Field(120, gt=0, description="longest time from power to service")
    longest_wait: float = Field(
        65,
        ge=0,
        le=600,
        description="seconds that a run waits for a time-out that the camera declares, such as "
        "that of an RTSP session; longer ones are not waited for",
    )
    parallel: int = Field(4, ge=1, le=32, description="connections at once that the camera bears")
    host_tcp_ports: list[Port] = Field(
        default_factory=list,
        description="ports on the camera's address that belong to the bench machine itself "
        "(an emulated camera shares the machine); reported, not judged",
    )
    host_udp_ports: list[Port] = Field(default_factory=list)
