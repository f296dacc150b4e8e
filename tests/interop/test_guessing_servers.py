"""Guessing and oracles on servers that nobody here wrote, without any limit of their own.

What they deserve was reasoned before the first run, from their configuration:

- none of them counts failed logins, so CRED-027 fails, and there is no lock that could survive or
  end (028, 029: INCONCLUSIVE, no lock);
- whom a lock shuts out (030) cannot be seen: INCONCLUSIVE;
- nginx with plain passwords, lighttpd and gst-rtsp-server with Digest do as much for a user who
  does not exist: PASS, or on a machine too busy to tell INCONCLUSIVE, never FAIL;
- nginx with bcrypt computes the hash for users in its file alone, which takes some 100 ms: FAIL.
"""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import tomli_w
from camera_servers import PIPELINES, gst_server
from foreign_cameras import PASSWORDS, assess

from conformance.assessment import Assessment
from devices.emulated.addresses import reserved_address

pytestmark = pytest.mark.interop

PORT = 8480
SELECT = "CRED-027,CRED-028,CRED-029,CRED-030,CRED-031,CRED-033"
NO_LOCK = {"CRED-027": {"FAIL"}, "CRED-028": {"INCONCLUSIVE"}, "CRED-029": {"INCONCLUSIVE"}}
WEB = NO_LOCK | {"CRED-030": {"INCONCLUSIVE"}, "CRED-033": {"NOT_APPLICABLE"}}
QUIET = {"PASS", "INCONCLUSIVE"}

_NGINX = """\
{user}
pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1; events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp;
  fastcgi_temp_path {folder}/tmp; uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;
  server {{
    listen {address}:{port}; root {folder}/www;
    auth_basic "camera"; auth_basic_user_file {folder}/htpasswd;
  }}
}}
"""
_LIGHTTPD = """\
server.document-root = "{folder}/www"
server.bind = "{address}"
server.port = {port}
server.errorlog = "{folder}/error.log"
server.modules = ("mod_auth", "mod_authn_file")
index-file.names = ("index.html")
auth.backend = "{backend}"
auth.backend.{backend}.userfile = "{folder}/users"
auth.require = ("/" => ("method" => "{method}", "realm" => "camera", "require" => "valid-user"))
"""


def program(name: str) -> str:
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        pytest.fail(f"{name} is not installed; see tests/interop/debian-packages.txt")
    return path


