"""Uploads without TLS, on cameras of other makes."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from update_stand import bench, proper
from web_stand import Handler, Kept, foreign_server, laboratory

from conformance.updates import test_access
from conformance.verdict import Inconclusive
from devices.links.update import UpdateLink
from devices.permit import Permit


def certificate(folder: Path) -> Path:
    """A key and a certificate signed with it, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "camera")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    form, clear = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = folder / "camera.pem"
    path.write_bytes(key.private_bytes(pem, form, clear) + made.public_bytes(pem))
    return path


class Secured(Handler):
    """The port with TLS: anybody is asked for a login."""

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
        self.body()
        self.answer(401, WWW_Authenticate='Basic realm="x"')


@contextmanager
def secured(folder: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Secured)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(folder))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def upload_in_the_clear(folder: Path, answer: Callable[[Any], None], **changes: Any) -> None:
    """UPDATE-012 on a camera whose plain port does to an upload what ``answer`` says."""

    class Plain(Handler):
        def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
            self.body()
            answer(self)

    with secured(folder) as url, foreign_server(Plain) as plain:
        port = int(plain.rpartition(":")[2])
        service = {"name": "http", "port": port, "protocol": "http", "purpose": "web"}
        update = {
            "method": "http",
            "format": "rauc",
            "upload": {"method": "POST", "path": "/upload.cgi"},
        }
        lab = laboratory(
            changes.pop("url", url),
            folder,
            http={"authentication": "basic"},
            declared={"services": [{**service, "encrypted": False}], "update": update},
        )
        granted = lab.device.authorisation
        permit = Permit(granted.addresses, granted.allow, granted.expires)
        link = UpdateLink(lab.device, permit, lab.secrets)
        try:
            test_access.test_firmware_is_uploaded_over_tls_only(link, lab.http, lab.device, Kept())
        finally:
            link.close()
            lab.http.close()


def sent(status: int, body: bytes = b"", *, beside: int = 0, to: str = "") -> Callable[[Any], None]:
    """Answer the upload with ``status``, every other path with ``beside`` (default: the same)."""

    def answer(request: Any) -> None:
        own = request.path.startswith("/upload.cgi")
        headers = {"Location": to} if to else {}
        text = body.replace(b"{path}", request.path.encode())
        request.answer(status if own or not beside else beside, text, **headers)

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        sent(308, to="https://127.0.0.1/upload.cgi"),
        sent(302, to="HTTPS://127.0.0.1/"),
        sent(404),
        sent(501),
        sent(400, b"plain HTTP request was sent to HTTPS port"),
        sent(403, b"POST {path} is forbidden", beside=403),
    ],
)
def test_a_plain_port_without_an_upload_passes(
    tmp_path: Path, answer: Callable[[Any], None]
) -> None:
    upload_in_the_clear(tmp_path, answer)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (sent(302, to="/login.html", beside=404), r"302 and sends to http://127.0.0.1:\d+/login"),
        (sent(400, b"no firmware", beside=404), "answered 400;"),
        (sent(401), "answered 401;"),
        (sent(200, b"ok", beside=404), "answered 200;"),
    ],
)
def test_an_upload_on_a_plain_port_fails(
    tmp_path: Path, answer: Callable[[Any], None], said: str
) -> None:
    with pytest.raises(AssertionError, match=said):
        upload_in_the_clear(tmp_path, answer)


@pytest.mark.parametrize(
    "answer",
    [
        sent(302, to="/login.html"),
        sent(200, b"<html></html>"),
        sent(403, beside=404),
        sent(503),
        sent(429, beside=404),
    ],
)
def test_an_answer_that_a_plain_port_gives_to_anything_tells_nothing(
    tmp_path: Path, answer: Callable[[Any], None]
) -> None:
    with pytest.raises(Inconclusive, match="whether an upload is taken there cannot be told"):
        upload_in_the_clear(tmp_path, answer)


def test_the_plain_port_that_a_link_leads_to_is_looked_at(tmp_path: Path) -> None:
    with bench(tmp_path, proper) as made:
        services = made.device.declared.model_copy(update={"services": []})
        device = made.device.model_copy(update={"declared": services})
        with pytest.raises(AssertionError, match=r"expected https; POST .* answered 401"):
            test_access.test_firmware_is_uploaded_over_tls_only(
                made.link, made.http, device, made.evidence
            )
