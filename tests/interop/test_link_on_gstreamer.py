"""Our RTSP link on gst-rtsp-server: what it measures there, and what players make of the same."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest
from camera_servers import PIPELINES, gst_server
from rtsp_stand import PASSWORDS, access_to, device_file

from devices.emulated.addresses import reserved_address
from devices.emulated.maker.manufacturer import make_manufacturer
from devices.emulated.posture import Posture
from devices.emulated.unit import make_unit
from devices.links.rtsp.observations import PlayedStream
from devices.links.rtsp.streams import play_streams

pytestmark = pytest.mark.interop

LIMIT = 30  # s for a player to play a second of video on a busy machine


@contextmanager
def _gst_camera(folder: Path, pipeline: str, *options: str, tls: bool = False) -> Iterator[str]:
    """Run a camera with a login by Digest; yields its URL without path."""
    with reserved_address() as address:
        arguments = ["--port", "8554", "--launch", pipeline, "--login", "digest"]
        arguments += ["--account", f"viewer:{PASSWORDS['viewer']}", *options]
        if tls:
            maker = make_manufacturer(folder / "maker")
            key, chain = maker.issue_device(make_unit(), address, Posture())
            (folder / "server.pem").write_bytes(key + chain)
            arguments += ["--certificate", str(folder / "server.pem")]
        with gst_server(folder, address, arguments):
            yield f"{'rtsps' if tls else 'rtsp'}://{address}:8554"


def _played(folder: Path, server: str, codec: str, transports: list[str]) -> list[PlayedStream]:
    stream = {"name": "main", "path": "/stream", "codec": codec, "width": 320, "height": 240}
    device = device_file(server, folder, streams=[stream], transports=transports)
    return list(play_streams(access_to(device), seconds=1.0).streams)


def test_link_plays_srtp_where_players_of_ffmpeg_are_turned_away(tmp_path: Path) -> None:
    """They ask for RTP/AVP whatever the description says: their failing shows nothing."""
    transports = ["srtp-udp", "srtp-interleaved"]
    with _gst_camera(tmp_path, PIPELINES["h265"], "--profiles", "SAVP", tls=True) as server:
        played = {s.transport: s for s in _played(tmp_path, server, "h265", transports)}
        login = server.replace("://", f"://viewer:{PASSWORDS['viewer']}@")
        with pytest.raises(av.error.FFmpegError, match="Protocol not supported"):  # by 461
            av.open(login + "/stream", options={"rtsp_transport": "tcp"}, timeout=LIMIT)
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


def test_link_plays_b_frames_and_aggregates(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    command = ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i"]
    command += ["testsrc=size=320x240:rate=25", "-t", "8", "-c:v", "libx264", "-bf", "3"]
    subprocess.run([*command, "-g", "25", str(clip)], check=True, timeout=LIMIT)
    pipeline = (
        f"( filesrc location={clip} ! qtdemux ! h264parse"
        " ! rtph264pay name=pay0 pt=96 config-interval=-1 aggregate-mode=zero-latency )"
    )
    with _gst_camera(tmp_path, pipeline) as server:
        played = _played(tmp_path, server, "h264", ["interleaved"])
    for stream in played:  # interleaved, and plain UDP, which this camera offers
        assert (stream.outcome, stream.malformed) == ("played", 0), stream.reason
        assert stream.pictures is not None
        assert stream.pictures.frames > 10
        assert (stream.pictures.width, stream.pictures.height) == (320, 240)
        assert stream.wire is not None
        assert stream.wire.nal_units > 10  # nothing hides it
