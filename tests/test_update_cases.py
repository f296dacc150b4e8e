"""The test cases of updates against cameras of other makes: web uploads, slow, curt, careless."""

from __future__ import annotations

import base64
import http.server
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from web_stand import PASSWORD, Handler, Kept, foreign_server, laboratory

import fixtures.update
from conformance.updates import test_access, test_bundles, test_installation
from conformance.verdict import Inconclusive
from devices.links.update import UpdateLink
from devices.permit import Permit
from fixtures.camera import Camera
from fixtures.update import UpdateTrials

GENUINE = b"genuine firmware 2.5.0 " * 40
OLD, NEW = "2.4.1", "2.5.0"
CLOSED_PORT = 1


class Answers(Handler):
    """The web interface of a scripted camera."""

    camera: ClassVar[Scripted]

    @property
    def admin(self) -> bool:
        login = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {login}"

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        if not self.admin:
            return self.answer(401, WWW_Authenticate='Basic realm="x"')
        body = self.camera.told % self.camera.version.encode()
        return self.answer(200, body, Connection="close")

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
        body = self.body()
        self.camera.uploads.append(body)
        self.camera.upload(self.camera, self, body)


class Scripted:
    """A camera of another make on a port of its own; ``upload`` says what it does to an upload."""

    def __init__(self, upload: Callable[[Scripted, Answers, bytes], None]) -> None:
        self.upload = upload
        self.version: str = OLD
        self.told = b'{"version": "1.0", "firmware_version": "%s"}'
        self.uploads: list[bytes] = []
        self.threads: list[threading.Thread] = []
        self._server = self._listen(0)
        self.port = self._server.server_port

    def _listen(self, port: int) -> http.server.ThreadingHTTPServer:
        own = type("Own", (Answers,), {"camera": self})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), own)
        self._start(lambda: server.serve_forever(0.05))
        return server

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self.threads.append(thread)

    def restart(self, version: str, *, after: float = 0.1, away: float = 0.6) -> None:
        """Go down after some seconds, and come back with this version."""

        def restarting() -> None:
            time.sleep(after)
            self.close()
            time.sleep(away)
            self.version = version
            self._server = self._listen(self.port)

        self._start(restarting)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Bench:
    """A scripted camera with its trials."""

    def __init__(self, camera: Scripted, folder: Path, **update: Any) -> None:
        (folder / "new.bin").write_bytes(GENUINE)
        (folder / "other.bin").write_bytes(b"for another model")
        closed = update.pop("closed_service", False)
        ports = {"web": camera.port} | ({"rtsp": CLOSED_PORT} if closed else {})
        upload = {"method": "POST", "path": "/upload", **update.pop("upload", {})}
        lab = laboratory(
            f"http://127.0.0.1:{camera.port}/",
            folder,
            http={
                "authentication": "basic",
                "operations": {"device_information": {"path": "/info"}},
            },
            declared={
                "services": [
                    {"name": n, "port": p, "protocol": n, "purpose": "x", "encrypted": False}
                    for n, p in ports.items()
                ],
                "update": {
                    "method": "http",
                    "format": "rauc",
                    "bundle": folder / "new.bin",
                    "other_model": folder / "other.bin",
                    "bundle_version": NEW,
                    "restart_seconds": 6,
                    "upload": upload,
                    **update,
                },
            },
        )
        granted = lab.device.authorisation
        permit = Permit(granted.addresses, granted.allow, granted.expires)
        self.device = lab.device
        self.camera = camera
        self.trials = UpdateTrials(Camera(lab.device, permit, lab.secrets))
        self.link = UpdateLink(lab.device, permit, lab.secrets)
        self.http = lab.http
        self.evidence = Kept()

    def install(self) -> None:
        test_installation.test_a_genuine_update_is_installed(self.trials, self.evidence)

    def truncated(self) -> None:
        test_bundles.test_a_truncated_bundle_is_refused(self.trials, self.evidence)

    def other_model(self) -> None:
        test_bundles.test_a_bundle_for_another_model_is_refused(self.trials, self.evidence)

    def who_uploads(self) -> None:
        test_access.test_only_administrators_upload_firmware(
            self.link, self.trials, self.device, self.evidence
        )


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixtures.update, "_RESTART_BEGINS", 0.5)
    monkeypatch.setattr(fixtures.update, "_LOOK", 0.3)
    monkeypatch.setattr(fixtures.update, "_RESTARTS_AGAIN", 1.0)


