"""What the manufacturer declares: ICS and IXIT of ETSI TS 103 701."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from devices.description.links import UploadOperation
from devices.description.parts import NamedFile, Part, Port, Transport
from devices.description.streams import Stream

TLS_PROTOCOLS = ("https", "mqtts", "rtmps", "rtsps", "wss", "smtps", "ftps", "sips", "tls")
DATAGRAM_TLS_PROTOCOLS = ("dtls", "quic", "http3")


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
    login: bool | None = Field(
        None,
        description="whether it takes a password; false: none. Asked of services whose protocol "
        "the suite does not log in to",
    )
    on: bool = Field(default=True, description="false: exists, but is off in the state under test")


class ApiResource(Part):
    """One resource of the web interface and who may use it (IXIT 28-ExtAPI)."""

    method: Literal["GET", "POST", "PUT", "DELETE", "PATCH"] = "GET"
    path: str
    roles: list[Literal["anonymous", "admin", "operator", "viewer"]] = Field(min_length=1)
    reads: bool = Field(
        default=False,
        description="true: asking for it by GET changes nothing, though its address sounds so "
        "(reset, set_..., add); without this such a resource is not asked for",
    )
    body: Literal["json"] | None = Field(
        None,
        description="json: it refuses a body that is no JSON. Without this no broken body is sent "
        "to programs (.cgi, .php, /goform/) that might take a missing field for an empty one",
    )
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
    max_length: int | None = Field(
        None,
        ge=8,
        description="longest password that it takes, where that is less than 16 characters: "
        "passwords of users made for a test are no longer",
    )
    user_set: bool = Field(
        default=True, description="false: unique passwords are set in the factory"
    )
    policies: list[str] = Field(
        default_factory=list,
        description="further policies of conformance/policies/passwords-*.toml that the maker "
        "claims, by the part of the name after passwords-",
    )


class Lockout(Part):
    """Protection against guessing: after ``attempts`` failures, ``seconds`` without service."""

    attempts: int = 5
    seconds: float = 300
    scope: Literal["account", "address", "both", "pair"] = Field(
        "account",
        description="whom a lock shuts out: the account from everywhere; the address, whoever logs "
        "in; both of these; or the account from that address alone (pair)",
    )


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

    @property
    def over_datagram_tls(self) -> bool:
        """Whether a client of DTLS or QUIC is declared."""
        return (self.protocol or "").lower() in DATAGRAM_TLS_PROTOCOLS


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
    exports_configuration: bool | None = Field(
        None, description="false: the configuration cannot be exported"
    )
    session_idle_seconds: float | None = Field(
        None, gt=0, description="after how long without a request a web session ends"
    )
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
