"""A scripted camera that plays, for tests of how the RTSP client gets at media."""

from __future__ import annotations

import base64
import socket
from pathlib import Path
from typing import Any

from rtsp_stand import (
    Handler,
    Stand,
    access_to,
    device_file,
    header,
    read_request,
    scripted_server,
)

from devices.description import DeviceFile
from devices.links.rtsp.observations import PlayedStream
from devices.links.rtsp.streams import play_streams
from devices.protocols.rtp import RtpPacket, sender_report
from devices.protocols.rtsp import Interleaved
from devices.protocols.srtp_suite import SDES_SUITES, SrtpKeys

STREAM = {"name": "main", "path": "/s", "codec": "h264", "width": 64, "height": 64}
SUITE = SDES_SUITES["AES_CM_128_HMAC_SHA1_80"]
KEYS = SrtpKeys(SUITE, bytes(range(16)), bytes(range(14)))
CRYPTO = "AES_CM_128_HMAC_SHA1_80 inline:" + base64.b64encode(KEYS.key + KEYS.salt).decode()
REPORT = sender_report(5, unix_time=1e9, timestamp=1, packets=1, octets=1, name="u@h")


class ScriptedCamera:
    """A scripted camera: answers by method, and sends frames after PLAY."""

    description = "v=0\r\nm=video 0 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n"
    agreed = "RTP/AVP/TCP;unicast;interleaved=0-1"
    hangs = False  # after its frames

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, connection: socket.socket) -> None:
        while request := read_request(connection):
            method = request.split()[0]
            if method.startswith("RTSP/"):  # the answer to a request of ours
                self.seen.append(request.splitlines()[0])
                continue
            self.seen.append(f"{method} {header(request, 'Transport')}".strip())
            status, more, body = self.answer(method, request)
            connection.sendall(
                f"RTSP/1.0 {status} X\r\nCSeq: {header(request, 'CSeq')}\r\n{more}"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            if method == "PLAY":
                for frame in self.frames():
                    connection.sendall(frame)
                if not self.hangs:
                    connection.shutdown(socket.SHUT_WR)

    def answer(self, method: str, request: str) -> tuple[int, str, str]:
        del request
        if method == "DESCRIBE":
            return 200, "", self.description
        return 200, f"Session: 1\r\nTransport: {self.agreed}\r\n", ""

    def frames(self) -> list[bytes]:
        return [Interleaved(0, packet).to_bytes() for packet in packets(20)]


def packets(count: int) -> list[bytes]:
    return [
        RtpPacket(97, n, 0, 5, b"\x65" + bytes([n]) * 300, marker=True).to_bytes()
        for n in range(count)
    ]


def play(
    camera: Handler, folder: Path, transport: str = "interleaved", **changes: Any
) -> PlayedStream:
    with scripted_server(camera) as port:
        url = f"rtsp://127.0.0.1:{port}"
        device = device_file(url, folder, streams=[STREAM | changes], transports=[transport])
        streams = play_streams(access_to(device), seconds=0.1).streams
    return next(s for s in streams if s.transport == transport)


def stand_with(stand: Stand, transport: str, **changes: Any) -> DeviceFile:
    """The stand's device file with its main stream over one transport."""
    declared = stand.device.declared
    main = declared.streams[0].model_copy(update={"transports": [transport], **changes})
    return stand.device.model_copy(
        update={"declared": declared.model_copy(update={"streams": [main]})}
    )
