"""The device file: one TOML per camera, validated.

It identifies the camera, says who authorised the test, how the bench reaches it, which accounts
the test may use, what the manufacturer declares (ICS and IXIT of ETSI TS 103 701) and where its
papers are. Relative paths are relative to the device file. ``devices.device_file`` reads it.
"""

from __future__ import annotations

from datetime import date
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    model_validator,
)

Role = Literal["admin", "operator", "viewer"]
Transport = Literal["tcp", "udp"]
MediaTransport = Literal[
    "interleaved",
    "srtp-udp",
    "srtp-interleaved",
    "udp",
    "tunnel",
    "srtp-multicast",
    "multicast",
]
WebContainer = Literal["mjpeg", "hls", "dash", "websocket", "clip"]
TLS_PROTOCOLS = ("https", "mqtts", "rtmps", "rtsps", "wss", "smtps", "ftps", "sips", "tls")
Intrusion = Literal["settings", "lockout", "power", "firmware", "factory"]
Port = Annotated[int, Field(ge=1, le=65535)]


def _beside_the_device_file(path: Path, info: ValidationInfo) -> Path:
    base = (info.context or {}).get("base")
    return path if base is None else Path(base, path.expanduser())


NamedFile = Annotated[Path, AfterValidator(_beside_the_device_file)]
"""A path of the device file; relative ones count from the folder that the device file is in."""