@contextmanager
def bench(folder: Path, reaction: Callable[..., None], **update: Any) -> Iterator[Bench]:
    camera = Scripted(reaction)
    made = Bench(camera, folder, **update)
    try:
        yield made
    finally:
        made.link.close()
        made.http.close()
        camera.close()


def proper(camera: Scripted, request: Answers, body: bytes) -> None:
    """Administrators alone; the genuine bundle alone."""
    if not request.admin:
        return request.answer(401, WWW_Authenticate='Basic realm="x"')
    if body != GENUINE:
        return request.answer(422, b"bad signature")
    request.answer(200, b"restarting")
    return camera.restart(NEW)


# Who may upload -----------------------------------------------------------------------------------


def anonymous_gets(status: int, body: bytes = b"", **headers: str) -> Callable[..., None]:
    def upload(camera: Scripted, request: Answers, body_sent: bytes) -> None:
        if request.admin:
            request.answer(400, b"request 4711: no firmware")
        else:
            request.answer(status, body, **headers)

    return upload


@pytest.mark.parametrize(
    ("status", "headers"),
    [(401, {}), (403, {}), (404, {}), (405, {}), (302, {"Location": "/login.html"})],
)
def test_an_upload_without_login_that_is_turned_away_passes(
    tmp_path: Path, status: int, headers: dict[str, str]
) -> None:
    with bench(tmp_path, anonymous_gets(status, b"", **headers)) as made:
        made.who_uploads()


def test_the_judgement_of_an_administrator_for_anybody_fails(tmp_path: Path) -> None:
    with (
        bench(tmp_path, anonymous_gets(400, b"request 4712: no firmware")) as made,
        pytest.raises(AssertionError, match="from anonymous and judged its content"),
    ):
        made.who_uploads()


@pytest.mark.parametrize(
    ("status", "body"),
    [(422, b"no firmware"), (400, b"log in first"), (200, b"<html>Log in</html>"), (500, b"")],
)
def test_any_other_answer_without_login_tells_nothing(
    tmp_path: Path, status: int, body: bytes
) -> None:
    with (
        bench(tmp_path, anonymous_gets(status, body)) as made,
        pytest.raises(Inconclusive, match=rf"anonymous with HTTP {status}.*cannot be told"),
    ):
        made.who_uploads()


def test_an_error_that_an_administrator_gets_is_told_from_a_refusal(tmp_path: Path) -> None:
    def gets(admin: int, anonymous: int) -> Callable[[Scripted, Answers, bytes], None]:
        return lambda _camera, request, _body: request.answer(admin if request.admin else anonymous)

    with bench(tmp_path, gets(500, 401)) as made:
        made.who_uploads()
        made.camera.upload = gets(500, 500)
        with pytest.raises(Inconclusive, match="anonymous with HTTP 500"):
            made.who_uploads()
        made.camera.upload = gets(404, 404)
        with pytest.raises(Inconclusive, match="administrator got no refusal"):
            made.who_uploads()


def test_an_upload_without_login_that_restarts_the_camera_fails(tmp_path: Path) -> None:
    def upload(camera: Scripted, request: Answers, body: bytes) -> None:
        if request.admin:
            return request.answer(400, b"no firmware")
        request.answer(200, b"thank you")
        return camera.restart(OLD)

    with (
        bench(tmp_path, upload) as made,
        pytest.raises(AssertionError, match="from anonymous and restarted or changed"),
    ):
        made.who_uploads()


def test_who_may_upload_is_judged_where_no_version_is_told(tmp_path: Path) -> None:
    with bench(tmp_path, anonymous_gets(401)) as made:
        made.camera.told = b'{"model": "runs %s"}'
        made.who_uploads()
        made.camera.upload = anonymous_gets(200, b"<html>Log in</html>")
        with pytest.raises(Inconclusive, match="anonymous with HTTP 200"):
            made.who_uploads()


# Uploads without TLS ------------------------------------------------------------------------------


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


# Refusals -----------------------------------------------------------------------------------------


def test_bundles_refused_by_a_camera_that_takes_the_genuine_one_pass(tmp_path: Path) -> None:
    with bench(tmp_path, proper) as made:
        made.truncated()
        made.other_model()
        made.install()
        assert made.camera.uploads.count(GENUINE) == 1


def test_bundles_of_all_planned_cases_are_offered_before_the_genuine_one(tmp_path: Path) -> None:
    with bench(tmp_path, proper) as made:
        made.trials._planned = frozenset({"UPDATE-007", "UPDATE-010"})
        made.other_model()
        made.truncated()
        assert made.camera.uploads[-1] == GENUINE
        assert len(made.camera.uploads) == 4


