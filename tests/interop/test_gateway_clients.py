"""The gateway before clients that nobody here wrote: curl, OpenSSL, FFmpeg with libsrt."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_stand import CLOUD, Stand, free_port, gateway_stand

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(
        any(shutil.which(name) is None for name in ("curl", "openssl", "ffmpeg")),
        reason="curl, openssl and ffmpeg are not installed",
    ),
]

GENUINE_ALONE = {"genuine"}
EVERY_KIND = {"genuine", "unknown-ca", "self-signed", "wrong-name", "expired"}


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def stand(tmp_path: Path, port: int) -> Iterator[Stand]:
    """A gateway that clients are led to by name, so that they need no PROXY protocol."""
    with gateway_stand(tmp_path, destination="redirect", ports=[port]) as stand:
        yield stand


def run(*command: str, data: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input=data, capture_output=True, text=True, timeout=30, check=False
    )


def accepted(stand: Stand) -> set[str]:
    trials = stand.end().trials
    assert {trial.certificate for trial in trials} == EVERY_KIND
    assert {trial.outcome for trial in trials} <= {"accepted", "refused"}
    assert {trial.destination.names for trial in trials} == {(CLOUD,)}
    return {trial.certificate for trial in trials if trial.outcome == "accepted"}


def curl(stand: Stand, port: int, *arguments: str) -> int:
    where = ["--resolve", f"{CLOUD}:{port}:127.0.0.1", f"https://{CLOUD}:{port}/upload"]
    trust = ["--cacert", str(stand.trust)]
    return run("curl", "-sS", "--noproxy", "*", "-m", "20", *trust, *arguments, *where).returncode


def test_curl_that_verifies(stand: Stand, port: int) -> None:
    codes = [curl(stand, port) for _ in range(5)]
    assert codes[1:] == [60] * 4  # CURLE_PEER_FAILED_VERIFICATION
    assert accepted(stand) == GENUINE_ALONE


def test_curl_that_does_not_verify(stand: Stand, port: int) -> None:
    for _ in range(5):
        curl(stand, port, "--insecure")
    assert accepted(stand) == EVERY_KIND


def test_openssl_that_looks_at_no_name(stand: Stand, port: int) -> None:
    for _ in range(5):
        run(
            "openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", CLOUD,
            "-CAfile", str(stand.trust), "-verify_return_error", "-quiet",
            data="GET / HTTP/1.1\n\n",
        )  # fmt: skip
    assert accepted(stand) == {"genuine", "wrong-name"}


def test_curl_behind_the_proxy_protocol(tmp_path: Path) -> None:
    with gateway_stand(tmp_path) as stand:
        for _ in range(5):
            curl(stand, stand.port, "--haproxy-protocol")
        assert accepted(stand) == GENUINE_ALONE


SIZE = ["-f", "lavfi", "-i", "testsrc=size=160x96:rate=12", "-t", "2"]
H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "6"]
SRTP_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5"


@pytest.mark.parametrize(
    ("output", "protocol"),
    [
        (["-f", "flv", "rtmp://127.0.0.1:{}/live/key"], "rtmp"),
        (["-f", "rtsp", "-rtsp_transport", "tcp", "rtsp://u:p@127.0.0.1:{}/live"], "rtsp"),
        (["-f", "mpegts", "udp://127.0.0.1:{}?pkt_size=1316"], "mpeg-ts"),
        (["-f", "rtp", "rtp://127.0.0.1:{}"], "rtp-video"),
        (["-f", "rtp_mpegts", "rtp://127.0.0.1:{}"], "rtp-video"),
        (
            ["-f", "rtp", "-srtp_out_suite", "AES_CM_128_HMAC_SHA1_80", "-srtp_out_params",
             SRTP_KEY, "srtp://127.0.0.1:{}"],
            "rtp",
        ),
        (["-f", "mpegts", "srt://127.0.0.1:{}?mode=caller&connect_timeout=1500"], "srt"),
        (
            ["-f", "mpegts", "srt://127.0.0.1:{}?mode=caller&passphrase=0123456789ab"],
            "srt-encrypted",
        ),
        (["-f", "mpegts", "tcp://127.0.0.1:{}"], "mpeg-ts"),
        (["-f", "mp4", "-movflags", "frag_keyframe+empty_moov", "http://127.0.0.1:{}/a"], "http"),
    ],
)  # fmt: skip
def test_what_ffmpeg_pushes(stand: Stand, port: int, output: list[str], protocol: str) -> None:
    where = [part.format(port) for part in output]
    run("ffmpeg", "-v", "error", "-re", *SIZE, *H264, *where)
    stand.look_up("behind.example")
    found = {c.protocol for c in stand.end().contacts if c.destination.port == port}
    assert found == {protocol}