@contextmanager
def nginx(folder: Path, address: str, hashed: str) -> Iterator[None]:
    """Basic with plain passwords, or with bcrypt."""
    (folder / "www").mkdir()
    (folder / "www" / "index.html").write_text("camera")
    (folder / "tmp").mkdir()
    rows = []
    for name, password in PASSWORDS.items():
        plain = "{PLAIN}" + password
        salted = bcrypt.hashpw(password.encode(), bcrypt.gensalt(11)).decode()
        rows.append(f"{name}:{salted if hashed == 'bcrypt' else plain}\n")
    (folder / "htpasswd").write_text("".join(rows))
    text = _NGINX.format(user="user root;", folder=folder, address=address, port=PORT)
    (folder / "nginx.conf").write_text(text)
    command = [program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    command += ["-e", str(folder / "error.log")]
    subprocess.run(command, check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run([*command, "-s", "stop"], capture_output=True, check=True)


@contextmanager
def lighttpd(folder: Path, address: str, method: str) -> Iterator[None]:
    """Digest or Basic, by its own modules."""
    (folder / "www").mkdir()
    (folder / "www" / "index.html").write_text("camera")
    rows = []
    for name, password in PASSWORDS.items():
        digest = hashlib.md5(f"{name}:camera:{password}".encode()).hexdigest()
        rows.append(f"{name}:camera:{digest}\n" if method == "digest" else f"{name}:{password}\n")
    (folder / "users").write_text("".join(rows))
    text = _LIGHTTPD.format(
        folder=folder,
        address=address,
        port=PORT,
        method=method,
        backend="htdigest" if method == "digest" else "plain",
    )
    (folder / "lighttpd.conf").write_text(text)
    check = [program("lighttpd"), "-tt", "-f", str(folder / "lighttpd.conf")]
    subprocess.run(check, check=True, capture_output=True)
    command = [program("lighttpd"), "-f", str(folder / "lighttpd.conf")]
    command_line = [*command, "-D"]
    with subprocess.Popen(command_line, stderr=subprocess.PIPE) as server:
        try:
            assert server.stderr is not None
            _wait_until_listening(address)
            yield
        finally:
            server.terminate()


def _wait_until_listening(address: str) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection((address, PORT), timeout=1).close()
        except OSError:
            if time.monotonic() > end:
                raise
        else:
            return


@contextmanager
def gst(folder: Path, address: str, _: str) -> Iterator[None]:
    """gst-rtsp-server with Digest."""
    options = ["--port", str(PORT), "--launch", PIPELINES["h264"], "--login", "digest"]
    for name, password in PASSWORDS.items():
        options += ["--account", f"{name}:{password}"]
    with gst_server(folder, address, options):
        yield


def device_file(folder: Path, address: str, links: dict[str, Any], **declared: Any) -> Path:
    accounts = {}
    for name, password in PASSWORDS.items():
        (folder / f"{name}.txt").write_text(password + "\n")
        accounts[name] = {
            "username": name,
            "role": "viewer",
            "purpose": "lockout" if name == "guard" else "test",
            "password": {"file": f"{name}.txt"},
        }
    content = {
        "schema_version": 1,
        "device": {
            "manufacturer": "nobody here",
            "model": folder.name,
            "hardware": "none",
            "serial": "1",
            "firmware": {"version": "1"},
        },
        "authorisation": {
            "granted_by": "the tests",
            "reference": "tests/interop",
            "expires": date.today() + timedelta(days=2),
            "addresses": [address],
            "allow": ["lockout", "settings", "power"],
        },
        "links": links,
        "accounts": accounts,
        "declared": declared,
    }
    path = folder / "camera.toml"
    path.write_text(tomli_w.dumps(content))
    return path


SERVERS: list[tuple[str, Any, str, dict[str, set[str]]]] = [
    ("nginx with plain passwords", nginx, "basic", WEB | {"CRED-031": QUIET}),
    ("nginx with bcrypt", nginx, "bcrypt", WEB | {"CRED-031": {"FAIL"}}),
    ("lighttpd with Digest", lighttpd, "digest", WEB | {"CRED-031": QUIET}),
    ("lighttpd with Basic", lighttpd, "basic", WEB | {"CRED-031": QUIET}),
    (
        "gst-rtsp-server",
        gst,
        "rtsp",
        NO_LOCK
        | {"CRED-030": {"NOT_APPLICABLE"}, "CRED-031": {"NOT_APPLICABLE"}, "CRED-033": QUIET},
    ),
]


@pytest.mark.parametrize(
    ("serve", "how", "expected"),
    [
        pytest.param(*row[1:], id=row[0], marks=[pytest.mark.slow] if row[1] is lighttpd else [])
        for row in SERVERS
    ],
)
def test_servers_get_the_verdicts_that_they_deserve(
    serve: Any, how: str, expected: dict[str, set[str]], tmp_path: Path
) -> None:
    with reserved_address() as address, serve(tmp_path, address, how):
        if how == "rtsp":
            url = f"rtsp://{address}:{PORT}/stream"
            stream = {"name": "main", "url": url, "codec": "h264", "width": 320, "height": 240}
            path = device_file(tmp_path, address, {"rtsp": {}}, streams=[stream])
        else:
            link = {
                "url": f"http://{address}:{PORT}",
                "authentication": "digest" if how == "digest" else "basic",
            }
            path = device_file(tmp_path, address, {"http": link})
        found: Assessment = assess(path, SELECT).record
    results = {result.id: result for result in found.results}
    wrong = [
        f"{case}: expected {' or '.join(sorted(verdicts))}; found {results[case].verdict}: "
        f"{results[case].reason}"
        for case, verdicts in expected.items()
        if results[case].verdict.value not in verdicts
    ]
    assert not wrong, "\n".join(wrong)
    assert set(results) == set(expected)
