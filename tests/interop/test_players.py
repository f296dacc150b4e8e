"""Players that nobody here wrote, as viewers of the emulated camera: over every way they know.

Where a player can judge a certificate, it is tried with the right authority and with a wrong one.
Debian's FFmpeg cannot over rtsps; gst-launch judges by the system's authorities alone.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import pytest
from rtsp_stand import PASSWORDS, Stand, rtsp_stand

from devices.emulated.addresses import PORTS
from devices.emulated.maker.manufacturer import make_manufacturer
from devices.emulated.posture import Posture

pytestmark = pytest.mark.interop

LIMIT = 30  # s for a player to play a second of video on a busy machine
FRAME_BYTES = {"main": 640 * 360 * 3 // 2, "sub": 320 * 180 * 3 // 2}  # I420
DECODERS = {
    "main": "rtph264depay ! h264parse ! avdec_h264",
    "sub": "rtph265depay ! h265parse ! avdec_h265",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("players")


@pytest.fixture(scope="module")
def stand(folder: Path) -> Iterator[Stand]:
    with rtsp_stand(folder) as running:
        yield running


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an emulated camera that serves RTSP, and media over UDP, without TLS."""
    posture = Posture(rtsp_plain_port=True, rtp_plain_udp=True)
    with rtsp_stand(tmp_path_factory.mktemp("leaky"), posture) as running:
        yield f"rtsp://{running.camera.address}:{PORTS['rtsp']}"


@pytest.fixture(scope="module")
def authority(folder: Path, stand: Stand) -> Path:
    """The authority that signed the camera's certificate."""
    return folder / "maker" / "device-trust.pem"


@pytest.fixture(scope="module")
def other_authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority of the same name that did not."""
    return make_manufacturer(tmp_path_factory.mktemp("other")).device_trust


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is not installed; see tests/interop/debian-packages.txt")
    return path


def _login(server: str, stream: str, password: str = PASSWORDS["viewer"]) -> str:
    return server.replace("://", f"://viewer:{password}@") + f"/live/{stream}"


def _ffmpeg(url: str, transport: str) -> subprocess.CompletedProcess[bytes]:
    command = [_program("ffmpeg"), "-hide_banner", "-loglevel", "error"]
    command += ["-rtsp_transport", transport, "-i", url, "-frames:v", "6", "-f", "rawvideo"]
    command += ["-pix_fmt", "yuv420p", "pipe:1"]
    return subprocess.run(command, capture_output=True, timeout=LIMIT, check=False)


@pytest.mark.parametrize("stream", ["main", "sub"])
def test_ffmpeg_plays_inside_tls(stand: Stand, stream: str) -> None:
    done = _ffmpeg(_login(stand.url, stream), "tcp")
    assert done.returncode == 0, done.stderr.decode()
    assert len(done.stdout) == 6 * FRAME_BYTES[stream]


def test_ffmpeg_turned_to_udp_plays_inside_tls_all_the_same(stand: Stand) -> None:
    """Over rtsps it asks for TCP whatever it was told: this shows nothing about datagrams."""
    done = _ffmpeg(_login(stand.url, "main"), "udp")
    assert len(done.stdout) == 6 * FRAME_BYTES["main"], done.stderr.decode()


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_ffmpeg_plays_a_camera_without_tls(leaky: str, transport: str) -> None:
    done = _ffmpeg(_login(leaky, "main"), transport)
    assert done.returncode == 0, done.stderr.decode()
    assert len(done.stdout) == 6 * FRAME_BYTES["main"]


def test_ffmpeg_is_refused_with_a_wrong_password(stand: Stand) -> None:
    done = _ffmpeg(_login(stand.url, "main", "wrong"), "tcp")
    assert (done.returncode == 0, done.stdout) == (False, b"")
    assert b"401 Unauthorized" in done.stderr


def _pyav_plays(url: str, **options: str) -> str:
    """Play six pictures; returns the codec."""
    with av.open(url, options=options, timeout=LIMIT) as container:
        frames = container.decode(video=0)
        assert all(next(frames).width in {640, 320} for _ in range(6))
        return str(container.streams.video[0].codec_context.name)


@pytest.mark.parametrize(("stream", "codec"), [("main", "h264"), ("sub", "hevc")])
def test_pyav_plays_inside_tls_of_the_right_authority(
    stand: Stand, authority: Path, stream: str, codec: str
) -> None:
    verified = {"tls_verify": "1", "ca_file": str(authority)}
    url = _login(stand.url, stream)
    assert _pyav_plays(url, rtsp_transport="tcp", **verified) == codec


def test_pyav_refuses_a_wrong_authority(stand: Stand, other_authority: Path) -> None:
    verified = {"tls_verify": "1", "ca_file": str(other_authority)}
    with pytest.raises(av.error.FFmpegError):
        _pyav_plays(_login(stand.url, "main"), rtsp_transport="tcp", **verified)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_pyav_plays_a_camera_without_tls(leaky: str, transport: str) -> None:
    assert _pyav_plays(_login(leaky, "sub"), rtsp_transport=transport) == "hevc"


def test_pyav_is_refused_with_a_wrong_password(stand: Stand) -> None:
    with pytest.raises(av.error.HTTPUnauthorizedError):
        _pyav_plays(_login(stand.url, "main", "wrong"), rtsp_transport="tcp")


def _opencv_plays(url: str, options: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether six pictures can be read."""
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", options)
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG)
    try:
        pictures = [capture.read() for _ in range(6)]
    finally:
        capture.release()
    return all(good and picture.shape == (360, 640, 3) for good, picture in pictures)


