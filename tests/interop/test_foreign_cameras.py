"""Cameras that nobody here wrote get the verdicts that their configuration deserves."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from foreign_cameras import (
    LIMIT,
    Assessed,
    ForeignCamera,
    assess,
    cameras,
    disagreements,
    running,
)

from devices.emulated.maker.manufacturer import Manufacturer, make_manufacturer

pytestmark = pytest.mark.interop

AT_ONCE = 3  # an assessment waits for media most of its time
CAMERAS = cameras()


@pytest.fixture(scope="module")
def assessments(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Assessed]]]:
    """The assessments that the selected tests need, several at once."""
    folder = tmp_path_factory.mktemp("foreign")
    maker = make_manufacturer(folder / "maker")
    selected = [getattr(item, "callspec", None) for item in request.session.items]
    named = {call.params["camera"].name for call in selected if call and "camera" in call.params}
    wanted = [camera for camera in CAMERAS if camera.name in named]
    wanted.sort(key=lambda camera: -camera.seconds)
    with ThreadPoolExecutor(AT_ONCE, "foreign") as pool:
        yield {c.name: pool.submit(_assess, c, folder / c.name, maker) for c in wanted}
        pool.shutdown(cancel_futures=True)


def _assess(camera: ForeignCamera, folder: Path, maker: Manufacturer) -> Assessed:
    with running(camera, folder, maker) as device_file:
        return assess(device_file, camera.select)


def _param(camera: ForeignCamera) -> object:
    marks = [pytest.mark.slow] if camera.slow else []
    return pytest.param(camera, marks=marks, id=camera.name)


@pytest.fixture(params=[_param(camera) for camera in CAMERAS])
def camera(request: pytest.FixtureRequest) -> ForeignCamera:
    found: ForeignCamera = request.param
    return found


@pytest.fixture
def assessed(assessments: dict[str, Future[Assessed]], camera: ForeignCamera) -> Assessed:
    return assessments[camera.name].result(timeout=LIMIT * len(CAMERAS))


def test_camera_gets_the_verdicts_that_it_deserves(
    camera: ForeignCamera, assessed: Assessed
) -> None:
    results = {result.id: result for result in assessed.record.results}
    wrong = disagreements(camera.expected, results)
    assert not wrong, f"{camera.name}, {camera.what}:\n" + "\n".join(wrong)
    assert assessed.exit == camera.exit, assessed.said


def test_every_verdict_was_foreseen(camera: ForeignCamera, assessed: Assessed) -> None:
    unforeseen = {
        f"{result.id} ({result.title}): {result.verdict}: {result.reason}"
        for result in assessed.record.results
        if result.id not in camera.expected
    }
    assert not unforeseen, f"{camera.name} has no row for\n" + "\n".join(sorted(unforeseen))
