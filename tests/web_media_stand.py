"""Web servers with video that nobody here wrote, and what the web media link sees of them."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from web_stand import PASSWORD, Handler, laboratory

from devices.description import DeviceFile
from devices.emulated.video.mux import mux
from devices.emulated.video.scene import Scene
from devices.emulated.video.source import CLOCK_RATE, AccessUnit, Encoder, StreamDefinition
from devices.links.web_media.access import PublishedMedium
from devices.links.web_media.link import WebMediaLink
from devices.links.web_media.observations import WebMedia
from devices.permit import Permit
from devices.protocols import websocket
from devices.protocols.challenge import basic
from devices.protocols.h26x import to_annex_b
from devices.secrets import Secrets

WIDTH, HEIGHT = 64, 48
PUBLISHED = [PublishedMedium("/video.mjpg", "mjpeg"), PublishedMedium("/video.mp4", "clip")]
KEY = bytes(range(16))


def _units() -> list[AccessUnit]:
    encoder = Encoder(StreamDefinition("/x", "h264", WIDTH, HEIGHT))
    scene = Scene(WIDTH, HEIGHT, "1")
    return [
        unit
        for number in range(12)
        for unit in encoder.encode(
            scene.at(number / 6), number * CLOCK_RATE // 12, keyframe=number == 0
        )
    ]


UNITS = _units()
SEGMENT = mux("h264", UNITS, "mpegts")
CLIP = mux("h264", UNITS, "mp4")
ANNEX_B = [to_annex_b(unit.units) for unit in UNITS]


def _locked(data: bytes, number: int) -> bytes:
    padding = 16 - len(data) % 16
    encryptor = Cipher(algorithms.AES(KEY), modes.CBC(number.to_bytes(16, "big"))).encryptor()
    return encryptor.update(data + bytes([padding]) * padding)


LOCKED = _locked(SEGMENT, 7)


def pictures(count: int) -> list[bytes]:
    scene = Scene(WIDTH, HEIGHT, "1")
    made = (cv2.imencode(".jpg", scene.at(number / 6))[1] for number in range(count))
    return [np.asarray(picture).tobytes() for picture in made]


class Server(Handler):
    """Basic login for everything but ``open_paths``; a login page with 200 when ``pages``."""

    disable_nagle_algorithm = True  # TLS tickets go out before the answer
    open_paths: ClassVar[Sequence[str]] = ()
    pages: ClassVar[bool] = False
    scheme: ClassVar[str] = "Basic"

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        path = self.path.partition("?")[0]
        known = self.headers.get("Authorization") == basic("admin", PASSWORD)
        if path not in self.open_paths and not known:
            if self.pages:
                return self.answer(200, b"<html>Log in</html>", Content_Type="text/html")
            return self.answer(401, WWW_Authenticate=f'{self.scheme} realm="x", nonce="1"')
        handler = getattr(self, "get_" + path.strip("/").replace("/", "_").replace(".", "_"), None)
        if handler is None or not handler():
            self.answer(404)
        return None

    def get_live_mjpeg(self) -> bool:
        parts = (b"--x\r\nContent-Type: image/jpeg\r\n\r\n" + p + b"\r\n" for p in pictures(12))
        self.answer(200, b"".join(parts), Content_Type="multipart/x-mixed-replace;boundary=--x")
        return True

    def get_hls_index_m3u8(self) -> bool:
        self.answer(200, b"#EXTM3U\n#EXTINF:1,\nseg.ts\n", Content_Type="audio/mpegurl")
        return True

    def get_hls_seg_ts(self) -> bool:
        self.answer(200, SEGMENT, Content_Type="video/mp2t")
        return True

    def get_locked_index_m3u8(self) -> bool:
        text = b'#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-KEY:METHOD=AES-128,URI="key"\nseg.ts\n'
        self.answer(200, text, Content_Type="audio/mpegurl")
        return True

    def get_locked_key(self) -> bool:
        self.answer(200, KEY, Content_Type="application/octet-stream")
        return True

    def get_locked_seg_ts(self) -> bool:
        self.answer(200, LOCKED, Content_Type="video/mp2t")
        return True

    def get_clip_mp4(self) -> bool:
        self.answer(200, CLIP, Content_Type="video/mp4")
        return True

    def get_sd(self) -> bool:
        self.answer(200, b'<a href="/clip.mp4">1.mp4</a>', Content_Type="text/html")
        return True

    def get_socket(self) -> bool:
        accept = websocket.accept_of(self.headers.get("Sec-WebSocket-Key", ""))
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        self.wfile.write(websocket.to_frame(websocket.PING, b"x"))
        for picture in ANNEX_B:
            self.wfile.write(websocket.to_frame(websocket.BINARY, picture))
        self.wfile.flush()
        self.close_connection = True
        return True


STREAMS: dict[str, dict[str, Any]] = {
    "mjpeg": {"path": "/live.mjpeg", "codec": "mjpeg"},
    "hls": {"path": "/hls/index.m3u8", "container": "hls"},
    "locked": {"path": "/locked/index.m3u8", "container": "hls"},
    "clip": {"path": "/clip.mp4", "container": "clip"},
    "clips": {"path": "/sd", "container": "clip"},
    "websocket": {"path": "/socket", "container": "websocket"},
}


@contextmanager
def tls_server(handler: type[Handler], folder: Path) -> Iterator[str]:
    """Serve inside TLS with a certificate of its own on a loopback address; gives the URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(folder))
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stand")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / "stand.pem"
    path.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def link_to(
    url: str, folder: Path, names: Sequence[str], **changes: Any
) -> tuple[DeviceFile, WebMediaLink]:
    """The link to a camera at ``url`` that declares these streams of STREAMS, with a device file.

    ``changes`` are keys for every stream.
    """
    streams = []
    for name in names:
        row = {"codec": "h264", "width": WIDTH, "height": HEIGHT, **STREAMS[name], **changes}
        base = "ws" + url.removeprefix("http") if name == "websocket" else url
        streams.append({"name": name, "url": base + row.pop("path"), **row})
    made = laboratory(url, folder, http={"authentication": "basic"}, declared={"streams": streams})
    granted = made.device.authorisation
    permit = Permit(granted.addresses, granted.allow, granted.expires)
    return made.device, WebMediaLink(made.device, permit, Secrets(made.device))


@contextmanager
def seen(
    server: type[Handler], folder: Path, names: Sequence[str], **changes: Any
) -> Iterator[tuple[DeviceFile, WebMedia]]:
    """What the link sees of such a camera inside TLS."""
    with tls_server(server, folder) as url:
        device, link = link_to(url, folder, names, **changes)
        yield device, link.media(PUBLISHED)
        link.close()
