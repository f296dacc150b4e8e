"""Cameras that nobody here wrote: started as ``foreign_cameras.toml`` says, put before camproof.

Each is a process of its own on a loopback address of its own. ``assess`` does what a user does:
a device file, ``camproof run``, its exit code and its assessment.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from conformance import assessment
from conformance.assessment import Assessment
from devices.emulated.addresses import PORTS, reserved_address
from devices.emulated.maker.manufacturer import Manufacturer
from devices.emulated.posture import Posture
from devices.emulated.unit import make_unit

SYSTEM_PYTHON = "/usr/bin/python3"
TABLE = Path(__file__).with_name("foreign_cameras.toml")
PASSWORDS = {"viewer": "Copper-Lantern-9", "guard": "Silver-Orchard-3"}
SIZE = (320, 240)
SELECTION = "STREAM-* or BACKDOOR-013 or CRED-005"
LIMIT = 100  # s for one assessment on a busy machine; alone it takes some 6 s

STRONG_TLS = (
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA"
    ":-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM"
)

_SOURCE = (
    "videotestsrc is-live=true pattern=ball"
    f" ! video/x-raw,width={SIZE[0]},height={SIZE[1]},framerate=15/1"
)
_TAIL = "name=pay0 pt=96 config-interval=-1"
PIPELINES = {
    "h264": f"( {_SOURCE} ! x264enc speed-preset=ultrafast tune=zerolatency key-int-max=15"
    f" ! rtph264pay {_TAIL} )",
    "h265": f"( {_SOURCE} ! x265enc speed-preset=ultrafast tune=zerolatency key-int-max=15"
    f" ! rtph265pay {_TAIL} )",
    # Debian has timeoverlay in a package that is not installed: the server starts all the same.
    "missing element": f"( {_SOURCE} ! timeoverlay ! x264enc ! rtph264pay {_TAIL} )",
}


@dataclass(frozen=True)
class Expected:
    """The verdict that a camera deserves, why, and words that the suite's reason must have."""

    verdict: str
    why: str
    says: str = ""


@dataclass(frozen=True)
class ForeignCamera:
    """One row of the table."""

    name: str
    what: str
    scheme: str
    codec: str
    transports: tuple[str, ...]
    options: tuple[str, ...]
    exit: int
    expected: dict[str, Expected]
    pipeline: str = ""
    library_defaults: bool = False
    certificate: str = ""
    authority_declared: bool = True

    @property
    def encrypted(self) -> bool:
        """Whether its declared port speaks TLS."""
        return self.scheme == "rtsps"

    @property
    def port(self) -> int:
        """The TCP port that it declares."""
        return PORTS[self.scheme]


def cameras() -> list[ForeignCamera]:
    """The table: every camera with the verdicts that it deserves."""
    content = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return [_camera(dict(row), content["group"]) for row in content["camera"]]


def _camera(row: dict[str, Any], groups: dict[str, dict[str, Any]]) -> ForeignCamera:
    rows = dict(groups["all"])
    for group in row.pop("groups"):
        rows |= groups[group]
    rows |= row.pop("expected", {})
    expected = {case: Expected(**values) for case, values in rows.items()}
    lists = {key: tuple(row.pop(key)) for key in ("transports", "options")}
    return ForeignCamera(**row, **lists, expected=expected)


@contextmanager
def gst_server(folder: Path, address: str, options: Sequence[str], **more: str) -> Iterator[None]:
    """Run gst_camera.py with these options until the context ends; ``more`` is environment."""
    script = Path(__file__).with_name("gst_camera.py")
    command = [SYSTEM_PYTHON, str(script), "--address", address, *options]
    # GStreamer's plugin registry must not be looked for in the user's home.
    environment = {**os.environ, "GST_REGISTRY": str(folder / "registry.bin"), **more}
    with (
        (folder / "server.log").open("w+", encoding="utf-8") as log,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        ) as server,
    ):
        try:
            assert server.stdout is not None
            if server.stdout.readline() != "ready\n":
                server.kill()
                server.wait()
                log.seek(0)
                pytest.fail(f"gst-rtsp-server does not run; is it installed? {log.read()}")
            yield
        finally:
            server.kill()


@contextmanager
def running(camera: ForeignCamera, folder: Path, maker: Manufacturer) -> Iterator[Path]:
    """Run a camera of the table; yields its device file."""
    folder.mkdir(parents=True)
    with reserved_address() as address:
        options = ["--port", str(camera.port), *camera.options]
        options += ["--launch", PIPELINES[camera.pipeline or camera.codec]]
        for name, password in PASSWORDS.items():
            options += ["--account", f"{name}:{password}"]
        if camera.encrypted:
            options += ["--certificate", str(_certificate(camera, folder, maker, address))]
        priority = {} if camera.library_defaults else {"G_TLS_GNUTLS_PRIORITY": STRONG_TLS}
        with gst_server(folder, address, options, **priority):
            yield _device_file(camera, folder, maker, address)


def _certificate(camera: ForeignCamera, folder: Path, maker: Manufacturer, address: str) -> Path:
    key, chain = maker.issue_device(
        make_unit(), address, Posture(certificate_flaw=camera.certificate)
    )
    path = folder / "server.pem"
    path.write_bytes(key + chain)
    return path


def _device_file(camera: ForeignCamera, folder: Path, maker: Manufacturer, address: str) -> Path:
    accounts = {}
    for name, password in PASSWORDS.items():
        (folder / f"{name}.txt").write_text(password + "\n")
        purpose = "lockout" if name == "guard" else "test"
        accounts[name] = {
            "username": name,
            "role": "viewer",
            "purpose": purpose,
            "services": ["rtsp"],
            "password": {"file": f"{name}.txt"},
        }
    trust = {"trust": str(maker.device_trust)} if camera.authority_declared else {}
    stream = {
        "name": "main",
        "url": f"{camera.scheme}://{address}:{camera.port}/stream",
        "codec": camera.codec,
        "width": SIZE[0],
        "height": SIZE[1],
        "transports": list(camera.transports),
    }
    content = {
        "schema_version": 1,
        "device": {
            "manufacturer": "GStreamer",
            "model": f"gst-rtsp-server, {camera.name}",
            "hardware": "none",
            "serial": camera.name,
            "firmware": {"version": "1.22"},
        },
        "authorisation": {
            "granted_by": "the tests",
            "reference": "tests/interop",
            "expires": date.today() + timedelta(days=2),
            "addresses": [address],
            "allow": ["lockout"],
        },
        "links": {"rtsp": {"account": "viewer", **trust}},
        "accounts": accounts,
        "declared": {"streams": [stream]},
    }
    path = folder / "camera.toml"
    path.write_text(tomli_w.dumps(content))
    return path


@dataclass(frozen=True)
class Assessed:
    """What `camproof run` made of a camera."""

    exit: int
    record: Assessment
    said: str


def assess(device_file: Path, select: str = SELECTION) -> Assessed:
    """Run camproof on a device file, as a user would; the run is in ``run`` beside the file."""
    output = device_file.parent / "run"
    command = [sys.executable, "-m", "camproof", "run", str(device_file), "--select", select]
    command += ["--output", str(output), "--no-allure"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    said = done.stdout + done.stderr
    if not (output / "assessment.json").exists():
        pytest.fail(f"camproof run left no assessment: {said}")
    return Assessed(done.returncode, assessment.read(output), said)
