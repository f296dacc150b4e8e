"""The wireless network that the camera joins: its name, and the key made from its passphrase."""

from __future__ import annotations

import hashlib
from pathlib import Path

from devices.emulated.flash import read_json, write_json

FILE = "wifi.json"
"""Below FLASH/data."""
_ROUNDS = 4096  # IEEE 802.11, J.4.1


class WifiError(ValueError):
    """A network that the camera refuses; the message is for its user."""


def join(data: Path, name: str, passphrase: str) -> None:
    """Keep a network; the passphrase itself is not kept. Raises WifiError."""
    if not 1 <= len(name.encode()) <= 32 or not name.isprintable():
        raise WifiError("ssid: 1 to 32 bytes, printable")
    if not 8 <= len(passphrase) <= 63 or not passphrase.isascii():
        raise WifiError("passphrase: 8 to 63 ASCII characters")
    key = hashlib.pbkdf2_hmac("sha1", passphrase.encode(), name.encode(), _ROUNDS, 32)
    write_json(data / FILE, {"ssid": name, "psk": key.hex()})


def network(data: Path) -> str:
    """The name of the network; empty for none."""
    return str(read_json(data / FILE, {}).get("ssid", ""))
