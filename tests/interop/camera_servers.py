"""Servers nobody here wrote, run as cameras: gst-rtsp-server; nginx and lighttpd with a web page.

Before the first there may be websockify, for RTSP in a WebSocket. All are in the Debian packages of
debian-packages.txt. Each runs on the address given, as a process of its own, until the context
ends.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

SYSTEM_PYTHON = "/usr/bin/python3"
SIZE = (320, 240)
STRONG_TLS = (
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA"
    ":-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM"
    ":-SIGN-ALL:+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SECP256R1-SHA256"
)

STRONG_SUITES = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"

_SOURCE = (
    "videotestsrc is-live=true pattern=smpte horizontal-speed=4"
    f" ! video/x-raw,width={SIZE[0]},height={SIZE[1]},framerate=15/1"
)
_TAIL = "name=pay0 pt=96 config-interval=-1"
PIPELINES = {
    "h264": f"( {_SOURCE} ! x264enc speed-preset=ultrafast tune=zerolatency key-int-max=15"
    f" ! rtph264pay {_TAIL} )",
    "h265": f"( {_SOURCE} ! x265enc speed-preset=ultrafast tune=zerolatency key-int-max=15"
    f" ! rtph265pay {_TAIL} )",
    "mjpeg": f"( {_SOURCE},format=I420 ! jpegenc ! rtpjpegpay name=pay0 pt=26 )",
    "small": f"( {_SOURCE} ! videoscale ! video/x-raw,width=160,height=128"
    f" ! x264enc speed-preset=ultrafast tune=zerolatency key-int-max=15 ! rtph264pay {_TAIL} )",
    # Debian has timeoverlay in a package that is not installed: the server starts all the same.
    "missing element": f"( {_SOURCE} ! timeoverlay ! x264enc ! rtph264pay {_TAIL} )",
}


@contextmanager
def gst_server(folder: Path, address: str, options: Sequence[str], **more: str) -> Iterator[None]:
    """Run gst_camera.py with these options until the context ends; ``more`` is environment."""
    script = Path(__file__).with_name("gst_camera.py")
    command = [SYSTEM_PYTHON, str(script), "--address", address, *options]
    # GStreamer's plugin registry must not be looked for in the user's home.
    environment = {**os.environ, "GST_REGISTRY": str(folder / "registry.bin"), **more}
    with (
        (folder / "server.log").open("w+", encoding="utf-8") as log,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        ) as server,
    ):
        try:
            assert server.stdout is not None
            if server.stdout.readline() != "ready\n":
                server.kill()
                server.wait()
                log.seek(0)
                pytest.fail(f"gst-rtsp-server does not run; is it installed? {log.read()}")
            yield
        finally:
            server.kill()


@contextmanager
def websockify(folder: Path, listen: str, target: str, options: Sequence[str]) -> Iterator[None]:
    """Put websockify before a TCP service: its bytes in the messages of a WebSocket, at any path.

    ``listen`` and ``target`` are address:port.
    """
    script = Path(__file__).with_name("websocket_camera.py")
    command = [SYSTEM_PYTHON, "-u", str(script), *options, listen, target]
    with (
        (folder / "websockify.log").open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command, stdout=log, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as server,
    ):
        assert server.stderr is not None
        try:
            said = ""
            while "proxying from" not in said:  # what it says last before it listens
                line = server.stderr.readline()
                if not line:
                    pytest.fail(f"websockify does not run; is it installed? {said}")
                said += line
            threading.Thread(target=server.stderr.read, daemon=True).start()
            yield
        finally:
            os.killpg(server.pid, signal.SIGKILL)  # it has a process for each connection


_NGINX = """\
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp;
  fastcgi_temp_path {folder}/tmp; uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;
  types {{
    image/jpeg jpg; text/html html;
    "{mjpeg}" mjpg;
    application/vnd.apple.mpegurl m3u8; video/mp2t ts;
  }}
  server {{
    listen {address}:{port}{tls};
    root {folder}/www;
    {more}
  }}
}}
"""
_TLS = """
    ssl_certificate {pem}; ssl_certificate_key {pem};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers {suites};
    add_header Strict-Transport-Security max-age=31536000 always;
