"""A whole device file."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from devices.description.bench import Bench
from devices.description.declared import Declared
from devices.description.links import Links
from devices.description.parts import NamedFile, Part
from devices.description.unit import Account, Authorisation, Device, Factory


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


class DeviceFile(Part):
    """A whole device file."""

    schema_version: Literal[1] = 1
    device: Device
    authorisation: Authorisation
    links: Links = Links()
    accounts: dict[str, Account] = Field(default_factory=dict)
    factory: Factory = Factory()
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