def test_a_camera_that_refuses_the_genuine_bundle_too_shows_nothing(tmp_path: Path) -> None:
    def upload(camera: Scripted, request: Answers, body: bytes) -> None:
        request.answer(400, b"no file in the form")

    with bench(tmp_path, upload) as made:
        with pytest.raises(Inconclusive, match="refused the genuine bundle as well") as caught:
            made.truncated()
        assert caught.value.cause == "no-control"
        with pytest.raises(AssertionError, match="refused the genuine bundle: HTTP 400"):
            made.install()


@pytest.mark.parametrize("status", [406, 408, 409, 415, 423, 429, 500, 503])
def test_an_answer_that_is_not_about_the_content_shows_nothing(tmp_path: Path, status: int) -> None:
    def upload(camera: Scripted, request: Answers, body: bytes) -> None:
        request.answer(status)

    with (
        bench(tmp_path, upload) as made,
        pytest.raises(Inconclusive, match=f"HTTP {status}.* looked into the bundle"),
    ):
        made.other_model()


def test_a_bundle_that_is_taken_fails_and_the_camera_is_put_right(tmp_path: Path) -> None:
    def upload(camera: Scripted, request: Answers, body: bytes) -> None:
        request.answer(200, b"restarting")
        camera.restart(NEW if body == GENUINE else "9.9")

    with bench(tmp_path, upload) as made:
        with pytest.raises(AssertionError, match=r"must refuse .*reports 9\.9"):
            made.other_model()
        assert made.camera.version == NEW


def test_a_bundle_goes_into_the_declared_field_of_a_form(tmp_path: Path) -> None:
    def upload(camera: Scripted, request: Answers, body: bytes) -> None:
        kind = request.headers["Content-Type"]
        if not kind.startswith("multipart/form-data"):
            return request.answer(415)
        parts = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
        fields = {
            part.get_param("name", header="Content-Disposition"): part.get_payload(decode=True)
            for part in parts.walk()
            if not part.is_multipart()
        }
        if fields != {"action": b"upgrade", "fw": GENUINE}:
            return request.answer(422, b"bad signature")
        request.answer(200, b"restarting")
        return camera.restart(NEW)

    form = {"file_field": "fw", "form": {"action": "upgrade"}}
    with bench(tmp_path, upload, upload=form) as made:
        made.truncated()
        made.install()
        assert b'filename="new.bin"' in made.camera.uploads[-1]


# The genuine bundle -------------------------------------------------------------------------------


def test_a_camera_that_restarts_without_an_answer_passes(tmp_path: Path) -> None:
    def upload(camera: Scripted, request: Answers, body: bytes) -> None:
        request.close_connection = True
        camera.restart(NEW, after=0.4)

    with bench(tmp_path, upload) as made:
        made.install()
        assert made.trials.control().attempt.status == 0


def test_a_restart_that_begins_late_is_waited_for(tmp_path: Path) -> None:
    def upload(camera: Scripted, request: Answers, body: bytes) -> None:
        request.answer(200)
        camera.restart(NEW, after=2.0)

    with bench(tmp_path, upload) as made:
        made.install()


def test_a_genuine_bundle_that_is_not_installed_fails(tmp_path: Path) -> None:
    def upload(camera: Scripted, request: Answers, body: bytes) -> None:
        request.answer(200)
        camera.restart(OLD)

    with (
        bench(tmp_path, upload) as made,
        pytest.raises(AssertionError, match=rf"reports version {OLD} afterwards"),
    ):
        made.install()


def test_the_version_may_stand_inside_a_longer_text(tmp_path: Path) -> None:
    with bench(tmp_path, proper) as made:
        made.camera.told = b'{"fwVersion": "V%s build 260315"}'
        made.install()
    with bench(tmp_path, proper) as made:
        made.camera.version = NEW
        made.camera.told = b'{"fwVersion": "V%s build 260315"}'
        with pytest.raises(Inconclusive, match=r"ran V2.5.0 build 260315 already"):
            made.install()


def test_a_service_that_was_down_before_is_not_taken_for_a_restart(tmp_path: Path) -> None:
    def upload(camera: Scripted, request: Answers, body: bytes) -> None:
        if body == GENUINE:
            request.answer(200)
            return camera.restart(NEW)
        return request.answer(200, b"looking into it")

    with bench(tmp_path, upload, closed_service=True) as made:
        with pytest.raises(Inconclusive, match="neither restarted nor reports another version"):
            made.other_model()
        made.install()
