"""A camera of another make that takes uploads, and the bench that tries them on it."""

from __future__ import annotations

import base64
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
from web_stand import PASSWORD, Handler, Kept, laboratory

import fixtures.update
from conformance.updates import test_access, test_bundles, test_installation
from devices.links.update import UpdateLink
from devices.permit import Permit
from fixtures.camera import Camera
from fixtures.update import UpdateTrials

GENUINE = b"genuine firmware 2.5.0 " * 40
OLD, NEW = "2.4.1", "2.5.0"
CLOSED_PORT = 1
HURRY = {"_RESTART_BEGINS": 0.5, "_LOOK": 0.3, "_RESTARTS_AGAIN": 1.0}  # s


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


@contextmanager
def bench(folder: Path, reaction: Callable[..., None], **update: Any) -> Iterator[Bench]:
    camera = Scripted(reaction)
    made = Bench(camera, folder, **update)
    with pytest.MonkeyPatch.context() as hurry:
        for name, seconds in HURRY.items():
            hurry.setattr(fixtures.update, name, seconds)
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
