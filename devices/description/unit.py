"""Which unit is tested, who allowed it, and which accounts the test may use."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from devices.description.parts import Intrusion, NamedFile, Part, Role, Secret


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


class Factory(Part):
    """How the unit left the factory: what its label, or its papers, give for the first use."""

    username: str = Field(
        "", description="the account that the initial password is of; empty: of the set-up alone"
    )
    password: Secret | None = Field(
        None, description="the initial password (label, Wi-Fi or set-up code) of this unit"
    )
    tls_key: Literal["maker", "own"] | None = Field(
        None,
        description="the key of the TLS servers: 'maker', the unit's identity, which a factory "
        "reset may leave; 'own', made by the camera or installed by its owner",
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
        default_factory=list,
        description="links it is for, serial for the console; empty: http, onvif and rtsp",
    )
