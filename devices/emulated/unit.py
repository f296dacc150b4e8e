"""One unit of the emulated product: what was burnt into it, and what it says about itself.

The two are equal on an honest camera. Under the origin faults the camera reports something else
than what is in its one-time-programmable memory, as a relabelled or cloned camera does.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from devices.emulated.posture import Posture

MANUFACTURER = "Lumivista"
MODEL = "LV-2100"
HARDWARE = "B2"
FOREIGN_BRAND = "Xiongmai"
"""The maker whose goods the camera really is under the fault ``origin-foreign-brand``."""


@dataclass(frozen=True)
class Unit:
    """The facts in one-time-programmable memory, as on the label. ``mac`` is ``AA:BB:...``."""

    manufacturer: str
    model: str
    hardware: str
    serial: str
    mac: str

    @classmethod
    def read(cls, path: Path) -> Unit:
        """Read ``otp/unit.json``."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def write(self, path: Path) -> None:
        """Write ``otp/unit.json``, creating its folder."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def make_unit(number: int = 1) -> Unit:
    """Return unit ``number`` (1 to 255) of the product, as it leaves the line.

    The hardware address is of the block that RFC 9542, section 2.1.4, keeps for documentation.
    """
    if not 1 <= number <= 0xFF:
        raise ValueError(f"units are numbered 1 to 255, not {number}")
    return Unit(
        manufacturer=MANUFACTURER,
        model=MODEL,
        hardware=HARDWARE,
        serial=f"LV{number:08d}",
        mac=f"00:00:5E:00:53:{number:02X}",
    )


@dataclass(frozen=True)
class DeviceInformation:
    """What every service of the camera reports: ONVIF, web interface, console, banners.

    ``brand`` is the maker's name in banners, page titles and login realms.
    """

    manufacturer: str
    model: str
    hardware: str
    serial: str
    mac: str
    firmware_version: str
    brand: str


def reported(unit: Unit, version: str, posture: Posture) -> DeviceInformation:
    """Return what the camera says about itself while firmware ``version`` is installed."""
    return DeviceInformation(
        manufacturer=posture.reported_manufacturer or unit.manufacturer,
        model=posture.reported_model or unit.model,
        hardware=unit.hardware,
        serial=posture.reported_serial or unit.serial,
        mac=_other_mac(unit.mac) if posture.mac_mismatch else unit.mac,
        firmware_version=_false_version(version) if posture.firmware_version_false else version,
        brand=FOREIGN_BRAND if posture.foreign_brand else unit.manufacturer,
    )


def _other_mac(mac: str) -> str:
    """An address with the locally-administered bit set, as firmware makes up when it has none."""
    first, *rest = mac.split(":")
    return ":".join((f"{int(first, 16) | 0x02:02X}", *rest[:-1], f"{int(rest[-1], 16) ^ 0x5A:02X}"))


def _false_version(version: str) -> str:
    head, _, patch = version.rpartition(".")
    return f"{head}.{int(patch) + 7}"
