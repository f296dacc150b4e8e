"""Living, frozen and repeated pictures, told apart after an encoder has been at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laboratory import device
from numpy.typing import NDArray

from conformance import policy
from conformance.streams.test_picture import test_declared_streams_play_as_declared as judge
from conformance.verdict import Inconclusive
from devices.description import DeviceFile, Stream
from devices.links.rtsp.liveliness import History
from devices.links.rtsp.observations import DecodedPictures, PlayedStream, PlayedStreams
from devices.links.rtsp.picture import decode
from devices.protocols.h26x import split_annex_b
from devices.protocols.rtp import RtpPacket, frame_rate

WIDTH, HEIGHT, COUNT = 640, 360, 40
Picture = NDArray[np.uint8]
RANDOM = np.random.default_rng(11)


def place() -> Picture:
    """A room with edges and textures."""
    ground = cv2.resize(RANDOM.integers(40, 200, (18, 32), np.uint8), (WIDTH, HEIGHT))
    picture: Picture = np.asarray(ground, np.uint8).copy()
    for at in range(30, WIDTH, 70):
        cv2.rectangle(picture, (at, 60 + at // 8), (at + 30, 200 + at // 8), 230, 3)
    return picture


ROOM = place()


def noisy(picture: Picture, strength: float) -> Picture:
    grain = RANDOM.normal(0, strength, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def clock(picture: Picture, number: int) -> Picture:
    written = picture.copy()
    cv2.rectangle(written, (8, 4), (190, 30), 0, -1)
    text = f"12:00:{number // 25:02}.{4 * (number % 25):02}"
    cv2.putText(written, text, (12, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 255, 1, cv2.LINE_AA)
    return written


def walker(picture: Picture, number: int) -> Picture:
    walked = picture.copy()
    cv2.rectangle(walked, (40 + 9 * number, 120), (110 + 9 * number, 300), 20, -1)
    return walked


def streamed(paint: Callable[[int], Picture], **options: str) -> PlayedStream:
    """A stream of COUNT pictures, encoded, decoded and measured as a camera's is."""
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 20), Fraction(20)
    encoder.gop_size, encoder.max_b_frames = 15, 0
    encoder.options = {"preset": "veryfast", "tune": "zerolatency", "crf": "26"} | options
    units: list[bytes] = []
    for number in range(COUNT):
        frame = av.VideoFrame.from_ndarray(paint(number), format="gray")
        for packet in encoder.encode(frame.reformat(format="yuv420p")):
            units += split_annex_b(bytes(packet))
    seen = decode("h264", units)
    assert seen.frames == COUNT
    facts = DecodedPictures(
        seen.frames, seen.width, seen.height, seen.movement, seen.contrast,
        **asdict(seen.liveliness), frame_rate=20.0,
    )  # fmt: skip
    return PlayedStream(
        "main", "rtsps://192.0.2.7/m", "interleaved", declared=True, outcome="played",
        codec="h264", pictures=facts,
    )  # fmt: skip


def verdict(played: PlayedStream, rate: float | None = None) -> None:
    stream = Stream(
        name="main", url=played.url, codec="h264", width=WIDTH, height=HEIGHT, frame_rate=rate
    )
    camera: DeviceFile = device()
    camera.declared.streams.append(stream)
    judge(PlayedStreams(streams=(played,)), camera, policy.load)


ALIVE: dict[str, Callable[[int], Picture]] = {
    "somebody walks": lambda n: walker(ROOM, n),
    "somebody walks, and there is noise": lambda n: noisy(walker(ROOM, n), 4),
    "nothing moves, by day": lambda _: noisy(ROOM, 6),
    "nothing moves, and a clock runs": lambda n: clock(noisy(ROOM, 6), n),
    "nothing moves, at night": lambda _: noisy((ROOM // 6).astype(np.uint8), 5),
}


@pytest.mark.parametrize("name", ALIVE)
def test_a_living_picture_passes(name: str) -> None:
    verdict(streamed(ALIVE[name]))


LOOP = [noisy(walker(ROOM, n), 3) for n in range(12)]
DEAD: dict[str, tuple[Callable[[int], Picture], str]] = {
    "looped": (lambda n: LOOP[n % 12], "the same 12 pictures come again"),
    "looped beneath a clock": (lambda n: clock(LOOP[n % 12], n), "the same 12 pictures"),
    "black": (lambda _: np.zeros_like(ROOM), "one brightness"),
}


@pytest.mark.parametrize("name", DEAD)
def test_a_dead_picture_fails(name: str) -> None:
    paint, why = DEAD[name]
    with pytest.raises(AssertionError, match=why):
        verdict(streamed(paint))


FROZEN: dict[str, Callable[[int], Picture]] = {
    "frozen": lambda _: ROOM,
    "frozen with its noise": lambda _: LOOP[0],
    "frozen beneath a clock": lambda n: clock(ROOM, n),
    "frozen with its noise beneath a clock": lambda n: clock(LOOP[0], n),
}
ENCODERS = {
    "veryfast": {},
    "ultrafast": {"preset": "ultrafast"},
    "coarse": {"crf": "36"},
    "constant rate": {
        "crf": "-1", "b": "300k", "maxrate": "300k", "bufsize": "60k", "nal-hrd": "cbr",
    },
}  # fmt: skip


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("name", FROZEN)
def test_a_frozen_picture_never_passes(name: str, encoder: str) -> None:
    """Nor does it fail: a quiet scene before a good lens and a sparing encoder looks the same."""
    with pytest.raises(Inconclusive, match="may be frozen, or the scene is quiet"):
        verdict(streamed(FROZEN[name], **ENCODERS[encoder]))


def test_a_quiet_scene_without_noise_stays_open() -> None:
    with pytest.raises(Inconclusive, match="may be frozen, or the scene is quiet") as undecided:
        verdict(streamed(lambda _: noisy(ROOM, 2), crf="36"))
    assert undecided.value.cause == "still"


def test_a_rate_far_from_the_declared_one_fails() -> None:
    played = streamed(ALIVE["somebody walks"])
    verdict(played, 20.0)
    verdict(played, 25.0)
    for declared in (60.0, 8.0):
        with pytest.raises(AssertionError, match=r"gives 20\.0 pictures per second"):
            verdict(played, declared)


@given(st.integers(0, 2**32 - 1), st.integers(8, 40), st.sampled_from([3000, 3600, 7500]))
def test_the_rate_is_that_of_the_timestamps(start: int, count: int, step: int) -> None:
    packets = [
        RtpPacket(96, (65530 + 2 * n + half) % 65536, (start + n * step) % 2**32, 1, b"x")
        for n in range(count)
        for half in (0, 1)
    ]
    expected = 90_000 / step if (count - 1) * step >= 45_000 else 0.0
    assert frame_rate(packets) == pytest.approx(expected, abs=0.01)
    assert frame_rate(packets[:4]) == 0.0


@given(st.lists(st.sampled_from([(90, 160), (1, 1), (2000, 7)]), max_size=12))
def test_sizes_that_change_do_no_harm(sizes: list[tuple[int, int]]) -> None:
    history = History()
    for size in sizes:
        history.add(np.zeros(size, np.uint8), np.zeros((90, 160), np.int16))
    assert history.liveliness().period == 0