def test_opencv_plays_inside_tls_of_the_right_authority_alone(
    stand: Stand, authority: Path, other_authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = _login(stand.url, "main")
    checked = "rtsp_transport;tcp|tls_verify;1|ca_file;"
    assert _opencv_plays(url, f"{checked}{authority}", monkeypatch)
    assert not _opencv_plays(url, f"{checked}{other_authority}", monkeypatch)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_opencv_plays_a_camera_without_tls(
    leaky: str, monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    assert _opencv_plays(_login(leaky, "main"), f"rtsp_transport;{transport}", monkeypatch)


def test_opencv_is_refused_with_a_wrong_password(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = _login(stand.url, "main", "wrong")
    assert not _opencv_plays(url, "rtsp_transport;tcp", monkeypatch)


def _gstreamer(
    raw: Path, server: str, stream: str, protocol: str, *properties: str, password: str = ""
) -> tuple[int, str]:
    """Play with gst-launch; returns the bytes of whole pictures, and what it said.

    Not the exit status: after the last picture rtspsrc may fail in closing its TLS connection.
    """
    source = f"rtspsrc location={server}/live/{stream} protocols={protocol} latency=100"
    source += f" user-id=viewer user-pw={password or PASSWORDS['viewer']} {' '.join(properties)}"
    pipeline = f"{source} ! {DECODERS[stream]} ! videoconvert ! video/x-raw,format=I420"
    pipeline += f" ! identity eos-after=7 ! filesink location={raw}"
    command = [_program("gst-launch-1.0"), "-q", *pipeline.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    return raw.stat().st_size if raw.exists() else 0, done.stderr


@pytest.mark.parametrize(
    ("stream", "protocol"),
    [("main", "tcp"), ("main", "udp"), ("sub", "udp")],  # SRTP inside TLS, and in datagrams
)
def test_gstreamer_plays_srtp_keyed_by_mikey(
    stand: Stand, tmp_path: Path, stream: str, protocol: str
) -> None:
    raw = tmp_path / "frames.i420"
    size, said = _gstreamer(raw, stand.url, stream, protocol, "tls-validation-flags=0")
    assert size >= 6 * FRAME_BYTES[stream], said


@pytest.mark.parametrize(("stream", "protocol"), [("main", "tcp"), ("sub", "udp")])
def test_gstreamer_plays_a_camera_without_tls(
    leaky: str, tmp_path: Path, stream: str, protocol: str
) -> None:
    size, said = _gstreamer(tmp_path / "frames.i420", leaky, stream, protocol)
    assert size >= 6 * FRAME_BYTES[stream], said


def test_gstreamer_refuses_an_authority_that_it_does_not_know(stand: Stand, tmp_path: Path) -> None:
    size, said = _gstreamer(tmp_path / "frames.i420", stand.url, "main", "tcp")
    assert size == 0
    assert "Failed to connect" in said


def test_gstreamer_is_refused_with_a_wrong_password(stand: Stand, tmp_path: Path) -> None:
    raw = tmp_path / "frames.i420"
    validated = "tls-validation-flags=0"
    size, said = _gstreamer(raw, stand.url, "main", "tcp", validated, password="wrong")
    assert size == 0
    assert "nauthorized" in said
