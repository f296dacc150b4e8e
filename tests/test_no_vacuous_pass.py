"""Take away any way to look at the camera, and no verdict that needs it stays PASS."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomli_w

from camproof.campaign import Campaign, Job
from conformance import catalogue
from conformance.assessment import Result
from devices.emulated.launch import EmulatedCamera

SOURCES = {
    "serial": ("links", "serial"),
    "ssh": ("links", "ssh"),
    "http": ("links", "http"),
    "onvif": ("links", "onvif"),
    "power": ("bench", "power"),
}


@pytest.fixture(scope="module")
def device_file() -> Iterator[Path]:
    with EmulatedCamera() as ready:
        yield ready.device_file


def run(device: Path, folder: Path, select: str) -> list[Result]:
    folder.mkdir()
    return Campaign(Job(device, folder, select=select), lambda _event: None).run().results


@pytest.mark.parametrize("source", SOURCES)
def test_without_a_source_nothing_that_needs_it_passes(
    device_file: Path, tmp_path: Path, source: str
) -> None:
    content = tomllib.loads(device_file.read_text())
    table, key = SOURCES[source]
    del content[table][key]
    poorer = tmp_path / "poorer.toml"
    poorer.write_text(tomli_w.dumps(content))
    needing = [case.id for case in catalogue.load().cases() if source in case.needs]
    results = run(poorer, tmp_path / "run", " or ".join(needing))
    assert {result.id for result in results} == set(needing)
    passed = [result.id for result in results if result.verdict == "PASS"]
    assert not passed
    assert all(result.reason for result in results)


def test_a_camera_that_is_off_gives_no_verdict(device_file: Path, tmp_path: Path) -> None:
    content = tomllib.loads(device_file.read_text())
    text = device_file.read_text().replace(content["links"]["ssh"]["host"], "127.63.0.1")
    text = text.replace("seconds = 30.0", "seconds = 0.5")
    gone = tmp_path / "gone.toml"
    gone.write_text(text)
    looking = "not (updates or factory or power or documents)"
    results = run(gone, tmp_path / "run", looking)
    assert not [f"{r.id} {r.verdict}: {r.reason}" for r in results if r.verdict != "INCONCLUSIVE"]
