"""A scripted RTSP server and its device file, for tests of what else opens a stream."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rtsp_stand import (
    Handler,
    device_file,
    header,
    read_request,
    scripted_server,
)

from devices.description import DeviceFile
from devices.links.rtsp.client import Endpoint
from devices.protocols.rtp import RtpPacket
from devices.protocols.rtsp import Interleaved

STREAM = {"name": "main", "path": "/s", "codec": "h264", "width": 64, "height": 64}
SPS, PPS = "Z0IAKQ==", "aM4xsg=="


def at(port: int, *, encrypted: bool = False, host: str = "127.0.0.1") -> Endpoint:
    return Endpoint(host, port, encrypted)


@contextlib.contextmanager
def scripted(camera: Handler, folder: Path, **changes: Any) -> Iterator[tuple[int, DeviceFile]]:
    with scripted_server(camera) as port:
        url = f"rtsp://127.0.0.1:{port}"
        yield port, device_file(url, folder, streams=[STREAM | changes], transports=["interleaved"])


class Scripted:
    """A scripted RTSP server: a status for each method, and a description for each path."""

    def __init__(self, **statuses: int) -> None:
        self.statuses = statuses
        self.seen: list[str] = []
        self.more: dict[int, str] = {}

    def __call__(self, connection: socket.socket) -> None:
        while request := read_request(connection):
            method, url, _ = request.split(None, 2)
            self.seen.append(f"{method} {url.split('/', 3)[-1]}")
            status = self.status(method, url, request)
            body = self.body(url) if method == "DESCRIBE" and status == 200 else ""
            connection.sendall(
                f"RTSP/1.0 {status} X\r\nCSeq: {header(request, 'CSeq')}\r\nSession: 1\r\n"
                f"{self.more.get(status, '')}Transport: {header(request, 'Transport')}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            if method == "PLAY" and status == 200:
                for number in range(12):
                    packet = RtpPacket(97, number, 0, 5, b"\x65" + bytes(300)).to_bytes()
                    connection.sendall(Interleaved(0, packet).to_bytes())
                connection.shutdown(socket.SHUT_WR)

    def status(self, method: str, url: str, request: str) -> int:
        del url, request
        return self.statuses.get(method, 200)

    def body(self, url: str) -> str:
        del url
        return (
            "v=0\r\nm=video 0 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n"
            f"a=fmtp:97 sprop-parameter-sets={SPS},{PPS}\r\na=control:t\r\n"
        )
