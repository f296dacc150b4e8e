"""Streams with software that nobody here wrote: players on our camera, our link on GStreamer."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import cv2
import pytest
from rtsp_stand import PASSWORDS, Stand, access_to, device_file, rtsp_stand

from devices.emulated.addresses import reserved_address
from devices.links.rtsp.observations import PlayedStream
from devices.links.rtsp.streams import play_streams

pytestmark = pytest.mark.interop

LIMIT = 30  # s for a player to play a second of video on a busy machine
SYSTEM_PYTHON = "/usr/bin/python3"
FRAME_BYTES = {"main": 640 * 360 * 3 // 2, "sub": 320 * 180 * 3 // 2}  # I420


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with rtsp_stand(tmp_path_factory.mktemp("players")) as running:
        yield running


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is not installed; see tests/interop/debian-packages.txt")
    return path


def _with_password(stand: Stand, stream: str) -> str:
    return stand.url.replace("://", f"://viewer:{PASSWORDS['viewer']}@") + f"/live/{stream}"


@pytest.mark.parametrize("stream", ["main", "sub"])
def test_ffmpeg_plays(stand: Stand, stream: str) -> None:
    command = [_program("ffmpeg"), "-hide_banner", "-loglevel", "error", "-rtsp_transport", "tcp"]
    command += ["-i", _with_password(stand, stream), "-frames:v", "6", "-f", "rawvideo"]
    command += ["-pix_fmt", "yuv420p", "pipe:1"]
    done = subprocess.run(command, capture_output=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert len(done.stdout) == 6 * FRAME_BYTES[stream]


@pytest.mark.parametrize(("stream", "codec"), [("main", "h264"), ("sub", "hevc")])
def test_pyav_plays(stand: Stand, stream: str, codec: str) -> None:
    options = {"rtsp_transport": "tcp"}
    with av.open(_with_password(stand, stream), options=options, timeout=LIMIT) as container:
        assert container.streams.video[0].codec_context.name == codec
        frames = container.decode(video=0)
        assert all(next(frames).width == (640 if stream == "main" else 320) for _ in range(6))


def test_opencv_plays(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
    capture = cv2.VideoCapture(_with_password(stand, "main"), cv2.CAP_FFMPEG)
    try:
        for _ in range(6):
            good, picture = capture.read()
            assert good
            assert picture.shape == (360, 640, 3)
    finally:
        capture.release()


@pytest.mark.parametrize(
    ("stream", "protocol", "elements"),
    [
        ("main", "tcp", "rtph264depay ! h264parse ! avdec_h264"),  # SRTP inside TLS
        ("main", "udp", "rtph264depay ! h264parse ! avdec_h264"),  # SRTP in datagrams
        ("sub", "udp", "rtph265depay ! h265parse ! avdec_h265"),
    ],
)
def test_gstreamer_plays_srtp_keyed_by_mikey(
    stand: Stand, tmp_path: Path, stream: str, protocol: str, elements: str
) -> None:
    raw = tmp_path / "frames.i420"
    source = f"rtspsrc location={stand.url}/live/{stream} protocols={protocol} latency=100"
    source += f" user-id=viewer user-pw={PASSWORDS['viewer']} tls-validation-flags=0"
    pipeline = f"{source} ! {elements} ! videoconvert ! video/x-raw,format=I420"
    pipeline += f" ! identity eos-after=7 ! filesink location={raw}"
    command = [_program("gst-launch-1.0"), "-q", *pipeline.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    # Not the exit status: after the last picture rtspsrc may fail in closing its TLS connection.
    size = raw.stat().st_size if raw.exists() else 0
    assert size >= 6 * FRAME_BYTES[stream], done.stderr


@contextmanager
def _gst_camera(folder: Path, pem: str, profile: str, pipeline: str) -> Iterator[str]:
    script = Path(__file__).with_name("gst_camera.py")
    with reserved_address() as address:
        command = [SYSTEM_PYTHON, str(script), address, "8554", pem, profile, "viewer"]
        command += [PASSWORDS["viewer"], pipeline]
        # GStreamer's plugin registry must not be looked for in the user's home.
        environment = {**os.environ, "GST_REGISTRY": str(folder / "registry.bin")}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        ) as server:
            try:
                assert server.stdout is not None
                if server.stdout.readline() != "ready\n":
                    server.kill()
                    said = server.communicate()[1]
                    pytest.fail(f"gst-rtsp-server does not run; is it installed? {said}")
                scheme = "rtsp" if pem == "-" else "rtsps"
                yield f"{scheme}://{address}:8554"
            finally:
                server.kill()


def _played(folder: Path, server: str, codec: str, transports: list[str]) -> list[PlayedStream]:
    stream = {"name": "main", "path": "/stream", "codec": codec, "width": 320, "height": 240}
    device = device_file(server, folder, streams=[stream], transports=transports)
    return list(play_streams(access_to(device), seconds=1.0).streams)


def test_link_plays_srtp_of_gst_rtsp_server(stand: Stand, tmp_path: Path) -> None:
    otp = stand.camera.flash / "otp"
    pem = tmp_path / "server.pem"
    pem.write_bytes((otp / "device-key.pem").read_bytes() + (otp / "device-cert.pem").read_bytes())
    pipeline = (
        "( videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=15/1"
        " ! x265enc speed-preset=ultrafast tune=zerolatency key-int-max=15"
        " ! rtph265pay name=pay0 pt=96 config-interval=-1 )"
    )
    transports = ["srtp-udp", "srtp-interleaved"]
    with _gst_camera(tmp_path, str(pem), "SAVP", pipeline) as server:
        played = {s.transport: s for s in _played(tmp_path, server, "h265", transports)}
    assert played["udp"].status == 461
    for transport in transports:
        stream = played[transport]
        assert (stream.outcome, stream.codec) == ("played", "h265"), stream.reason
        assert stream.srtp is not None
        assert (stream.srtp.key_exchange, stream.srtp.failed) == ("mikey", 0)
        assert stream.srtp.verified > 10
        assert stream.pictures is not None
        assert stream.pictures.movement > 0.001
        assert stream.wire is not None
        assert (stream.wire.nal_units, stream.wire.chi_square < 400) == (0, True)


def test_link_plays_b_frames_and_aggregates_of_gst_rtsp_server(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    command = [_program("ffmpeg"), "-loglevel", "error", "-f", "lavfi", "-i"]
    command += ["testsrc=size=320x240:rate=25", "-t", "8", "-c:v", "libx264", "-bf", "3"]
    subprocess.run([*command, "-g", "25", str(clip)], check=True, timeout=LIMIT)
    pipeline = (
        f"( filesrc location={clip} ! qtdemux ! h264parse"
        " ! rtph264pay name=pay0 pt=96 config-interval=-1 aggregate-mode=zero-latency )"
    )
    with _gst_camera(tmp_path, "-", "AVP", pipeline) as server:
        played = _played(tmp_path, server, "h264", ["interleaved"])
    for stream in played:  # interleaved, and plain UDP, which this camera offers
        assert (stream.outcome, stream.malformed) == ("played", 0), stream.reason
        assert stream.pictures is not None
        assert stream.pictures.frames > 10
        assert (stream.pictures.width, stream.pictures.height) == (320, 240)
        assert stream.wire is not None
        assert stream.wire.nal_units > 10  # nothing hides it
