"""The genuine bundle, on cameras of other makes: installed, slow, curt."""

from __future__ import annotations

from pathlib import Path

import pytest
from update_stand import GENUINE, NEW, OLD, Answers, Scripted, bench, proper

from conformance.verdict import Inconclusive


def test_a_camera_that_restarts_without_an_answer_passes(tmp_path: Path) -> None:
    def upload(camera: Scripted, request: Answers, body: bytes) -> None:
        request.close_connection = True
        camera.restart(NEW, after=0.4)

    with bench(tmp_path, upload) as made:
        made.install()
        assert made.trials.control().attempt.status == 0


def test_a_restart_that_begins_late_is_waited_for(tmp_path: Path) -> None:
    def upload(camera: Scripted, request: Answers, body: bytes) -> None:
        request.answer(200)
        camera.restart(NEW, after=2.0)

    with bench(tmp_path, upload) as made:
        made.install()


def test_a_genuine_bundle_that_is_not_installed_fails(tmp_path: Path) -> None:
    def upload(camera: Scripted, request: Answers, body: bytes) -> None:
        request.answer(200)
        camera.restart(OLD)

    with (
        bench(tmp_path, upload) as made,
        pytest.raises(AssertionError, match=rf"reports version {OLD} afterwards"),
    ):
        made.install()


def test_the_version_may_stand_inside_a_longer_text(tmp_path: Path) -> None:
    with bench(tmp_path, proper) as made:
        made.camera.told = b'{"fwVersion": "V%s build 260315"}'
        made.install()
    with bench(tmp_path, proper) as made:
        made.camera.version = NEW
        made.camera.told = b'{"fwVersion": "V%s build 260315"}'
        with pytest.raises(Inconclusive, match=r"ran V2.5.0 build 260315 already"):
            made.install()


def test_a_service_that_was_down_before_is_not_taken_for_a_restart(tmp_path: Path) -> None:
    def upload(camera: Scripted, request: Answers, body: bytes) -> None:
        if body == GENUINE:
            request.answer(200)
            return camera.restart(NEW)
        return request.answer(200, b"looking into it")

    with bench(tmp_path, upload, closed_service=True) as made:
        with pytest.raises(Inconclusive, match="neither restarted nor reports another version"):
            made.other_model()
        made.install()
