"""A stream judged, beside ffprobe on the same URL: ``python -m benchmarks.rtsp_ffprobe``.

The camera is gst-rtsp-server with TLS and a login (tests/interop/foreign_cameras.toml, tls-digest);
it and ffprobe come from the Debian packages of tests/interop/debian-packages.txt.

ffprobe says that there is a stream, and of which codec and size. camproof records a fixed time of
media besides, looks at the bytes on the network, decodes the pictures and compares them: most of
its time is that recording. So ffprobe is measured twice: as it is used, and reading and decoding
as much media as camproof records.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.figure import Figure
from conformance import policy
from conformance.streams.test_picture import test_declared_streams_play_as_declared as picture
from conformance.streams.test_transport import test_video_cannot_be_read_off_the_network as wire
from devices import device_file
from devices.description import DeviceFile
from devices.emulated.maker.manufacturer import make_manufacturer
from devices.links.rtsp.link import RtspLink
from devices.links.rtsp.streams import PLAY_SECONDS
from devices.permit import Permit
from devices.secrets import Secrets

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # the camera of the tests
sys.path.append(str(Path(__file__).parents[1] / "tests" / "interop"))
from foreign_cameras import PASSWORDS, assess, cameras, running
from laboratory import Notes

CAMERA = "tls-digest"
RUNS = 7
WHOLE_RUNS = 3
COMMAND = "python -m benchmarks.rtsp_ffprobe"
FFPROBE = ("ffprobe", "-v", "error", "-rtsp_transport", "tcp")


def measure() -> Iterator[Figure]:
    """Seconds of camproof and of ffprobe, taken in turns."""
    camera = next(row for row in cameras() if row.name == CAMERA)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running(camera, folder / "camera", make_manufacturer(folder / "maker")) as path:
            device = device_file.load(path)
            yield from _of_one_stream(device)
            yield _of_all_cases(path, device)


def _of_one_stream(device: DeviceFile) -> Iterator[Figure]:
    ours, glance, same = [], [], []
    for _ in range(RUNS):
        ours.append(_seconds(lambda: _judged(device)))
        glance.append(_seconds(lambda: _ffprobe(device)))
        same.append(_seconds(lambda: _ffprobe_of_as_much(device)))
    name = "one stream over one transport, played and judged"
    yield Figure(
        name, ours, "s", COMMAND,
        peer=f"ffprobe that decodes {PLAY_SECONDS} s of it", peer_values=same,
    )  # fmt: skip
    yield Figure(name, ours, "s", COMMAND, peer="ffprobe", peer_values=glance)


def _of_all_cases(path: Path, device: DeviceFile) -> Figure:
    ours, peer = [], []
    for _ in range(WHOLE_RUNS):
        shutil.rmtree(path.parent / "run", ignore_errors=True)
        ours.append(_seconds(lambda: assess(path, "STREAM-*")))
        peer.append(_seconds(lambda: _ffprobe(device)))
    return Figure(
        "`camproof run --select 'STREAM-*' --no-allure` of that camera", ours, "s", COMMAND,
        peer="ffprobe", peer_values=peer,
    )  # fmt: skip


def _judged(device: DeviceFile) -> None:
    """Play the stream and judge it; a verdict other than PASS would be another measurement."""
    granted = device.authorisation
    permit = Permit(granted.addresses, granted.allow, granted.expires)
    played = RtspLink(device, permit, Secrets(device)).played_streams()
    picture(played, device, policy.load)
    wire(played, policy.load, Notes())


def _url(device: DeviceFile) -> str:
    (stream,) = device.declared.streams
    return stream.url.replace("://", f"://viewer:{PASSWORDS['viewer']}@")


def _ffprobe(device: DeviceFile) -> None:
    command = [*FFPROBE, "-show_entries", "stream=codec_name,width,height", _url(device)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    if "width=320" not in done.stdout:
        raise SystemExit(f"ffprobe found no stream: {done.stdout}{done.stderr}")


def _ffprobe_of_as_much(device: DeviceFile) -> None:
    command = [*FFPROBE, "-count_frames", "-read_intervals", f"%+{PLAY_SECONDS}"]
    command += ["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", _url(device)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    if not done.stdout.strip().isdigit() or int(done.stdout) < 10:
        raise SystemExit(f"ffprobe decoded no frames: {done.stdout}{done.stderr}")


def _seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


if __name__ == "__main__":
    print(f"load of this machine at the start: {os.getloadavg()[0]:.1f}")
    for figure in measure():
        print(figure.line(), flush=True)