class Part(BaseModel):
    """Base of every table of a device file: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Secret(Part):
    """Where a secret is found; never the secret itself. Exactly one of the two."""

    env: str | None = Field(None, description="name of an environment variable")
    file: NamedFile | None = Field(
        None, description="file whose first line (or, for a key, whole content) is the secret"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Secret:
        if (self.env is None) == (self.file is None):
            raise ValueError("give either env or file")
        return self


class Firmware(Part):
    """The firmware that the camera is said to run."""

    version: str
    image: NamedFile | None = Field(None, description="the update bundle of exactly this version")
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$", description="of the image")


class Device(Part):
    """Identification, as on the label (TS 103 701 A.2)."""

    manufacturer: str
    model: str
    hardware: str
    serial: str
    mac: str | None = Field(None, pattern=r"^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$")
    firmware: Firmware
    emulated: bool = Field(default=False, description="true makes every output say DEMONSTRATION")


class Authorisation(Part):
    """Who allowed this test, until when, against which addresses, and which changes."""

    granted_by: str
    reference: str
    expires: date
    addresses: list[str] = Field(min_length=1, description="IP addresses or CIDR networks")
    allow: list[Intrusion] = Field(
        default_factory=list,
        description="changes allowed beyond looking: settings, lockout, power, firmware, factory",
    )


class Account(Part):
    """An account that the test may use. ``key`` is an SSH private key."""

    username: str
    role: Role = "admin"
    password: Secret | None = None
    key: Secret | None = None
    purpose: Literal["test", "lockout"] = Field(
        "test", description="'lockout': may be locked by the brute-force test cases"
    )
    services: list[str] = Field(
        default_factory=list, description="links it is for; empty: http, onvif and rtsp"
    )


class SerialLink(Part):
    """The serial console: any pyserial URL (device path, socket://, rfc2217://)."""

    url: str
    baud: int = 115200


class SshLink(Part):
    """SSH with an account of the test laboratory."""

    host: str
    port: Port = 22
    account: str


class Operation(Part):
    """One call of the camera's own web interface, with ``{placeholders}`` to fill in.

    ``{username}``, ``{password}``, ``{new_password}``; the body is ``json`` or ``form``.
    """

    method: Literal["GET", "POST", "PUT", "DELETE", "PATCH"] = "GET"
    path: str
    json_body: dict[str, Any] | None = Field(None, alias="json")
    form: dict[str, str] | None = None
    success: list[int] = Field(default_factory=lambda: [200, 201, 204])

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class UploadOperation(Operation):
    """The call that takes a bundle: as the whole body, or as a file in a form."""

    file_field: str | None = Field(
        None,
        description="name of the form field that takes the bundle (multipart/form-data; the texts "
        "of form go beside it); default: the bundle is the body",
    )


class HttpToken(Part):
    """Where a login answer carries the session when it is not a cookie."""

    json_field: str
    header: str = "Authorization"
    prefix: str = "Bearer "


class HttpLink(Part):
    """The web interface."""

    url: str
    trust: NamedFile | None = Field(
        None, description="PEM of the authority that signs its certificate"
    )
    authentication: Literal["session", "digest", "basic"] = "digest"
    token: HttpToken | None = None
    operations: dict[str, Operation] = Field(
        default_factory=dict,
        description="login, logout, change_password, create_user, delete_user, users, snapshot, "
        "device_information, factory_reset, setup: those that the camera has",
    )


class OnvifLink(Part):
    """The ONVIF device service; ``url`` is its entry point."""

    url: str
    trust: NamedFile | None = None
    account: str | None = Field(None, description="default: the first admin account")


class RtspLink(Part):
    """RTSP. The streams' own URLs are declared under ``declared.streams``."""

    trust: NamedFile | None = None
    account: str | None = Field(None, description="default: the first viewer account, else admin")


class Links(Part):
    """How the bench reaches the camera; leave out what the bench does not have."""

    serial: SerialLink | None = None
    ssh: SshLink | None = None
    http: HttpLink | None = None
    onvif: OnvifLink | None = None
    rtsp: RtspLink | None = None


class Service(Part):
    """A listening service of the camera (IXIT 13-SoftServ and 15-Intf)."""

    name: str
    transport: Transport = "tcp"
    port: Port
    last_port: Port | None = Field(None, description="end of a range that starts at port")
    protocol: str = Field(description="https, http-redirect, rtsps, rtsp, ssh, ws-discovery, ...")
    purpose: str
    encrypted: bool
    host: str | None = Field(None, description="default: the host of the link that uses it")
    on: bool = Field(default=True, description="false: exists, but is off in the state under test")


class Stream(Part):
    """Video that the camera offers: over RTSP(S), or as media of its web server."""

    name: str
    url: str = Field(
        description="rtsp or rtsps; http(s) for MJPEG, HLS, DASH and clips; ws(s) for WebSocket"
    )
    codec: Literal["h264", "h265", "mjpeg"]
    width: int
    height: int
    frame_rate: float | None = Field(None, gt=0, description="pictures per second, by day")
    transports: list[MediaTransport] = Field(
        ["interleaved"],
        description="interleaved: inside the RTSP(S) connection; srtp-*: RTP/SAVP; udp: RTP/AVP; "
        "tunnel: RTSP over HTTP(S); srtp-multicast and multicast: to a group; for rtsp(s) only",
    )
    tunnel_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="where the tunnel is asked for; default: the stream's own host, port and path, "
        "inside TLS when its url is rtsps",
    )
    metadata: bool | None = Field(
        None,
        description="whether it has an ONVIF metadata track; left out: whatever is found is tested",
    )
    backchannel: Literal["pcmu", "pcma", "g726", "aac", "opus"] | None = Field(
        None, description="codec of its audio back channel (ONVIF Streaming, 5.3), if it has one"
    )
    roles: list[Role] = Field(
        ["admin", "operator", "viewer"], description="accounts of these roles may watch it"
    )
    container: WebContainer | None = Field(
        None,
        description="for http(s) and ws(s): mjpeg (default for the codec mjpeg), hls, dash, "
        "websocket (default for ws and wss), clip: a recording, or a list of recordings",
    )
    subprotocol: str | None = Field(
        None, description="for a WebSocket that asks for one: rtsp.onvif.org, ..."
    )
    first_message: str | None = Field(
        None, description="for a WebSocket: text that its client has to send before media comes"
    )

    @property
    def over_rtsp(self) -> bool:
        """Whether the stream is asked for over RTSP, with TLS or without."""
        return urlsplit(self.url).scheme in ("rtsp", "rtsps")

    @property
    def web_container(self) -> WebContainer | None:
        """What the web server gives the video in; None for RTSP."""
        if self.over_rtsp:
            return None
        usual: WebContainer = "websocket" if self.url.startswith("ws") else "mjpeg"
        return self.container or usual

    @model_validator(mode="after")
    def _measurable(self) -> Stream:
        scheme = urlsplit(self.url).scheme
        if scheme not in ("rtsp", "rtsps", "http", "https", "ws", "wss"):
            raise ValueError(
                f"url begins with {scheme or 'no scheme'}: streams are asked for over rtsp and "
                "rtsps, http and https, ws and wss; declare another way as a service alone"
            )
        if self.over_rtsp:
            if self.container is not None:
                raise ValueError("container is for http(s) and ws(s); leave it out over rtsp(s)")
        elif (self.web_container == "websocket") != scheme.startswith("ws"):
            raise ValueError(f"container {self.web_container!r} cannot be asked for over {scheme}")
        elif self.web_container == "mjpeg" and self.codec != "mjpeg":
            raise ValueError(
                f"over {scheme} the codec {self.codec!r} needs a container: hls, dash or clip; "
                "leave a stream of another kind out and declare its port under declared.services"
            )
        return self


