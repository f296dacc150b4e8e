"""Sessions, logins and the back channel of gst-rtsp-server, as the link measures them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rtsp_stand import PASSWORDS, access_to, device_file

from devices.emulated.addresses import reserved_address
from devices.emulated.maker.manufacturer import make_manufacturer
from devices.emulated.posture import Posture
from devices.emulated.unit import make_unit
from devices.links.rtsp import voice_line
from devices.links.rtsp.access import RtspAccess
from devices.links.rtsp.backchannels import backchannels
from devices.links.rtsp.endings import endings, silences
from devices.links.rtsp.nonces import nonce_use
from devices.links.rtsp.refusals import refusals
from devices.links.rtsp.voice import voice_receptions

pytestmark = pytest.mark.interop

SYSTEM_PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).with_name("gst_backchannel.py")


@contextmanager
def gst_camera(folder: Path, transports: list[str]) -> Iterator[RtspAccess]:
    """GStreamer's ONVIF server inside TLS, with Digest, SRTP and an audio back channel."""
    with reserved_address() as address:
        key, chain = make_manufacturer(folder / "m").issue_device(make_unit(), address, Posture())
        pem = folder / "server.pem"
        pem.write_bytes(key + chain)
        command = [SYSTEM_PYTHON, str(SCRIPT), address, "8554", str(pem), "viewer"]
        with subprocess.Popen(
            [*command, PASSWORDS["viewer"]],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "GST_REGISTRY": str(folder / "registry.bin")},
        ) as server:
            try:
                assert server.stdout is not None
                if server.stdout.readline() != "ready\n":
                    server.kill()
                    said = server.communicate()[1]
                    pytest.fail(f"gst-rtsp-server does not run; is it installed? {said}")
                stream = {"name": "main", "path": "/stream", "codec": "h264", "width": 320}
                stream |= {"height": 240, "backchannel": "pcmu"}
                url = f"rtsps://{address}:8554"
                yield access_to(device_file(url, folder, streams=[stream], transports=transports))
            finally:
                server.kill()


def test_streams_end(tmp_path: Path) -> None:
    with gst_camera(tmp_path, ["srtp-interleaved", "srtp-udp"]) as access:
        found = endings(access)
    assert found.complete, found.shortfall
    assert {(e.transport, e.way) for e in found.endings} == {
        ("srtp-interleaved", "teardown"),
        ("srtp-udp", "teardown"),
        ("srtp-udp", "connection"),
    }
    assert all(e.before and e.last < 1 for e in found.endings)


def test_a_session_times_out_on_an_open_connection(tmp_path: Path) -> None:
    with gst_camera(tmp_path, ["srtp-udp"]) as access:
        found = silences(access)
    (silent,) = found.endings
    assert found.complete, found.shortfall
    assert silent.timeout == 5
    assert silent.listened - silent.last >= 1
    assert silent.last < silent.timeout + 8  # GStreamer gives five seconds more


def test_nonces_belong_to_their_connection_and_are_not_counted(tmp_path: Path) -> None:
    with gst_camera(tmp_path, ["srtp-udp"]) as access:
        use = nonce_use(access)
    assert (use.scheme, use.qop, use.elsewhere) == ("digest", (), 401)
    assert (use.first, use.second, use.repeated) == (200, 200, 200)


def test_a_session_is_whose_identifier_one_has(tmp_path: Path) -> None:
    """GStreamer 1.22 asks for a login at DESCRIBE and SETUP, and for no more than the session."""
    with gst_camera(tmp_path, ["srtp-udp"]) as access:
        del access.device.accounts["guard"]  # the server knows one user
        found = refusals(access)
    statuses = {(a.kind, a.method): a.status for a in found.answers}
    for kind in ("wrong password", "empty password", "name in another case"):
        assert statuses[kind, "DESCRIBE"] == 401
    assert statuses["another connection", "GET_PARAMETER"] == 200
    assert statuses["no login", "PLAY"] == 200


def test_the_back_channel_is_found_and_guarded(tmp_path: Path) -> None:
    with gst_camera(tmp_path, ["srtp-udp"]) as access:
        (stream,) = backchannels(access).streams
    assert (stream.offered, stream.described_to_anyone) == (("pcmu",), False)
    assert (stream.anonymous, stream.plain) == (401, 461)


def test_reports_under_keys_that_nobody_has_show_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes our keys from SETUP, and gives away none of its own for the back channel."""
    monkeypatch.setattr(voice_line, "REPORT_SECONDS", 8.0)
    with gst_camera(tmp_path, ["srtp-udp"]) as access:
        found = voice_receptions(access)
    assert not found.receptions
    assert "do not open by any key" in found.shortfall
