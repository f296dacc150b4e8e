"""The scene challenge against a running RTSP service whose lens looks at a file."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from laboratory import device
from rtsp_stand import Stand, rtsp_stand

from devices.description import DeviceFile
from devices.description import SceneControl as Description
from devices.emulated.posture import Posture
from devices.errors import BenchError, Unreachable
from devices.links.http.exchange import Exchange, make_exchange
from devices.links.scene.challenge import challenge
from devices.links.scene.control import SceneControl, Shown
from devices.links.scene.observations import SceneViews
from devices.links.scene.pictures import PictureSource, decoded, look
from devices.permit import Permit
from devices.scene.code import draw, fresh, read
from devices.scene.screen import Screen, ScreenServer
from devices.secrets import Secrets


def control_of(description: Description) -> SceneControl:
    camera: DeviceFile = device(bench={"scene": description.model_dump(exclude_none=True)})
    granted = camera.authorisation
    permit = Permit(granted.addresses, granted.allow, granted.expires)
    return SceneControl(camera, permit, Secrets(camera))


def challenged(stand: Stand, patience: float = 20.0) -> SceneViews:
    scene = stand.camera.flash / "scene.txt"
    return challenge(stand.access, control_of(Description(file=scene)), list, patience)


def test_live_streams_show_both_codes_in_turn(tmp_path: Path) -> None:
    with rtsp_stand(tmp_path) as stand:
        views = challenged(stand)
    assert views.complete
    assert not views.disturbed
    first, second = views.codes
    for stream in views.streams:
        assert (stream.outcome, stream.cause, stream.behind) == ("watched", "", False)
        assert [seen.code for seen in stream.seen] == [first, second]
        assert not stream.again
        for seen in stream.seen:
            assert 0 <= seen.uncertainty <= seen.latency
            assert 0.2 < seen.width < 0.4
    names = {artefact.name for artefact in views.artefacts}
    assert names == {f"{n} shows {c}.png" for n in ("main", "sub") for c in (first, second)}
    for artefact in views.artefacts:
        picture = cv2.imdecode(np.frombuffer(artefact.data, np.uint8), cv2.IMREAD_GRAYSCALE)
        found = read(np.asarray(picture, np.uint8))
        assert found is not None
        assert f"shows {found.code}.png" in artefact.name
    assert (tmp_path / "flash" / "scene.txt").read_text() == ""  # put back


@pytest.mark.parametrize("posture", [Posture(main_scene="other"), Posture(picture="looped")])
def test_another_scene_and_a_recording_do_not_follow_the_screen(
    posture: Posture, tmp_path: Path
) -> None:
    with rtsp_stand(tmp_path, posture) as stand:
        views = challenged(stand, patience=1.5)
    main = next(stream for stream in views.streams if stream.name == "main")
    assert main.outcome == "watched"
    assert len(main.seen) < 2 or main.again


def test_a_camera_that_is_not_there_is_said_and_the_scene_put_back(tmp_path: Path) -> None:
    with rtsp_stand(tmp_path) as stand:
        access, scene = stand.access, tmp_path / "scene.txt"
    views = challenge(access, control_of(Description(file=scene)), list, 1.0)
    assert {(s.outcome, s.cause) for s in views.streams} == {("failed", "unreachable")}
    assert scene.read_text() == ""


def test_a_bench_that_cannot_show_anything_is_a_bench_error(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="camproof scene"):
        control_of(Description(url="http://127.0.0.1:9/")).show(fresh())
    with pytest.raises(BenchError, match="No such file"):
        control_of(Description(file=tmp_path / "no" / "scene.txt")).show(fresh())


def test_a_picture_file_shows_the_code_and_then_none(tmp_path: Path) -> None:
    path, code = tmp_path / "scene.png", fresh()
    control = control_of(Description(file=path))
    control.show(code)
    found = read(np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8))
    assert found is not None
    assert found.code == code
    assert control.shows(code)
    assert not control.shows(fresh())
    control.clear()
    assert not control.shows(code)
    assert [p.name for p in tmp_path.iterdir()] == ["scene.png"]


@contextmanager
def screen() -> Iterator[ScreenServer]:
    with ScreenServer(("127.0.0.1", 0), Screen()) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_the_page_is_told_the_code_and_the_run_that_it_was_painted() -> None:
    with screen() as server:
        control, code = control_of(Description(url=server.url)), fresh()
        assert b"<title>camproof scene</title>" in requests.get(server.url, timeout=5).content

        def paint() -> None:
            state = requests.get(f"{server.url}state?known=1", timeout=30).json()
            assert len(state["rows"]) == 21
            assert state["words"].replace(" ", "") == code
            requests.post(f"{server.url}painted?number={state['number']}", timeout=5)

        browser = threading.Thread(target=paint)
        browser.start()
        shown = control.show(code)
        browser.join()
        assert shown.before <= shown.after
        assert control.shows(code)


def test_without_a_browser_the_run_is_told_what_to_do() -> None:
    server_screen = Screen()
    assert not server_screen.show(fresh(), seconds=0)
    server_screen.painted(2)
    assert not server_screen.show(fresh(), seconds=0)
    server_screen.painted(99)  # of nothing that was shown
    assert not server_screen.show(fresh(), seconds=0)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/code", "<script>", 400),
        ("PUT", "/code", "A" * 100, 400),
        ("PUT", "/else", "15HADCV2", 400),
        ("PUT", "/code", "", 200),
        ("GET", "/../etc/passwd", "", 404),
        ("POST", "/painted?number=x", "", 200),
        ("POST", "/code", "", 404),
    ],
)
def test_the_page_takes_codes_and_nothing_else(
    method: str, path: str, body: str, status: int
) -> None:
    with screen() as server:
        url = server.url.rstrip("/") + path
        server.screen.painted(1)
        threading.Timer(0, lambda: server.screen.painted(2)).start()
        assert requests.request(method, url, data=body, timeout=10).status_code == status


def answer(body: bytes, kind: str = "image/jpeg", status: int = 200) -> Exchange:
    return make_exchange(
        sender="x",
        method="GET",
        target="/",
        server="https://192.0.2.1",
        protection="TLS",
        status=status,
        headers=[("Content-Type", kind)],
        body=body,
        truncated=False,
        seconds=0.1,
    )


def jpeg(code: str) -> bytes:
    return cv2.imencode(".jpg", draw(code, 8))[1].tobytes()


def test_pictures_are_fetched_until_they_show_the_last_code() -> None:
    old, new = fresh(), fresh()
    given_out = iter([answer(jpeg(old)), answer(jpeg(new))])
    source = PictureSource("snapshot", "https://192.0.2.1/", lambda: next(given_out))
    fact, png = look(source, [Shown(new, 0.0, float("inf"))], 5.0)
    assert fact.codes == (old, new)
    assert (fact.outcome, fact.width) == ("picture", 29 * 8)
    assert png.startswith(b"\x89PNG")


def test_a_series_of_pictures_gives_the_newest_whole_one() -> None:
    old, new = fresh(), fresh()
    part = b"--x\r\nContent-Type: image/jpeg\r\n\r\n"
    body = part + jpeg(old) + part + jpeg(new) + part + jpeg(old)[:300]
    pixels = decoded(answer(body, "multipart/x-mixed-replace; boundary=x"))
    assert pixels is not None
    found = read(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8))
    assert found is not None
    assert found.code == new


def test_what_is_no_picture_and_what_does_not_come_is_said() -> None:
    shown = [Shown(fresh(), 0.0, 0.0)]
    for body, status in ((b"<html>", 200), (b"\xff\xd8\xff" + bytes(50), 200), (b"", 404)):
        source = PictureSource("x", "u", partial(answer, body, status=status))
        assert look(source, shown, 0.0)[0].outcome == "no-picture"

    def gone() -> Exchange:
        raise Unreachable("nobody there")

    fact, _ = look(PictureSource("x", "u", gone), shown, 0.0)
    assert (fact.outcome, fact.cause, fact.reason) == ("failed", "unreachable", "nobody there")


@given(st.binary(max_size=300), st.sampled_from(["image/jpeg", "multipart/x-mixed-replace"]))
def test_any_body_is_a_picture_or_is_none(body: bytes, kind: str) -> None:
    decoded(answer(b"\xff\xd8\xff" + body, kind))
    decoded(answer(b"\x89PNG\r\n\x1a\n" + body, kind))