class ApiResource(Part):
    """One resource of the web interface and who may use it (IXIT 28-ExtAPI)."""

    method: Literal["GET", "POST", "PUT", "DELETE", "PATCH"] = "GET"
    path: str
    roles: list[Literal["anonymous", "admin", "operator", "viewer"]] = Field(min_length=1)
    purpose: str = ""


class Update(Part):
    """The update mechanism (IXIT 7-UpdMech) and bundles to try it with."""

    method: Literal["onvif", "http"] = "onvif"
    upload: UploadOperation | None = Field(
        None, description="for http: where a bundle is sent, and in which form"
    )
    format: str = Field(description="swupdate, rauc, fit, mcuboot, cms, ...")
    trust: NamedFile | None = Field(None, description="PEM of the update signing authority")
    bundle: NamedFile | None = Field(
        None, description="a genuine bundle newer than the running version"
    )
    bundle_version: str | None = None
    older: NamedFile | None = Field(
        None, description="a genuine bundle older than the running version"
    )
    other_model: NamedFile | None = Field(None, description="a genuine bundle for another model")
    anti_rollback: bool = True
    restart_seconds: float = Field(120, gt=0, description="longest time until it is back")


class PasswordRule(Part):
    """The password rule that the camera enforces."""

    min_length: int = 8
    user_set: bool = Field(
        default=True, description="false: unique passwords are set in the factory"
    )


class Lockout(Part):
    """Protection against guessing: after ``attempts`` failures, ``seconds`` without service."""

    attempts: int = 5
    seconds: float = 300
    scope: Literal["account", "address"] = "account"


class Outbound(Part):
    """An endpoint that the camera contacts by itself."""

    host: str
    port: Port
    transport: Transport = "tcp"
    purpose: str
    country: str | None = None
    protocol: str | None = Field(None, description="https, mqtts, rtmps, srt, ntp, dns, ...")
    encrypted: bool | None = Field(
        None, description="whether what is sent there is; ntp and dns are not"
    )

    @property
    def over_tls(self) -> bool:
        """Whether a TLS client is declared: by the name of the protocol, or TCP with encryption."""
        named = (self.protocol or "").lower() in TLS_PROTOCOLS
        return self.transport == "tcp" and (named or (not self.protocol and bool(self.encrypted)))


class Storage(Part):
    """Where recordings are kept."""

    kind: Literal["none", "sd-card", "internal", "nas", "cloud"]
    retention_days: int | None = None
    encrypted: bool = False


class NotApplicable(Part):
    """A test case that the manufacturer declares not applicable, with the reason."""

    case: str
    reason: str = Field(min_length=10)


