"""The page of `camproof scene` in a browser, as a camera would see it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import browser as browsers
import cv2
import numpy as np
import pytest
from laboratory import device

from devices.description import SceneControl as Description
from devices.links.scene.control import SceneControl
from devices.permit import Permit
from devices.scene.code import fresh, read
from devices.scene.screen import Screen, ScreenServer
from devices.secrets import Secrets

pytestmark = pytest.mark.skipif(browsers.PROGRAM is None, reason="chromium is not installed")


@contextmanager
def served() -> Iterator[ScreenServer]:
    with ScreenServer(("127.0.0.1", 0), Screen()) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (800, 1280)])
def test_what_a_run_shows_is_in_the_browser_when_the_control_returns(
    width: int, height: int, tmp_path: Path
) -> None:
    with served() as server, browsers.browser(server.url, width, height) as page:
        camera = device()
        bench = camera.bench.model_copy(update={"scene": Description(url=server.url)})
        camera = camera.model_copy(update={"bench": bench})
        granted = camera.authorisation
        permit = Permit(granted.addresses, granted.allow, granted.expires)
        control = SceneControl(camera, permit, Secrets(camera))
        for code in (fresh(), fresh()):
            shown = control.show(code)
            assert shown.code == code
            png = page.picture()
            (tmp_path / f"{code}.png").write_bytes(png)
            picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
            found = read(np.asarray(picture, np.uint8))
            assert found is not None
            assert found.code == code
            assert control.shows(code)
        control.clear()
        blank = cv2.imdecode(np.frombuffer(page.picture(), np.uint8), cv2.IMREAD_GRAYSCALE)
        assert read(np.asarray(blank, np.uint8)) is None
