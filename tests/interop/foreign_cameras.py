"""Cameras that nobody here wrote: started as ``foreign_cameras.toml`` says, put before camproof.

Each is a process of its own on a loopback address of its own. ``assess`` does what a user does:
a device file, ``camproof run``, its exit code and its assessment.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from camera_servers import (
    PIPELINES,
    SIZE,
    STRONG_SUITES,
    STRONG_TLS,
    gst_server,
    lighttpd_server,
    nginx_server,
    websockify,
)

from conformance import assessment
from conformance.assessment import Assessment, Result
from devices.emulated.addresses import PORTS, reserved_address
from devices.emulated.maker.manufacturer import Manufacturer
from devices.emulated.posture import Posture
from devices.emulated.unit import make_unit

TABLE = Path(__file__).with_name("foreign_cameras.toml")
PASSWORDS = {"viewer": "Copper-Lantern-9", "guard": "Silver-Orchard-3"}
SELECTION = "STREAM-* or BACKDOOR-013 or CRED-005"
LIMIT = 900  # s for one assessment on a busy machine; alone 8 s, lighttpd with its delays 150 s


@dataclass(frozen=True)
class Expected:
    """The verdict that a camera deserves, why, and words that the suite's reason must have.

    ``busy``: words of the INCONCLUSIVE of a bench too busy to measure, which is right as well.
    """

    verdict: str
    why: str
    says: str = ""
    busy: str = ""

    def agrees(self, result: Result) -> bool:
        """Whether a result is the one deserved."""
        if self.busy and result.verdict == "INCONCLUSIVE" and self.busy in result.reason:
            return True
        return result.verdict == self.verdict and self.says in result.reason


def disagreements(expected: Mapping[str, Expected], results: Mapping[str, Result]) -> list[str]:
    """For each result that is not the one deserved, what was expected and what was found."""
    return [
        f"{case}: expected {one.verdict} ({one.why}); "
        f"found {results[case].verdict}: {results[case].reason}"
        for case, one in expected.items()
        if case in results and not one.agrees(results[case])
    ]


@dataclass(frozen=True)
class ForeignCamera:
    """One row of the table."""

    name: str
    what: str
    server: str
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
    path: str = "/stream"
    web: dict[str, Any] = field(default_factory=dict)
    websocket: str = ""
    websocket_declared: bool = True
    select: str = SELECTION
    allow: tuple[str, ...] = ("lockout",)
    administrator: bool = False
    declared: dict[str, Any] = field(default_factory=dict)
    slow: bool = False  # for `tox -e slow`: minutes of delays, or like another row
    seconds: int = 0  # about; those that take longest begin first

    @property
    def encrypted(self) -> bool:
        """Whether its declared port speaks TLS."""
        return self.scheme in {"rtsps", "https"}

    @property
    def port(self) -> int:
        """The TCP port that it declares."""
        return PORTS[self.scheme]

    @property
    def passwords(self) -> dict[str, str]:
        """Those of its accounts, by name."""
        return PASSWORDS | ({"owner": "Quiet-Harbour-7"} if self.administrator else {})


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
    row |= {key: tuple(row[key]) for key in ("transports", "options")}
    return ForeignCamera(**row, expected=expected)


@contextmanager
def running(camera: ForeignCamera, folder: Path, maker: Manufacturer) -> Iterator[Path]:
    """Run a camera of the table; yields its device file."""
    folder.mkdir(parents=True)
    with reserved_address() as address:
        pem = _certificate(camera, folder, maker, address) if camera.encrypted else None
        with _server(camera, folder, address, pem), _websocket(camera, folder, address, pem):
            yield _device_file(camera, folder, maker, address)


def _server(
    camera: ForeignCamera, folder: Path, address: str, pem: Path | None
) -> AbstractContextManager[None]:
    if camera.server == "nginx":
        accounts = camera.passwords if "login" in camera.options else {}
        more = {"mjpeg": "application/octet-stream"} if "misnamed" in camera.options else {}
        return nginx_server(folder, address, camera.port, pem=pem, accounts=accounts, **more)
    if camera.server == "lighttpd":
        method, _, algorithms = camera.options[0].partition("=")
        return lighttpd_server(
            folder,
            address,
            camera.port,
            pem=pem,
            accounts=camera.passwords,
            method=method,
            algorithms=algorithms,
        )
    options = ["--port", str(camera.port), *camera.options]
    options += ["--launch", PIPELINES[camera.pipeline or camera.codec]]
    options += ["--open-launch", PIPELINES["small"]]
    for name, password in camera.passwords.items():
        options += ["--account", f"{name}:{password}"]
    options += ["--certificate", str(pem)] if pem else []
    priority = {} if camera.library_defaults else {"G_TLS_GNUTLS_PRIORITY": STRONG_TLS}
    return gst_server(folder, address, options, **priority)


def _websocket(
    camera: ForeignCamera, folder: Path, address: str, pem: Path | None
) -> AbstractContextManager[None]:
    """The same RTSP in a WebSocket besides, on the port of HTTPS; ``both``: in clear as well."""
    if not camera.websocket:
        return nullcontext()
    options = ["--cert", str(pem), "--ssl-version", "tlsv1_2", "--ssl-ciphers", STRONG_SUITES]
    options += ["--ssl-target"] + ([] if camera.websocket == "both" else ["--ssl-only"])
    target = f"{address}:{camera.port}"
    return websockify(folder, f"{address}:{PORTS['https']}", target, options)


def _certificate(camera: ForeignCamera, folder: Path, maker: Manufacturer, address: str) -> Path:
    key, chain = maker.issue_device(
        make_unit(), address, Posture(certificate_flaw=camera.certificate)
    )
    path = folder / "server.pem"
    path.write_bytes(key + chain)
    return path


def _device_file(camera: ForeignCamera, folder: Path, maker: Manufacturer, address: str) -> Path:
    accounts = {}
    for name, password in camera.passwords.items():
        (folder / f"{name}.txt").write_text(password + "\n")
        purpose = "lockout" if name == "guard" else "test"
        accounts[name] = {
            "username": name,
            "role": "admin" if name == "owner" else "viewer",
            "purpose": purpose,
            "password": {"file": f"{name}.txt"},
        }
    trust = {"trust": str(maker.device_trust)} if camera.authority_declared else {}
    stream = {
        "name": "main",
        "url": f"{camera.scheme}://{address}:{camera.port}{camera.path}",
        "codec": camera.codec,
        "width": SIZE[0],
        "height": SIZE[1],
        **({"transports": list(camera.transports)} if camera.transports else {}),
        **_declared_websocket(camera, address),
    }
    links: dict[str, Any] = {"rtsp": {"account": "viewer", **trust}}
    if camera.web:
        url = f"{camera.scheme}://{address}:{camera.port}"
        links = {"http": {"url": url, **trust, **camera.web}}
    content = {
        "schema_version": 1,
        "device": {
            "manufacturer": camera.server,
            "model": camera.name,
            "hardware": "none",
            "serial": camera.name,
            "firmware": {"version": "1.22"},
        },
        "authorisation": {
            "granted_by": "the tests",
            "reference": "tests/interop",
            "expires": date.today() + timedelta(days=2),
            "addresses": [address],
            "allow": list(camera.allow),
        },
        "links": links,
        "accounts": accounts,
        "declared": {"streams": [stream], **camera.declared},
    }
    path = folder / "camera.toml"
    path.write_text(tomli_w.dumps(content))
    return path


def _declared_websocket(camera: ForeignCamera, address: str) -> dict[str, Any]:
    if not camera.websocket or not camera.websocket_declared:
        return {}
    url = f"wss://{address}:{PORTS['https']}/rtsp"
    return {"transports": [*camera.transports, "websocket"], "websocket_url": url}


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