class Declared(Part):
    """What the manufacturer declares: ICS and IXIT."""

    services: list[Service] = Field(default_factory=list)
    streams: list[Stream] = Field(default_factory=list)
    api: list[ApiResource] = Field(default_factory=list)
    update: Update | None = None
    passwords: PasswordRule = PasswordRule()
    lockout: Lockout | None = None
    storage: list[Storage] = Field(default_factory=list)
    outbound: list[Outbound] = Field(default_factory=list)
    sensors: list[str] = Field(default_factory=list)
    os_accounts: list[str] = Field(
        default_factory=list, description="accounts of the operating system that can log in"
    )
    device_certificate_trust: NamedFile | None = Field(
        None, description="PEM of the manufacturer's authority for device identity certificates"
    )
    components_country: str | None = None
    not_applicable: list[NotApplicable] = Field(default_factory=list)


class Documents(Part):
    """Paths of the papers that come with the camera."""

    certificate_of_origin: NamedFile | None = None
    origin_trust: NamedFile | None = Field(None, description="PEM of the authority that signs it")
    quality_certificate: NamedFile | None = None
    sbom: NamedFile | None = None
    vulnerability_policy: NamedFile | None = None
    support_period: NamedFile | None = None
    manual: NamedFile | None = None
    privacy_notice: NamedFile | None = None
    other: dict[str, NamedFile] = Field(default_factory=dict)


class Power(Part):
    """Power control: a REST relay (``PUT 0`` and ``PUT 1``), or commands of the bench."""

    url: str | None = Field(None, description="REST relay, as labgrid's NetworkPowerDriver 'rest'")
    off: list[str] | None = None
    on: list[str] | None = None
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
    command: list[str] | None = Field(
        None, min_length=1, description="a command, with {seconds} for the seconds ahead"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Clock:
        if (self.url is None) == (self.command is None):
            raise ValueError("give either url or command")
        return self


class BenchCommand(Part):
    """A command of the bench, and how long it may take."""

    command: list[str] = Field(min_length=1)
    seconds: float = Field(120, gt=0)


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
    command: list[str] | None = Field(None, min_length=1)
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

    method: Literal["sockets", "packets"] = Field(
        "sockets",
        description="sockets: the bytes of the bench's own sockets, which needs no privilege; "
        "packets: what the kernel sees on the network (AF_PACKET), for root or inside a user "
        "namespace",
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
    boot_seconds: float = Field(120, gt=0, description="longest time from power to service")
    parallel: int = Field(4, ge=1, le=32, description="connections at once that the camera bears")
    host_tcp_ports: list[Port] = Field(
        default_factory=list,
        description="ports on the camera's address that belong to the bench machine itself "
        "(an emulated camera shares the machine); reported, not judged",
    )
    host_udp_ports: list[Port] = Field(default_factory=list)


class DeviceFile(Part):
    """A whole device file."""

    schema_version: Literal[1] = 1
    device: Device
    authorisation: Authorisation
    links: Links = Links()
    accounts: dict[str, Account] = Field(default_factory=dict)
    declared: Declared = Declared()
    documents: Documents = Documents()
    bench: Bench = Bench()

    @model_validator(mode="after")
    def _accounts_exist(self) -> DeviceFile:
        for name in ("ssh", "onvif", "rtsp"):
            link = getattr(self.links, name)
            if link is not None and link.account is not None and link.account not in self.accounts:
                raise ValueError(
                    f"links.{name}.account names {link.account!r}, "
                    f"which is not among [accounts]: {', '.join(self.accounts) or 'none'}"
                )
        return self

    @property
    def host(self) -> str:
        """The host that the links lead to; else the first authorised address."""
        urls = [link.url for link in (self.links.http, self.links.onvif) if link is not None]
        urls += [stream.url for stream in self.declared.streams]
        for url in urls:
            if host := urlsplit(url).hostname:
                return host
        if self.links.ssh is not None:
            return self.links.ssh.host
        return self.authorisation.addresses[0].partition("/")[0]
