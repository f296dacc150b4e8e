"""Who may upload firmware, on cameras of other makes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from update_stand import OLD, Answers, Scripted, bench

from conformance.verdict import Inconclusive


def anonymous_gets(status: int, body: bytes = b"", **headers: str) -> Callable[..., None]:
    def upload(camera: Scripted, request: Answers, body_sent: bytes) -> None:
        if request.admin:
            request.answer(400, b"request 4711: no firmware")
        else:
            request.answer(status, body, **headers)

    return upload


@pytest.mark.parametrize(
    ("status", "headers"),
    [(401, {}), (403, {}), (404, {}), (405, {}), (302, {"Location": "/login.html"})],
)
def test_an_upload_without_login_that_is_turned_away_passes(
    tmp_path: Path, status: int, headers: dict[str, str]
) -> None:
    with bench(tmp_path, anonymous_gets(status, b"", **headers)) as made:
        made.who_uploads()


def test_the_judgement_of_an_administrator_for_anybody_fails(tmp_path: Path) -> None:
    with (
        bench(tmp_path, anonymous_gets(400, b"request 4712: no firmware")) as made,
        pytest.raises(AssertionError, match="from anonymous and judged its content"),
    ):
        made.who_uploads()


@pytest.mark.parametrize(
    ("status", "body"),
    [(422, b"no firmware"), (400, b"log in first"), (200, b"<html>Log in</html>"), (500, b"")],
)
def test_any_other_answer_without_login_tells_nothing(
    tmp_path: Path, status: int, body: bytes
) -> None:
    with (
        bench(tmp_path, anonymous_gets(status, body)) as made,
        pytest.raises(Inconclusive, match=rf"anonymous with HTTP {status}.*cannot be told"),
    ):
        made.who_uploads()


def test_an_error_that_an_administrator_gets_is_told_from_a_refusal(tmp_path: Path) -> None:
    def gets(admin: int, anonymous: int) -> Callable[[Scripted, Answers, bytes], None]:
        return lambda _camera, request, _body: request.answer(admin if request.admin else anonymous)

    with bench(tmp_path, gets(500, 401)) as made:
        made.who_uploads()
        made.camera.upload = gets(500, 500)
        with pytest.raises(Inconclusive, match="anonymous with HTTP 500"):
            made.who_uploads()
        made.camera.upload = gets(404, 404)
        with pytest.raises(Inconclusive, match="administrator got no refusal"):
            made.who_uploads()


def test_an_upload_without_login_that_restarts_the_camera_fails(tmp_path: Path) -> None:
    def upload(camera: Scripted, request: Answers, body: bytes) -> None:
        if request.admin:
            return request.answer(400, b"no firmware")
        request.answer(200, b"thank you")
        return camera.restart(OLD)

    with (
        bench(tmp_path, upload) as made,
        pytest.raises(AssertionError, match="from anonymous and restarted or changed"),
    ):
        made.who_uploads()


def test_who_may_upload_is_judged_where_no_version_is_told(tmp_path: Path) -> None:
    with bench(tmp_path, anonymous_gets(401)) as made:
        made.camera.told = b'{"model": "runs %s"}'
        made.who_uploads()
        made.camera.upload = anonymous_gets(200, b"<html>Log in</html>")
        with pytest.raises(Inconclusive, match="anonymous with HTTP 200"):
            made.who_uploads()
