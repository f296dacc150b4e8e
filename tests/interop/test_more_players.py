"""Players that nobody here wrote, of MJPEG in RTP and of RTSP in a WebSocket.

No player of Debian's speaks RTSP in a WebSocket: Python's websocket-client carries FFmpeg's bytes.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest
from camera_servers import SYSTEM_PYTHON
from rtsp_stand import PASSWORDS, Stand, rtsp_stand
from websocket_stand import SocketStand, socket_stand

from devices.emulated.addresses import PORTS
from devices.emulated.posture import Posture

pytestmark = pytest.mark.interop

LIMIT = 30  # s for a player to play a second of video on a busy machine
FRAME_BYTES = 320 * 180 * 3 // 2  # I420


@pytest.fixture(scope="module")
def mjpeg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """An emulated camera whose second stream is MJPEG, with TLS and without."""
    posture = Posture(sub_codec="mjpeg", rtsp_plain_port=True, rtp_plain_udp=True)
    with rtsp_stand(tmp_path_factory.mktemp("mjpeg"), posture) as running:
        yield running


@pytest.fixture(scope="module")
def sockets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SocketStand]:
    with socket_stand(tmp_path_factory.mktemp("sockets")) as running:
        yield running


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is not installed; see tests/interop/debian-packages.txt")
    return path


def _of(stand: Stand, *, encrypted: bool) -> str:
    scheme = "rtsps" if encrypted else "rtsp"
    return f"{scheme}://viewer:{PASSWORDS['viewer']}@{stand.camera.address}:{PORTS[scheme]}"


@pytest.mark.parametrize(
    ("encrypted", "transport"), [(True, "tcp"), (False, "tcp"), (False, "udp")]
)
def test_ffmpeg_plays_mjpeg(mjpeg: Stand, *, encrypted: bool, transport: str) -> None:
    url = f"{_of(mjpeg, encrypted=encrypted)}/live/sub"
    command = [_program("ffmpeg"), "-hide_banner", "-loglevel", "error"]
    command += ["-rtsp_transport", transport, "-i", url, "-frames:v", "6", "-f", "rawvideo"]
    command += ["-s", "320x180", "-pix_fmt", "yuv420p", "pipe:1"]
    done = subprocess.run(command, capture_output=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert len(done.stdout) == 6 * FRAME_BYTES


def test_ffprobe_names_mjpeg_and_counts_its_size_in_blocks(mjpeg: Stand) -> None:
    command = [_program("ffprobe"), "-v", "error", "-rtsp_transport", "tcp", "-of", "json"]
    command += ["-show_streams", "-select_streams", "v", f"{_of(mjpeg, encrypted=True)}/live/sub"]
    done = subprocess.run(command, capture_output=True, timeout=LIMIT, check=True)
    (video,) = json.loads(done.stdout)["streams"]
    assert (video["codec_name"], video["width"], video["height"]) == ("mjpeg", 320, 184)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])  # SRTP inside TLS, and in datagrams
def test_gstreamer_plays_mjpeg_in_srtp(mjpeg: Stand, tmp_path: Path, protocol: str) -> None:
    raw = tmp_path / "frames.i420"
    source = f"rtspsrc location={mjpeg.url}/live/sub protocols={protocol} latency=100"
    source += f" user-id=viewer user-pw={PASSWORDS['viewer']} tls-validation-flags=0"
    pipeline = f"{source} ! rtpjpegdepay ! jpegdec ! videoconvert ! video/x-raw,format=I420"
    pipeline += f" ! identity eos-after=7 ! filesink location={raw}"
    command = [_program("gst-launch-1.0"), "-q", *pipeline.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert raw.exists(), done.stderr
    assert raw.stat().st_size >= 6 * FRAME_BYTES, done.stderr


@contextmanager
def _bridge(url: str) -> Iterator[str]:
    """Carry a TCP port through the WebSocket at ``url``; yields its RTSP URL."""
    script = Path(__file__).with_name("websocket_bridge.py")
    with subprocess.Popen(
        [SYSTEM_PYTHON, str(script), url], stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            port = running.stdout.readline().strip()
            if not port:
                pytest.fail(
                    "websocket-client is not installed; see tests/interop/debian-packages.txt"
                )
            yield f"rtsp://127.0.0.1:{port}"
        finally:
            running.kill()


@pytest.mark.parametrize("encrypted", [True, False])
def test_ffmpeg_plays_through_a_websocket(sockets: SocketStand, *, encrypted: bool) -> None:
    with _bridge(sockets.socket if encrypted else sockets.plain_socket) as server:
        url = server.replace("://", f"://viewer:{PASSWORDS['viewer']}@") + "/live/main"
        with av.open(url, options={"rtsp_transport": "tcp"}, timeout=LIMIT) as container:
            frames = container.decode(video=0)
            sizes = {
                (frame.width, frame.height) for frame, _ in zip(frames, range(6), strict=False)
            }
    assert sizes == {(640, 360)}


def test_ffmpeg_is_refused_in_a_websocket_with_a_wrong_password(sockets: SocketStand) -> None:
    with _bridge(sockets.socket) as server:
        url = server.replace("://", "://viewer:wrong@") + "/live/main"
        with pytest.raises(av.error.HTTPUnauthorizedError):
            av.open(url, options={"rtsp_transport": "tcp"}, timeout=LIMIT)
