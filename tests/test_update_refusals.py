"""Changed bundles, on cameras of other makes: refused, taken, told badly."""

from __future__ import annotations

from email import message_from_bytes
from pathlib import Path

import pytest
from update_stand import GENUINE, NEW, Answers, Scripted, bench, proper

from conformance.verdict import Inconclusive


def test_bundles_refused_by_a_camera_that_takes_the_genuine_one_pass(tmp_path: Path) -> None:
    with bench(tmp_path, proper) as made:
        made.truncated()
        made.other_model()
        made.install()
        assert made.camera.uploads.count(GENUINE) == 1


def test_bundles_of_all_planned_cases_are_offered_before_the_genuine_one(tmp_path: Path) -> None:
    with bench(tmp_path, proper) as made:
        made.trials._planned = frozenset({"UPDATE-007", "UPDATE-010"})
        made.other_model()
        made.truncated()
        assert made.camera.uploads[-1] == GENUINE
        assert len(made.camera.uploads) == 4


def test_a_camera_that_refuses_the_genuine_bundle_too_shows_nothing(tmp_path: Path) -> None:
    def upload(camera: Scripted, request: Answers, body: bytes) -> None:
        request.answer(400, b"no file in the form")

    with bench(tmp_path, upload) as made:
        with pytest.raises(Inconclusive, match="refused the genuine bundle as well") as caught:
            made.truncated()
        assert caught.value.cause == "no-control"
        with pytest.raises(AssertionError, match="refused the genuine bundle: HTTP 400"):
            made.install()


@pytest.mark.parametrize("status", [406, 408, 409, 415, 423, 429, 500, 503])
def test_an_answer_that_is_not_about_the_content_shows_nothing(tmp_path: Path, status: int) -> None:
    def upload(camera: Scripted, request: Answers, body: bytes) -> None:
        request.answer(status)

    with (
        bench(tmp_path, upload) as made,
        pytest.raises(Inconclusive, match=f"HTTP {status}.* looked into the bundle"),
    ):
        made.other_model()


def test_a_bundle_that_is_taken_fails_and_the_camera_is_put_right(tmp_path: Path) -> None:
    def upload(camera: Scripted, request: Answers, body: bytes) -> None:
        request.answer(200, b"restarting")
        camera.restart(NEW if body == GENUINE else "9.9")

    with bench(tmp_path, upload) as made:
        with pytest.raises(AssertionError, match=r"must refuse .*reports 9\.9"):
            made.other_model()
        assert made.camera.version == NEW


def test_a_bundle_goes_into_the_declared_field_of_a_form(tmp_path: Path) -> None:
    def upload(camera: Scripted, request: Answers, body: bytes) -> None:
        kind = request.headers["Content-Type"]
        if not kind.startswith("multipart/form-data"):
            return request.answer(415)
        parts = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
        fields = {
            part.get_param("name", header="Content-Disposition"): part.get_payload(decode=True)
            for part in parts.walk()
            if not part.is_multipart()
        }
        if fields != {"action": b"upgrade", "fw": GENUINE}:
            return request.answer(422, b"bad signature")
        request.answer(200, b"restarting")
        return camera.restart(NEW)

    form = {"file_field": "fw", "form": {"action": "upgrade"}}
    with bench(tmp_path, upload, upload=form) as made:
        made.truncated()
        made.install()
        assert b'filename="new.bin"' in made.camera.uploads[-1]
