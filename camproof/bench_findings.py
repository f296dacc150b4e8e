"""What ``doctor`` finds of the bench's own equipment, the [bench] tables of the device file.

Each is tried where that changes nothing on the camera: a scene is shown and cleared, a gateway
opened and closed, a clock put right. Power is not switched, and commands that bring a camera to
another state are looked for and not run.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import requests

from camproof.finding import ABSENT, FAULT, NOT_GIVEN, READY, Finding, not_given
from devices.description import DeviceFile
from devices.errors import DeviceError
from devices.links.capture import method, sniffer
from devices.links.clock import ClockControl
from devices.links.gateway.link import GatewayLink
from devices.links.scene.control import SceneControl
from devices.links.storage.link import StorageLink
from devices.permit import Permit
from devices.scene.code import fresh
from devices.secrets import Secrets


def bench_findings(
    device: DeviceFile, permit: Permit, secrets: Secrets, missed: dict[str, str]
) -> Iterator[Finding]:
    """Look at every table, one after the other; ``missed`` loses what is spoken of."""
    yield _power(device, missed)
    yield _clock(device, permit, secrets, missed)
    yield from _bench_links(device, permit, secrets, missed)
    yield _scene(device, permit, secrets, missed)
    yield _capture(device)
    yield _sources(device)
    yield _command(device, "provision")
    yield _command(device, "restore")


def _power(device: DeviceFile, missed: dict[str, str]) -> Finding:
    power = device.bench.power
    if power is None:
        return not_given("power control", "bench.power", missed)
    if power.url is None:
        return Finding("power control", READY, "by commands of the bench (not tried)")
    try:
        answer = requests.get(power.url, timeout=5, allow_redirects=False)
        answer.raise_for_status()
    except requests.RequestException as error:
        return Finding("power control", FAULT, f"{power.url}: {error}")
    return Finding("power control", READY, f"the relay answers {answer.text[:16].strip()!r}")


def _bench_links(
    device: DeviceFile, permit: Permit, secrets: Secrets, missed: dict[str, str]
) -> Iterator[Finding]:
    """Where the camera's own connections come out, and the reader of its recordings."""
    checks: dict[str, Callable[[], str]] = {
        "gateway": lambda: GatewayLink(device, permit, secrets).check(),
        "storage": lambda: StorageLink(device, permit, secrets).check(),
    }
    for name, check in checks.items():
        if getattr(device.bench, name) is None:
            yield not_given(f"bench {name}", f"bench.{name}", missed)
            continue
        try:
            yield Finding(f"bench {name}", READY, check())
        except DeviceError as error:
            yield Finding(f"bench {name}", FAULT, str(error))


def _scene(device: DeviceFile, permit: Permit, secrets: Secrets, missed: dict[str, str]) -> Finding:
    scene = device.bench.scene
    if scene is None:
        return not_given("scene", "bench.scene", missed)
    where = scene.url or str(scene.file)
    try:
        control = SceneControl(device, permit, secrets)
        control.show(fresh())
        control.clear()
    except DeviceError as error:
        return Finding("scene", FAULT, str(error))
    return Finding("scene", READY, f"{where} shows a code; what the lens sees was not looked at")


def _capture(device: DeviceFile) -> Finding:
    try:
        chosen = method.choose(device.bench.capture.method)
    except DeviceError as error:
        return Finding("capture", FAULT, str(error))
    possible = sniffer.permitted() and chosen.name in ("proxy", "sockets")
    return Finding("capture", READY, str(chosen) + "; packets could be taken too" * possible)


def _sources(device: DeviceFile) -> Finding:
    """Whether the bench has the further addresses that it may connect from."""
    what, given = "further addresses", device.bench.sources
    if not given:
        return Finding(what, ABSENT, "the device file gives no bench.sources")
    for address in given:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM) as own:
                own.bind((address, 0))
        except OSError as error:
            return Finding(what, FAULT, f"{address} is not of this machine: {error.strerror}")
    return Finding(what, READY, f"{', '.join(given)} can be connected from")


def _clock(device: DeviceFile, permit: Permit, secrets: Secrets, missed: dict[str, str]) -> Finding:
    clock = device.bench.clock
    if clock is None:
        return not_given("clock control", "bench.clock", missed)
    if not permit.permits("settings"):
        return Finding(
            "clock control",
            NOT_GIVEN,
            "not tried and not used: authorisation.allow has no settings",
        )
    try:
        ClockControl(device, permit, secrets).put_right()
    except DeviceError as error:
        return Finding("clock control", FAULT, str(error))
    by = clock.url or "the command"
    return Finding("clock control", READY, f"{by} puts the clock right; moving it was not tried")


def _command(device: DeviceFile, name: str) -> Finding:
    """Whether a command of the bench is there; it is not run."""
    what, given = f"bench {name}", getattr(device.bench, name)
    if given is None:
        return Finding(what, ABSENT, f"the device file gives no bench.{name}")
    if given.lacking:
        return Finding(what, FAULT, given.lacking)
    return Finding(what, READY, f"{given.command[0]} (not tried)")
