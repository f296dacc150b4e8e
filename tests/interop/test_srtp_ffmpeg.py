"""SRTP keyed as SDES does (a=crypto), with FFmpeg as sender and as receiver.

FFmpeg has an SRTP implementation of its own. As a receiver it decrypts without a word: that it
shows a picture proves nothing about the network.
"""

from __future__ import annotations

import base64
import secrets
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devices.emulated.video.scene import Scene
from devices.emulated.video.source import Encoder, StreamDefinition
from devices.errors import Garbled
from devices.links.rtsp import picture
from devices.protocols.h26x import depacketise, packetise
from devices.protocols.rtp import RtpPacket, is_rtcp, parse_rtp
from devices.protocols.sdes import parse_crypto
from devices.protocols.srtp import Receiver, protector

pytestmark = pytest.mark.interop

LIMIT = 30
WIDTH, HEIGHT = 320, 192
SUITES = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(30)).decode()


def _ffmpeg() -> str:
    path = shutil.which("ffmpeg")
    if path is None:
        pytest.fail("ffmpeg is not installed; see tests/interop/debian-packages.txt")
    return path


def _sent_by_ffmpeg(suite: str, key: str, wanted: int = 40) -> list[bytes]:
    """SRTP packets of H.264 that FFmpeg sends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 0))
        own.settimeout(LIMIT)
        command = [_ffmpeg(), "-loglevel", "error", "-re", "-f", "lavfi", "-i"]
        command += [f"testsrc=size={WIDTH}x{HEIGHT}:rate=25", "-c:v", "libx264", "-tune"]
        command += ["zerolatency", "-g", "5", "-pix_fmt", "yuv420p", "-f", "rtp"]
        command += ["-srtp_out_suite", suite, "-srtp_out_params", key]
        command += [f"srtp://127.0.0.1:{own.getsockname()[1]}?pkt_size=1200"]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        ) as sender:
            try:
                received: list[bytes] = []
                while len(received) < wanted:
                    packet = own.recv(2048)
                    received += [] if is_rtcp(packet) else [packet]
                return received
            finally:
                sender.kill()


@pytest.mark.parametrize("suite", SUITES)
def test_srtp_of_ffmpeg_is_opened_with_its_key_alone(suite: str) -> None:
    key = _key()
    packets = _sent_by_ffmpeg(suite, key)
    receiver = Receiver(parse_crypto(f"1 {suite} inline:{key}|2^31"))
    opened = [parse_rtp(receiver.unprotect(packet)) for packet in packets]
    units, malformed = depacketise("h264", opened)
    assert malformed == 0
    seen = picture.decode("h264", units)
    assert (seen.width, seen.height, seen.frames > 5) == (WIDTH, HEIGHT, True)
    other = Receiver(parse_crypto(f"1 {suite} inline:{_key()}"))
    for packet in packets:
        with pytest.raises(Garbled):
            other.unprotect(packet)
    damaged = packets[-1][:-20] + bytes([packets[-1][-20] ^ 1]) + packets[-1][-19:]
    with pytest.raises(Garbled):
        Receiver(parse_crypto(f"1 {suite} inline:{key}")).unprotect(damaged)


def _pictures() -> Iterator[list[RtpPacket]]:
    encoder = Encoder(StreamDefinition("/s", "h264", WIDTH, HEIGHT))
    scene, sequence = Scene(WIDTH, HEIGHT, "1", "moving"), 0
    for number in range(10**6):
        packets = []
        for unit in next(encoder.encode(scene.at(number), 0, keyframe=number % 5 == 0)).units:
            for payload in packetise("h264", unit, 1100):
                packets.append(RtpPacket(96, sequence & 0xFFFF, 3600 * number, 7, payload))
                sequence += 1
        yield packets


@contextmanager
def _sending(port: int, crypto: str) -> Iterator[None]:
    """Send SRTP of ours to a port of this machine, 25 pictures a second."""
    ended, sender = threading.Event(), protector(parse_crypto(crypto))

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            for packets in _pictures():
                for packet in packets:
                    own.sendto(sender.protect(packet.to_bytes()), ("127.0.0.1", port))
                if ended.wait(0.04):
                    return

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=LIMIT)


def _shown_by_ffmpeg(folder: Path, port: int, crypto: str) -> bytes:
    """Pictures that FFmpeg shows of a session described so."""
    description = folder / "session.sdp"
    description.write_text(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=video {port} RTP/SAVP 96\r\na=rtpmap:96 H264/90000\r\na=crypto:{crypto}\r\n"
    )
    command = [_ffmpeg(), "-loglevel", "error", "-protocol_whitelist", "file,udp,rtp,srtp"]
    command += ["-i", str(description), "-frames:v", "3", "-f", "rawvideo"]
    command += ["-pix_fmt", "yuv420p", "pipe:1"]
    return subprocess.run(command, capture_output=True, timeout=LIMIT, check=True).stdout


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1]) & ~1


@pytest.mark.parametrize("suite", SUITES)
def test_ffmpeg_shows_srtp_of_ours_without_a_word(tmp_path: Path, suite: str) -> None:
    crypto, port = f"1 {suite} inline:{_key()}", _free_port()
    with _sending(port, crypto):
        shown = _shown_by_ffmpeg(tmp_path, port, crypto)
    assert len(shown) == 3 * WIDTH * HEIGHT * 3 // 2
