"""OpenSSH and Dropbear get the verdict that their configuration deserves, of every SSH case."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from foreign_cameras import LIMIT, Assessed, assess, disagreements
from ssh_cameras import SshCamera, cameras, namespaces, running

pytestmark = pytest.mark.interop
AT_ONCE = 3  # servers wait after wrong passwords most of the time
CAMERAS = cameras()


@pytest.fixture(scope="module")
def assessments(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Assessed]]]:
    if not namespaces():
        pytest.skip("this machine forbids namespaces, where these servers have their users")
    folder = tmp_path_factory.mktemp("ssh")
    selected = [getattr(item, "callspec", None) for item in request.session.items]
    named = {call.params["camera"].name for call in selected if call and "camera" in call.params}
    wanted = [camera for camera in CAMERAS if camera.name in named]
    wanted.sort(key=lambda camera: -camera.seconds)
    with ThreadPoolExecutor(AT_ONCE, "ssh") as pool:
        yield {c.name: pool.submit(_assess, c, folder / c.name) for c in wanted}
        pool.shutdown(cancel_futures=True)


def _assess(camera: SshCamera, folder: Path) -> Assessed:
    with running(camera, folder) as device_file:
        return assess(device_file, " or ".join(camera.expected))


def _param(camera: SshCamera) -> object:
    marks = [pytest.mark.slow] if camera.slow else []
    return pytest.param(camera, marks=marks, id=camera.name)


@pytest.mark.parametrize("camera", [_param(camera) for camera in CAMERAS])
def test_server_gets_the_verdicts_that_it_deserves(
    camera: SshCamera, assessments: dict[str, Future[Assessed]]
) -> None:
    assessed = assessments[camera.name].result(timeout=LIMIT * len(CAMERAS))
    results = {r.id: r for r in assessed.record.results if r.verdict != "NOT_APPLICABLE"}
    wrong = disagreements(camera.expected, results)
    wrong += [f"{case} did not run" for case in camera.expected if case not in results]
    assert not wrong, f"{camera.name}:\n" + "\n".join(wrong)
