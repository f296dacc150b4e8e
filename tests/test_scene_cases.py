"""STREAM-029 and STREAM-030: what they say of which views."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance import policy
from conformance.streams.test_scene import test_pictures_show_the_scene as pictures_case
from conformance.streams.test_scene import test_streams_show_the_scene_live as streams_case
from conformance.verdict import Inconclusive
from devices.links.scene.observations import CodeSeen, ScenePicture, SceneStream, SceneViews

FIRST, SECOND = "00000000", "11111111"


def seen(code: str, latency: float = 0.2, uncertainty: float = 0.1) -> CodeSeen:
    return CodeSeen(code, latency, uncertainty, 0.3)


MAIN = SceneStream(
    "main",
    "rtsps://192.0.2.7/main",
    "interleaved",
    "watched",
    frames=50,
    width=640,
    height=360,
    watched=(20.0, 12.0),
    seen=(seen(FIRST), seen(SECOND)),
)
SUB = replace(MAIN, name="sub", url="rtsps://192.0.2.7/sub", width=320, height=180)
BLIND = replace(SUB, seen=())
SNAPSHOT = ScenePicture(
    "snapshot",
    "https://192.0.2.7/snapshot",
    "picture",
    width=640,
    height=360,
    codes=(SECOND,),
    code_width=0.3,
    seconds=12.5,
)


def views(*streams: SceneStream, pictures: tuple[ScenePicture, ...] = ()) -> SceneViews:
    return SceneViews(codes=(FIRST, SECOND), streams=streams, pictures=pictures)


def judge(*streams: SceneStream, pictures: tuple[ScenePicture, ...] = ()) -> None:
    streams_case(views(*streams, pictures=pictures), policy.load)


def judge_pictures(*pictures: ScenePicture, streams: tuple[SceneStream, ...] = (MAIN,)) -> None:
    pictures_case(views(*streams, pictures=pictures), policy.load)


def test_streams_that_show_both_codes_pass() -> None:
    judge(MAIN, SUB)


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (
            BLIND,
            "not show what is before its lens: code 00000000, 11111111 .*stream main showed",
        ),
        (replace(BLIND, foreign=("ABCDEFGH",)), "before its lens, with code ABCDEFGH"),
        (replace(SUB, seen=(seen(FIRST),)), "showed code 00000000 and not the one after it"),
        (replace(SUB, again=(FIRST,)), "again after a later one"),
        (replace(SUB, seen=(seen(FIRST, 8.0), seen(SECOND))), "at least 7.9 s after the screen"),
    ],
)
def test_a_stream_of_something_else_fails(stream: SceneStream, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        judge(MAIN, stream)


def test_a_picture_over_http_is_witness_enough() -> None:
    with pytest.raises(AssertionError, match=r"https://192\.0\.2\.7/snapshot showed it"):
        judge(BLIND, pictures=(SNAPSHOT,))


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (replace(BLIND, width=160, height=90), "48 pixels wide in it, 84 are needed"),
        (replace(BLIND, watched=(4.0, 0.5), behind=True), "could not decode"),
        (replace(SUB, seen=(seen(FIRST),), watched=(6.0, 2.0)), "not looked at for 5 s"),
        (replace(BLIND, in_view=False), "not among bench.scene.streams"),
        (replace(BLIND, cause="no-media", reason="it ended"), "ended before the codes .* it ended"),
        (replace(BLIND, outcome="failed", cause="timeout", reason="slow"), "watched: slow"),
        (replace(BLIND, outcome="silent"), "no picture could be decoded"),
        (replace(BLIND, outcome="not-measured", reason="MJPEG"), "watched: MJPEG"),
        (replace(SUB, seen=(seen(FIRST, 8.0, 7.9), seen(SECOND))), "0.1 s at the earliest"),
        (replace(SUB, seen=(seen(SECOND),)), "shows no code 00000000"),
    ],
)
def test_what_the_bench_may_be_the_reason_for_stays_open(stream: SceneStream, message: str) -> None:
    with pytest.raises(Inconclusive, match=message):
        judge(MAIN, stream)


def test_when_nothing_shows_the_code_the_bench_may_be_the_reason() -> None:
    for case in (streams_case, pictures_case):
        with pytest.raises(Inconclusive, match="no picture of the camera shows the code"):
            case(views(BLIND, pictures=(replace(SNAPSHOT, codes=()),)), policy.load)
        with pytest.raises(Inconclusive, match="code ABCDEFGH of another run"):
            case(views(replace(BLIND, foreign=("ABCDEFGH",))), policy.load)
        with pytest.raises(Inconclusive, match="one run at a time"):
            case(replace(views(MAIN), disturbed=True), policy.load)
        with pytest.raises(Inconclusive, match="did not show two codes"):
            case(replace(views(MAIN), codes=(FIRST,)), policy.load)
        with pytest.raises(Inconclusive):
            case(SceneViews(codes=(), streams=(), pictures=()), policy.load)


def test_pictures_that_show_the_code_pass() -> None:
    judge_pictures(SNAPSHOT)
    judge_pictures(replace(SNAPSHOT, codes=(FIRST, SECOND)), streams=())


@pytest.mark.parametrize("codes", [(), (FIRST,), (SECOND, FIRST), ("ABCDEFGH",)])
def test_an_old_picture_fails(codes: tuple[str, ...]) -> None:
    with pytest.raises(AssertionError, match="stream main showed: it is not what the lens sees"):
        judge_pictures(replace(SNAPSHOT, codes=codes))


@pytest.mark.parametrize(
    "picture",
    [
        replace(SNAPSHOT, codes=(), width=160),
        replace(SNAPSHOT, codes=(), in_view=False),
        replace(SNAPSHOT, outcome="failed", cause="timeout", reason="slow"),
        replace(SNAPSHOT, outcome="no-picture", reason="answered 404"),
        replace(SNAPSHOT, codes=(FIRST,), seconds=1.0),
    ],
)
def test_a_picture_that_the_bench_may_have_missed_stays_open(picture: ScenePicture) -> None:
    with pytest.raises(Inconclusive):
        judge_pictures(picture)
    with pytest.raises(Inconclusive):
        judge_pictures()
