"""A laboratory without a camera: a device file and test cases of its own, for tests of the runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from devices.description import DeviceFile

DEVICE = """\
schema_version = 1
[device]
manufacturer = "Acme"
model = "C1"
hardware = "A"
serial = "0001"
firmware = {{ version = "1.0" }}
[authorisation]
granted_by = "the test"
reference = "tests"
expires = 2099-12-31
addresses = ["{address}"]
{more}
"""

CASE = '''
@case("LAB-{number:03}", severity="low", needs=("http",))
def test_{number}(evidence):
    """Case {number}.

    Method: looks.
    Pass: it is there.
    """
    {body}
'''


def device_file(folder: Path, *, address: str = "127.0.0.1", more: str = "") -> Path:
    path = folder / "camera.toml"
    path.write_text(DEVICE.format(address=address, more=more))
    return path


def test_cases(folder: Path, *bodies: str) -> Path:
    """A folder with test cases LAB-001, LAB-002, ... whose bodies are one line each."""
    own = folder / "own"
    own.mkdir()
    text = "import os, threading\nfrom conformance.case import case\n"
    for number, body in enumerate(bodies, start=1):
        text += CASE.format(number=number, body=body)
    (own / "test_lab.py").write_text(text)
    return own


def device(**tables: Any) -> DeviceFile:
    """A valid device description with these tables besides."""
    return DeviceFile.model_validate(
        {
            "device": {
                "manufacturer": "Acme",
                "model": "C1",
                "hardware": "A",
                "serial": "0001",
                "firmware": {"version": "1.0"},
            },
            "authorisation": {
                "granted_by": "the test",
                "reference": "tests",
                "expires": "2099-12-31",
                "addresses": ["127.0.0.1"],
            },
            **tables,
        }
    )


class Notes:
    """Stands in for the ``evidence`` fixture: keeps what a test case records, by name."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def record(self, name: str, data: Any, media_type: str = "") -> None:
        del media_type
        self.kept[name] = data
