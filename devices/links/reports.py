"""What a camera says of itself over several links, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devices.errors import NotOffered
from devices.identity.reported import ReportedInformation, normal_mac
from devices.links.ssh.link import SshLink
from devices.observation import Observation

_NO_ADDRESS = "000000000000"


@dataclass(frozen=True, kw_only=True)
class DeviceReports(Observation):
    """The words of each source that answered; one that did not is in ``shortfall``."""

    reports: tuple[ReportedInformation, ...]


@dataclass(frozen=True, kw_only=True)
class HardwareAddresses(Observation):
    """Source -> hardware addresses it tells, as twelve upper-case hexadecimal digits."""

    by_source: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Banner:
    """A text that the camera shows without login: a greeting, a header, a page title."""

    source: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Banners(Observation):
    """The texts that a camera shows to anyone."""

    banners: tuple[Banner, ...]


def kernel_addresses(ssh: SshLink) -> tuple[str, ...]:
    """Hardware addresses of the camera's interfaces, the loopback's left out.

    Raises NotOffered when the camera's kernel shows none there.
    """
    result = ssh.run("cat /sys/class/net/*/address").result
    found = [normal_mac(line) for line in result.text.splitlines()]
    addresses = tuple(dict.fromkeys(a for a in found if a and a != _NO_ADDRESS))
    if not addresses:
        raise NotOffered("/sys/class/net on the camera shows no hardware address")
    return addresses


def neighbour_address(host: str, table: Path = Path("/proc/net/arp")) -> str:
    """The hardware address under which this machine reaches ``host`` on its own link.

    Empty when it is not on a link of this machine, or where there is no such table (Linux only).
    """
    try:
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:
        return ""
    for row in rows:
        # address, type, flags (0x2: complete), hardware address, mask, device
        if len(row) >= 6 and row[0] == host and int(row[2], 16) & 0x2:
            address = normal_mac(row[3])
            return "" if address == _NO_ADDRESS else address
    return ""
