"""tshark on our captures: they open without complaint, and the cited frames say why."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from rtsp_stand import PASSWORDS, rtsp_stand

from devices.emulated.addresses import PORTS
from devices.emulated.posture import Posture
from devices.links.capture import Capture
from devices.links.capture.proxy import RecordingProxy
from devices.links.rtsp.streams import play_streams

TSHARK = shutil.which("tshark")

pytestmark = pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")


def tshark(file: Path, *arguments: str) -> list[str]:
    assert TSHARK is not None
    checks = ["-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"]
    checks += ["-o", "ip.check_checksum:TRUE", "-n", "-r", str(file)]
    done = subprocess.run(
        [TSHARK, *checks, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    # As root it warns of that, and of nothing else.
    said = [line for line in done.stderr.splitlines() if "as user" not in line and line.strip()]
    assert not said
    return done.stdout.splitlines()


def kept(folder: Path, posture: Posture) -> tuple[dict[str, Path], dict[str, int]]:
    """The captures of a played camera, and the first frame with readable video of each."""
    with rtsp_stand(folder, posture) as stand:
        observation = play_streams(stand.access, seconds=0.4, cited_by="STREAM-003")
    files = {}
    for artefact in observation.artefacts:
        files[artefact.name] = folder / artefact.name
        files[artefact.name].write_bytes(artefact.data)
    readable = {s.cited.file: s.cited.readable for s in observation.streams if s.cited}
    return files, readable


def test_captures_open_and_hold_no_error(tmp_path: Path) -> None:
    files, readable = kept(tmp_path, Posture())
    captures = [path for name, path in files.items() if name.endswith(".pcapng")]
    assert len(captures) == 8
    assert not any(readable.values())
    for path in captures:
        assert tshark(path)
        bad = "ip.checksum.status==0 || tcp.checksum.status==0 || udp.checksum.status==0"
        bad += " || tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment"
        bad += " || tcp.analysis.retransmission || _ws.malformed"
        assert not tshark(path, "-Y", bad)
    marked = tshark(
        files["main-srtp-udp.pcapng"], "-Y", "frame.comment", "-T", "fields", "-e", "frame.comment"
    )
    assert len(marked) == 2
    assert all("STREAM-003: the " in line for line in marked)


def test_the_frame_that_a_verdict_cites_holds_readable_video(tmp_path: Path) -> None:
    files, readable = kept(tmp_path, Posture(rtp_plain_udp=True))
    number = readable["main-udp.pcapng"]
    path = files["main-udp.pcapng"]
    (line,) = tshark(
        path, "-Y", f"frame.number=={number}", "-T", "fields", "-e", "udp.port", "-e",
        "frame.comment",
    )  # fmt: skip
    ports, comment = line.split("\t")
    assert "can be read without any key" in comment
    as_video = ["-d", f"udp.port=={ports.split(',')[1]},rtp", "-d", "rtp.pt==96,h264"]
    found = tshark(path, *as_video, "-Y", f"frame.number=={number} && h264")
    assert len(found) == 1


def test_what_a_player_gets_through_the_proxy_is_in_the_capture(tmp_path: Path) -> None:
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        pytest.skip("ffmpeg is not installed")
    capture = Capture()
    with rtsp_stand(tmp_path) as stand:
        target = (stand.camera.address, PORTS["rtsps"])
        with RecordingProxy(target, capture) as proxy:
            host, port = proxy.address
            login = f"viewer:{PASSWORDS['viewer']}"
            done = subprocess.run(
                [ffmpeg, "-v", "error", "-rtsp_transport", "tcp", "-i",
                 f"rtsps://{login}@{host}:{port}/live/main", "-frames:v", "3", "-f", "null", "-"],
                capture_output=True, text=True, check=False, timeout=60,
            )  # fmt: skip
    assert done.returncode == 0, done.stderr
    path = tmp_path / "player.pcapng"
    path.write_bytes(capture.artefact("player.pcapng", "FFmpeg plays /live/main").data)
    assert tshark(path, "-d", "tcp.port==8322,tls", "-Y", "tls.handshake.type==1")
    assert not tshark(path, "-d", "tcp.port==8322,tls", "-Y", "rtsp || rtp")
