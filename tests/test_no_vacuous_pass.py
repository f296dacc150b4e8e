"""Take away any way to look at the camera, and no verdict that needs it stays PASS."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from camproof.campaign import Campaign, Job
from conformance import catalogue
from conformance.assessment import Result
from devices.emulated.bench.launch import EmulatedCamera

SOURCES = {
    "serial": ("links.serial",),
    "ssh": ("links.ssh",),
    "http": ("links.http",),
    "onvif": ("links.onvif",),
    "rtsp": ("links.rtsp", "declared.streams", "declared.services"),
    "power": ("bench.power",),
    "gateway": ("bench.gateway",),
    "storage": ("bench.storage",),
    "documents": ("documents",),
    "image": (
        "device.firmware.image",
        "declared.update.bundle",
        "declared.update.older",
        "declared.update.other_model",
    ),
}
"""What ``needs`` may name -> the keys of a device file that lead to it."""

PAPERS = {"documents", "image", "storage"}
"""What does not come from the running camera: papers, images, the medium taken out of it."""


@pytest.fixture(scope="module")
def device_file() -> Iterator[Path]:
    with EmulatedCamera() as ready:
        yield ready.device_file


def run(device: Path, folder: Path, select: str) -> list[Result]:
    folder.mkdir()
    return Campaign(Job(device, folder, select=select), lambda _event: None).run().results


def without(device: Path, folder: Path, *keys: str) -> Path:
    """A copy of the device file that lacks these keys."""
    content = tomllib.loads(device.read_text())
    for key in keys:
        *tables, last = key.split(".")
        table: dict[str, Any] = content
        for name in tables:
            table = table[name]
        del table[last]
    poorer = folder / "poorer.toml"
    poorer.write_text(tomli_w.dumps(content))
    return poorer


@pytest.mark.parametrize("source", SOURCES)
def test_without_a_source_nothing_that_needs_it_passes(
    device_file: Path, tmp_path: Path, source: str
) -> None:
    poorer = without(device_file, tmp_path, *SOURCES[source])
    needing = [case.id for case in catalogue.load().cases() if source in case.needs]
    results = run(poorer, tmp_path / "run", " or ".join(needing))
    assert {result.id for result in results} == set(needing)
    assert not [f"{r.id}: {r.reason}" for r in results if r.verdict == "PASS"]
    assert all(result.reason for result in results)


def test_with_papers_alone_nothing_passes_but_what_rests_on_papers(
    device_file: Path, tmp_path: Path
) -> None:
    poorer = without(
        device_file,
        tmp_path,
        "links",
        "declared.streams",
        "declared.services",
        "bench.power",
        "bench.gateway",
    )
    papers = {c.id for c in catalogue.load().cases() if c.needs and PAPERS.issuperset(c.needs)}
    network = " or ".join(c.id for c in catalogue.load().cases() if "ports" in c.needs)
    results = run(poorer, tmp_path / "run", f"not ({network})")
    assert not [
        f"{r.id}: {r.reason}" for r in results if r.verdict == "PASS" and r.id not in papers
    ]


def test_a_camera_that_is_off_gives_no_verdict(device_file: Path, tmp_path: Path) -> None:
    content = tomllib.loads(device_file.read_text())
    text = device_file.read_text().replace(content["links"]["ssh"]["host"], "127.63.0.1")
    text = text.replace("seconds = 30.0", "seconds = 0.5").replace("limit = 60.0", "limit = 5.0")
    gone = tmp_path / "gone.toml"
    gone.write_text(text)
    # The serial line is the bench's: it does not go by the camera's address.
    looking = "not (updates or changes-factory or changes-power or documents or storage or serial)"
    results = run(gone, tmp_path / "run", looking)
    assert not [f"{r.id} {r.verdict}: {r.reason}" for r in results if r.verdict != "INCONCLUSIVE"]
