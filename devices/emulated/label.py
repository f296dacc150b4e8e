"""The label on the camera's back: the password that the first set-up asks for.

It was made on the production line and burnt in; the compliant one is random.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from pathlib import Path

from devices.emulated.flash import read_json, write_json
from devices.emulated.unit import Unit

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that looks like another on a label
_LENGTH = 12
SHARED = "LVCAM2026SET"
"""What every unit has under a posture; the manual tells it then."""


def make_label(otp: Path, unit: Unit, how: str) -> str:
    """Burn the label's password into ``otp/label.json``; returns it.

    ``how``: random, or the weak ways of postures: mac, serial, shared.
    """
    password = {
        "random": lambda: "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH)),
        "mac": lambda: f"lv-{unit.mac.replace(':', '').lower()[::-1][:8]}",
        "serial": lambda: hashlib.md5(unit.serial.encode()).hexdigest()[:10],
        "shared": lambda: SHARED,
    }[how]()
    write_json(otp / "label.json", {"password": password})
    return password


def label_password(otp: Path) -> str:
    """The label's password; empty for a unit that was made without one."""
    return str(read_json(otp / "label.json", {}).get("password", ""))


def maker_code(now: datetime) -> str:
    """The password of the day that the maker's support gives out, under a posture."""
    return str(8888 * now.day * now.month * now.year)[-6:]
