"""``doctor``: is the bench ready? Every link reached, every declared paper readable."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

from pydantic import BaseModel
from rich.console import Console
from rich.text import Text

from camproof.absences import absences
from camproof.bench_findings import bench_findings
from camproof.errors import Exit
from camproof.finding import ABSENT, FAULT, NOT_GIVEN, READY, Finding, not_given
from conformance.verdict import Inconclusive
from devices import device_file
from devices.description import DeviceFile, Secret
from devices.errors import DeviceError, DeviceFileError, Unreachable
from devices.links.http.link import HttpLink
from devices.links.onvif.link import OnvifLink
from devices.links.rtsp.link import RtspLink
from devices.links.serial.link import SerialLink
from devices.links.ssh.link import SshLink
from devices.permit import Permit
from devices.secrets import Secrets

_STYLE = {
    READY: ("✓", "green"),
    ABSENT: ("-", "dim"),
    NOT_GIVEN: ("-", "yellow"),
    FAULT: ("✗", "bold red"),
}


def examine(console: Console, path: Path) -> Exit:
    """Print the findings; exit code 0 when nothing is at fault, 3 else."""
    device = device_file.load(path)
    faults = not_given = 0
    for finding in findings(device):
        mark, style = _STYLE[finding.state]
        console.print(
            Text.assemble((f"{mark} ", style), f"{finding.what:31} ", finding.detail),
            soft_wrap=True,
        )
        faults += finding.state == FAULT
        not_given += finding.state == NOT_GIVEN
    if faults:
        console.print(f"{faults} of these stand in the way of a complete assessment", style="bold")
        return Exit.INCOMPLETE
    if not_given:
        are = "1 thing is" if not_given == 1 else f"{not_given} things are"
        console.print(f"the bench is ready, but {are} not given", style="bold yellow")
    else:
        console.print("the bench is ready", style="bold green")
    return Exit.APPROVED


def findings(device: DeviceFile) -> Iterator[Finding]:
    """Look at everything, one after the other."""
    secrets = Secrets(device)
    granted = device.authorisation
    permit = Permit(granted.addresses, granted.allow, granted.expires)
    yield _authorisation(device)
    yield from _secrets(device, secrets)
    missed = {absence.key: str(absence) for absence in absences(device)}
    yield from _links(device, permit, secrets, missed)
    yield from bench_findings(device, permit, secrets, missed)
    yield from _files(device)
    yield _image(device, missed)
    yield from (Finding(key, NOT_GIVEN, text) for key, text in missed.items())


def _authorisation(device: DeviceFile) -> Finding:
    granted = device.authorisation
    state = READY if date.today() <= granted.expires else FAULT
    allowed = ", ".join(granted.allow) or "looking only"
    return Finding("authorisation", state, f"until {granted.expires}; allowed: {allowed}")


def _secrets(device: DeviceFile, secrets: Secrets) -> Iterator[Finding]:
    for name, account in device.accounts.items():
        for kind, fetch in (("password", secrets.password), ("key", secrets.key)):
            secret: Secret | None = getattr(account, kind)
            if secret is None:
                continue
            try:
                fetch(name)
            except DeviceFileError as error:
                yield Finding(f"account {name}", FAULT, str(error))
            else:
                source = f"environment {secret.env}" if secret.env else f"file {secret.file}"
                yield Finding(f"account {name}", READY, f"{kind} from {source}")


def _links(
    device: DeviceFile, permit: Permit, secrets: Secrets, missed: dict[str, str]
) -> Iterator[Finding]:
    probes: dict[str, Callable[[], str]] = {
        "serial": lambda: _serial(SerialLink(device, permit, secrets)),
        "ssh": lambda: _ssh(SshLink(device, permit, secrets)),
        "http": lambda: _http(HttpLink(device, permit, secrets)),
        "onvif": lambda: _onvif(OnvifLink(device, permit, secrets)),
        "rtsp": lambda: _rtsp(RtspLink(device, permit, secrets)),
    }
    for name, probe in probes.items():
        if getattr(device.links, name) is None:
            yield not_given(f"link {name}", f"links.{name}", missed)
            continue
        try:
            yield Finding(f"link {name}", READY, probe())
        except (DeviceError, Inconclusive, OSError) as error:
            yield Finding(f"link {name}", FAULT, str(error))


def _serial(link: SerialLink) -> str:
    try:
        link.mark()
    finally:
        link.close()
    return "the port opens"


def _ssh(link: SshLink) -> str:
    try:
        said = link.run("id")
    finally:
        link.close()
    return f"logged in: {said.result.text.strip()[:80]}"


def _http(link: HttpLink) -> str:
    try:
        answer = link.anonymous().request("GET", "/")
    finally:
        link.close()
    return f"answers with status {answer.status}"


def _onvif(link: OnvifLink) -> str:
    found = link.device_information()
    return f"reports {found.manufacturer} {found.model} {found.firmware_version}"


def _rtsp(link: RtspLink) -> str:
    declared = [e for e in link.endpoints(()).endpoints if e.declared]
    silent = [f"{e.host}:{e.port} ({e.problem})" for e in declared if not e.speaks_rtsp]
    if silent:
        raise Unreachable(f"no RTSP answer from {', '.join(silent)}")
    return f"RTSP answers from {', '.join(f'{e.host}:{e.port}' for e in declared)}"


def _files(device: DeviceFile) -> Iterator[Finding]:
    for label, path in sorted(_paths(device.documents, "documents")):
        yield _file(label, path)
    if device.declared.update is not None:
        for label, path in sorted(_paths(device.declared.update, "declared.update")):
            yield _file(label, path)


def _paths(part: BaseModel, where: str) -> Iterator[tuple[str, Path]]:
    for name in type(part).model_fields:
        value = getattr(part, name)
        if isinstance(value, Path):
            yield f"{where}.{name}", value
        elif isinstance(value, dict):
            yield from ((f"{where}.{name}.{key}", path) for key, path in value.items())


def _file(label: str, path: Path) -> Finding:
    try:
        with path.open("rb") as stream:
            stream.read(1)
    except OSError as error:
        return Finding(label, FAULT, f"{path}: {error.strerror}")
    return Finding(label, READY, str(path))


def _image(device: DeviceFile, missed: dict[str, str]) -> Finding:
    firmware = device.device.firmware
    if firmware.image is None:
        return not_given("firmware image", "device.firmware.image", missed)
    try:
        digest = hashlib.sha256(firmware.image.read_bytes()).hexdigest()
    except OSError as error:
        return Finding("firmware image", FAULT, f"{firmware.image}: {error.strerror}")
    if firmware.sha256 not in {None, digest}:
        return Finding("firmware image", FAULT, f"{firmware.image} has SHA-256 {digest}, declared "
                       f"is {firmware.sha256}")  # fmt: skip
    return Finding("firmware image", READY, f"{firmware.image}, SHA-256 {digest[:16]}…")
