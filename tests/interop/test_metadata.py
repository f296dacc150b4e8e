"""Metadata tracks with software that nobody here wrote: GStreamer as viewer and as camera."""

from __future__ import annotations

import itertools
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from camera_servers import gst_server
from rtsp_stand import PASSWORDS, access_to, device_file, rtsp_stand
from test_players import LIMIT, _login, _program

from conformance.streams.test_onvif_metadata import (
    test_metadata_is_protected_as_video_is as judge,
)
from devices.emulated.addresses import reserved_address
from devices.links.rtsp.metadata import MetadataStreams, metadata_streams
from devices.protocols.rtp import RtpPacket

pytestmark = pytest.mark.interop

DOCUMENT = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema"><tt:VideoAnalytics/>'
    "</tt:MetadataStream>"
)
VIDEO = (
    "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=15/1"
    " ! x264enc speed-preset=ultrafast tune=zerolatency key-int-max=15"
    " ! rtph264pay name=pay0 pt=96 config-interval=-1"
)
METADATA = (
    "udpsrc address={} port={} caps=application/x-rtp,media=application,"
    "encoding-name=VND.ONVIF.METADATA,clock-rate=90000,payload=107 ! identity name=pay1"
)
"""GStreamer has no payloader for metadata here: packets come from beside, ready-made."""


@contextmanager
def _analytics() -> Iterator[tuple[str, int]]:
    """Send documents over RTP to a local port, as a camera's analytics do; gives the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.88.4.1", 0))
        place = own.getsockname()
    ended = threading.Event()

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            for number in itertools.count():
                packet = RtpPacket(107, number, number * 9000, 77, DOCUMENT.encode(), marker=True)
                own.sendto(packet.to_bytes(), place)
                if ended.wait(0.1):
                    return

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield place
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_gstreamer_opens_metadata_keyed_by_mikey(tmp_path: Path, protocol: str) -> None:
    raw = tmp_path / "metadata.rtp"
    with rtsp_stand(tmp_path) as stand:
        source = f"rtspsrc location={stand.url}/live/main protocols={protocol} latency=100"
        source += f" user-id=viewer user-pw={PASSWORDS['viewer']} tls-validation-flags=0"
        pipeline = f"{source} ! application/x-rtp,media=application ! identity eos-after=3"
        command = [
            _program("gst-launch-1.0"),
            "-q",
            *f"{pipeline} ! filesink location={raw}".split(),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert b"<tt:MetadataStream" in raw.read_bytes(), done.stderr


def test_ffprobe_sees_video_and_data(tmp_path: Path) -> None:
    command = [_program("ffprobe"), "-loglevel", "error", "-rtsp_transport", "tcp"]
    command += ["-show_entries", "stream=codec_type", "-of", "csv=p=0"]
    with rtsp_stand(tmp_path) as stand:
        command.append(_login(stand.url, "main"))
        told = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=True)
    assert sorted(told.stdout.split()) == ["data", "video"]


def _seen(folder: Path, *, tls: bool, profile: str, transports: list[str]) -> MetadataStreams:
    pem = ""
    if tls:
        with rtsp_stand(folder / "maker") as stand:
            otp = stand.camera.flash / "otp"
            both = (otp / "device-key.pem").read_bytes() + (otp / "device-cert.pem").read_bytes()
        (folder / "server.pem").write_bytes(both)
        pem = str(folder / "server.pem")
    stream = {"name": "main", "path": "/stream", "codec": "h264", "width": 320, "height": 240}
    options = ["--port", "8554", "--profiles", profile, "--login", "digest"]
    options += ["--account", f"viewer:{PASSWORDS['viewer']}"]
    options += ["--certificate", pem] if pem else []
    with _analytics() as place, reserved_address() as address:
        options += ["--launch", f"( {VIDEO} {METADATA.format(*place)} )"]
        with gst_server(folder, address, options):
            server = f"rtsp{'s' if tls else ''}://{address}:8554"
            device = device_file(server, folder, streams=[stream], transports=transports)
            return metadata_streams(access_to(device))


DECLARED: Any = SimpleNamespace(
    declared=SimpleNamespace(streams=[SimpleNamespace(name="main", metadata=True)])
)


def test_a_gstreamer_camera_in_clear_fails(tmp_path: Path) -> None:
    found = _seen(tmp_path, tls=False, profile="AVP", transports=["interleaved"])
    told = {p.transport: (p.outcome, p.protection) for p in found.streams[0].played}
    assert told == {"interleaved": ("played", "none"), "udp": ("played", "none")}
    with pytest.raises(AssertionError, match="readable on the network"):
        judge(found, DECLARED)


def test_a_gstreamer_camera_with_tls_that_offers_udp_in_clear_fails(tmp_path: Path) -> None:
    found = _seen(tmp_path, tls=True, profile="AVP", transports=["interleaved"])
    told = {p.transport: (p.outcome, p.protection) for p in found.streams[0].played}
    assert told == {"interleaved": ("played", "tls"), "udp": ("played", "none")}
    with pytest.raises(AssertionError, match="over udp is readable"):
        judge(found, DECLARED)


def test_a_gstreamer_camera_with_tls_and_srtp_passes(tmp_path: Path) -> None:
    found = _seen(tmp_path, tls=True, profile="SAVP", transports=["srtp-udp", "srtp-interleaved"])
    told = {p.transport: (p.outcome, p.protection) for p in found.streams[0].played}
    assert told == {
        "srtp-udp": ("played", "srtp"),
        "srtp-interleaved": ("played", "srtp, tls"),
        "udp": ("refused", ""),
    }
    judge(found, DECLARED)