"""


@contextmanager
def nginx_server(
    folder: Path,
    address: str,
    port: int,
    *,
    pem: Path | None,
    accounts: dict[str, str],
    mjpeg: str = "multipart/x-mixed-replace;boundary=ffmpeg",
) -> Iterator[None]:
    """A web camera: a page, a snapshot, MJPEG and HLS that FFmpeg made, behind nginx.

    With ``pem`` (key and chain) inside TLS; with ``accounts`` behind a login by Basic. ``mjpeg`` is
    what it calls MJPEG.
    """
    _media(folder / "www")
    (folder / "tmp").mkdir()
    more = _TLS.format(pem=pem, suites=STRONG_SUITES) if pem else ""
    if accounts:
        rows = "".join(f"{name}:{{PLAIN}}{password}\n" for name, password in accounts.items())
        (folder / "htpasswd").write_text(rows)
        more += f'auth_basic "camera"; auth_basic_user_file {folder}/htpasswd;'
    text = _NGINX.format(
        user="user root;" if os.getuid() == 0 else "",  # else it cannot read what pytest made
        folder=folder,
        mjpeg=mjpeg,
        address=address,
        port=port,
        tls=" ssl" if pem else "",
        more=more,
    )
    (folder / "nginx.conf").write_text(text)
    command = [_program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    command += ["-e", str(folder / "error.log")]
    started = subprocess.run(command, capture_output=True, text=True, check=False)
    if started.returncode:
        pytest.fail(f"nginx does not run: {started.stderr}")
    try:
        yield  # the command has come back: it listens
    finally:
        subprocess.run([*command, "-s", "stop"], capture_output=True, check=True)


_LIGHTTPD = """\
server.document-root = "{folder}/www"
server.bind = "{address}"
server.port = {port}
server.errorlog = "{folder}/error.log"
server.modules = ({modules})
index-file.names = ("index.html")
mimetype.assign = (".jpg" => "image/jpeg", ".html" => "text/html",
  ".mjpg" => "multipart/x-mixed-replace;boundary=ffmpeg",
  ".m3u8" => "application/vnd.apple.mpegurl", ".ts" => "video/mp2t")
auth.backend = "plain"
auth.backend.plain.userfile = "{folder}/users"
auth.require = ("/" => ("method" => "{method}", "realm" => "camera",
  "require" => "valid-user"{algorithms}))
{tls}
"""
_LIGHTTPD_TLS = """
ssl.engine = "enable"
ssl.pemfile = "{pem}"
ssl.openssl.ssl-conf-cmd = ("MinProtocol" => "TLSv1.2", "CipherString" => "{suites}")
setenv.add-response-header = ("Strict-Transport-Security" => "max-age=31536000")
"""


@contextmanager
def lighttpd_server(
    folder: Path,
    address: str,
    port: int,
    *,
    pem: Path | None,
    accounts: dict[str, str],
    method: str = "digest",
    algorithms: str = "",
) -> Iterator[None]:
    """The same web camera behind lighttpd's own login, by ``method`` basic or digest.

    ``algorithms`` are those of digest with bars between them, empty for lighttpd's own choice.
    """
    _media(folder / "www")
    rows = "".join(f"{name}:{password}\n" for name, password in accounts.items())
    (folder / "users").write_text(rows)
    modules = ["mod_auth", "mod_authn_file", *(["mod_openssl", "mod_setenv"] if pem else [])]
    text = _LIGHTTPD.format(
        folder=folder,
        address=address,
        port=port,
        modules=", ".join(f'"{name}"' for name in modules),
        method=method,
        algorithms=f', "algorithm" => "{algorithms}"' if algorithms else "",
        tls=_LIGHTTPD_TLS.format(pem=pem, suites=STRONG_SUITES) if pem else "",
    )
    (folder / "lighttpd.conf").write_text(text)
    program = shutil.which("lighttpd") or "/usr/sbin/lighttpd"
    if not Path(program).exists():
        pytest.fail("lighttpd is not installed; see tests/interop/debian-packages.txt")
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [program, "-D", "-f", str(folder / "lighttpd.conf")], stdout=log, stderr=log
        )
        try:
            _wait_for(server, address, port, folder / "log")
            yield
        finally:
            server.kill()
            server.wait()


def _wait_for(server: subprocess.Popen[bytes], address: str, port: int, log: Path) -> None:
    """Until the port takes connections; a server in the foreground does not say when."""
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        if server.poll() is not None:
            pytest.fail(f"lighttpd does not run: {log.read_text(errors='replace')}")
        try:
            socket.create_connection((address, port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("lighttpd does not listen")


def _media(folder: Path) -> None:
    """What a camera's web interface shows, four seconds of it."""
    (folder / "hls").mkdir(parents=True)
    (folder / "index.html").write_text("<html><title>camera</title></html>")
    command = [_program("ffmpeg"), "-loglevel", "error", "-f", "lavfi", "-t", "4"]
    command += ["-i", f"testsrc=size={SIZE[0]}x{SIZE[1]}:rate=15"]
    command += ["-c:v", "mjpeg", "-f", "mpjpeg", str(folder / "video.mjpg")]
    command += ["-frames:v", "1", "-c:v", "mjpeg", "-f", "image2", str(folder / "snapshot.jpg")]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-g", "15", "-f", "hls"]
    command += ["-hls_time", "1", "-hls_list_size", "0", str(folder / "hls" / "index.m3u8")]
    subprocess.run(command, check=True, timeout=60)


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is not installed; see tests/interop/debian-packages.txt")
    return path
