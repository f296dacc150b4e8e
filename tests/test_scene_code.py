"""Codes for a lens: what is drawn is read back, through what a camera does to a picture."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from devices.scene.code import draw, fresh, modules, read, well_formed
from devices.scene.poster import poster

CODES = st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=8, max_size=8)


@given(CODES)
def test_every_code_is_a_symbol_of_version_1_that_reads_back(code: str) -> None:
    assert modules(code).shape == (21, 21)
    found = read(draw(code, 6))
    assert found is not None
    assert found.code == code


@given(st.text(max_size=12))
def test_what_is_no_code_is_not_drawn(text: str) -> None:
    if not well_formed(text):
        with pytest.raises(ValueError, match="is no code"):
            modules(text)


def test_codes_are_fresh() -> None:
    assert len({fresh() for _ in range(1000)}) == 1000


def test_a_symbol_of_somebody_else_is_no_code() -> None:
    parameters: Any = cv2.QRCodeEncoder.Params()
    drawn = cv2.QRCodeEncoder.create(parameters).encode("https://example.org/")
    symbol = np.asarray(cv2.copyMakeBorder(drawn, 4, 4, 4, 4, cv2.BORDER_CONSTANT, value=255))
    large = np.kron(symbol, np.ones((8, 8), np.uint8)).astype(np.uint8)
    assert read(large) is None


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(1, 1), (3, 200), (180, 320)]))
def test_noise_holds_no_code(seed: int, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    assert read(noise) is None


def test_a_poster_reads_back_and_an_empty_one_is_plain() -> None:
    code = fresh()
    for size in ((1920, 1080), (600, 1024)):
        picture = cv2.imdecode(np.frombuffer(poster(code, size), np.uint8), cv2.IMREAD_GRAYSCALE)
        found = read(np.asarray(picture, np.uint8))
        assert found is not None
        assert found.code == code
    empty = cv2.imdecode(np.frombuffer(poster(""), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert np.unique(np.asarray(empty)).size == 1


def as_a_camera_sees_it(code: str, width: int, height: int, share: float) -> NDArray[np.uint8]:
    """A tilted card of this share of the height before a busy ground."""
    random = np.random.default_rng(7)
    ground = random.integers(0, 255, (9, 16), np.uint8)
    picture = cv2.resize(ground, (width, height), interpolation=cv2.INTER_CUBIC)
    card = cv2.GaussianBlur(draw(code, 8), (0, 0), 2)
    side, half = card.shape[0], share * height / 2
    corners = np.array([[-1, -1], [1, -0.92], [0.95, 1], [-1.05, 0.95]], np.float32) * half
    seen = corners + np.array([width / 2, height / 2], np.float32)
    square = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    turn = cv2.getPerspectiveTransform(square, seen.astype(np.float32))
    mask = cv2.warpPerspective(np.full_like(card, 255), turn, (width, height))
    tilted = cv2.warpPerspective(card, turn, (width, height), flags=cv2.INTER_AREA)
    return np.where(mask > 0, tilted, picture).astype(np.uint8)


def compressed(picture: NDArray[np.uint8], quality: int, noise: float) -> NDArray[np.uint8]:
    """The fourth picture of a stream of this, with sensor noise, in H.264."""
    random = np.random.default_rng(3)
    height, width = picture.shape
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, 12)
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": str(quality)}
    decoder: Any = av.CodecContext.create("h264", "r")
    last = picture
    for _ in range(4):
        noisy = np.clip(picture + random.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)
        frame = av.VideoFrame.from_ndarray(noisy, format="gray").reformat(format="yuv420p")
        for packet in encoder.encode(frame):
            for decoded in decoder.decode(packet):
                last = decoded.to_ndarray(format="gray")
    return last


@pytest.mark.parametrize(
    ("width", "height", "quality", "noise", "contrast"),
    [
        (1280, 720, 28, 6.0, 1.0),
        (640, 360, 30, 6.0, 1.0),
        (320, 180, 26, 4.0, 1.0),
        (320, 180, 28, 6.0, 0.5),  # grey in grey, as infrared pictures at night are
    ],
)
def test_a_compressed_tilted_noisy_picture_is_read(
    width: int, height: int, quality: int, noise: float, contrast: float
) -> None:
    read_back = 0
    for _ in range(5):
        code = fresh()
        seen = 110 + contrast * (as_a_camera_sees_it(code, width, height, 0.7).astype(float) - 110)
        found = read(compressed(seen.astype(np.uint8), quality, noise))
        assert found is None or found.code == code  # never another one
        read_back += found is not None
    assert read_back >= 4
