"""The JSON API's device part: what the camera is, its picture, settings, firmware, restart."""

from __future__ import annotations

import gzip
import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from devices.emulated.firmware.updater import Updater, UpdateRefused
from devices.emulated.settings import SettingsError
from devices.emulated.video.source import snapshot_jpeg
from devices.emulated.web.answers import MAX_JSON, Refusal, bounded_body, json_object
from devices.emulated.web.identity import Caller, source

if TYPE_CHECKING:
    from devices.emulated.camera import Camera

MAX_BUNDLE = 64 * 1024 * 1024
"""Longest update bundle that is taken, in bytes."""
_LOOKING = 60.0  # s of watching that are one entry of the audit log
CONFIRMATION = "erase all user data"
"""What the caller of a factory reset has to say."""


class DeviceApi:
    """Handlers; each gets a request that has passed the gate, and its caller."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._looked: dict[str, float] = {}

    async def device(self, request: web.Request, caller: Caller) -> web.Response:  # noqa: ARG002
        """Identification, as ONVIF's GetDeviceInformation gives it."""
        return web.json_response(asdict(self._camera.reported))

    async def snapshot(self, request: web.Request, caller: Caller) -> web.Response:
        """A JPEG of what the lens sees now."""
        picture = await snapshot_jpeg(self._camera)
        if time.monotonic() - self._looked.get(caller.name, -_LOOKING) > _LOOKING:
            self._looked[caller.name] = time.monotonic()
            self._camera.audit.write("pictures-viewed", user=caller.name, source=source(request))
        return web.Response(body=picture, content_type="image/jpeg")

    async def settings(self, request: web.Request, caller: Caller) -> web.Response:  # noqa: ARG002
        """All settings."""
        return web.json_response(self._camera.settings.as_dict())

    async def configuration(self, request: web.Request, caller: Caller) -> web.Response:
        """Settings and users as a file; without secrets, which an import has to be given anew."""
        accounts = self._camera.accounts
        rows = [{"username": user.name, "role": user.role} for user in accounts.users()]
        if self._camera.posture.export_holds_passwords:
            rows = [row | {"password": accounts.password(row["username"]) or ""} for row in rows]
        self._camera.audit.write("exported", user=caller.name, source=source(request))
        text = json.dumps({"settings": self._camera.settings.as_dict(), "users": rows})
        return web.Response(
            body=gzip.compress(text.encode()),
            content_type="application/gzip",
            headers={"Content-Disposition": 'attachment; filename="configuration.json.gz"'},
        )

    async def change_settings(self, request: web.Request, caller: Caller) -> web.Response:
        """Change the settings given in the body, all or none."""
        changes = await json_object(request)
        try:
            self._camera.settings.update(changes)
        except SettingsError as error:
            raise Refusal(422, str(error)) from error
        self._camera.audit.write(
            "settings-changed",
            user=caller.name,
            source=source(request),
            detail=", ".join(sorted(changes)),
        )
        return web.json_response(self._camera.settings.as_dict())

    async def audit(self, request: web.Request, caller: Caller) -> web.Response:  # noqa: ARG002
        """The audit log's latest entries, the newest first."""
        return web.json_response({"entries": self._camera.audit.entries()[:-501:-1]})

    async def firmware(self, request: web.Request, caller: Caller) -> web.Response:
        """Install the update bundle in the body; restarts when it is accepted."""
        where = source(request)
        with tempfile.NamedTemporaryFile(dir=self._camera.flash, prefix="upload-") as upload:
            size = 0
            async for chunk in request.content.iter_chunked(65536):
                size += len(chunk)
                if size > MAX_BUNDLE:
                    raise Refusal(413, f"a bundle has at most {MAX_BUNDLE} bytes")
                upload.write(chunk)
            upload.flush()
            self._camera.audit.write(
                "update-started", user=caller.name, source=where, detail=f"{size} bytes"
            )
            try:
                await Updater(self._camera).apply(Path(upload.name))
            except UpdateRefused as error:
                self._camera.audit.write(
                    "update-refused", user=caller.name, source=where, detail=str(error)
                )
                raise Refusal(422, str(error)) from error
        self._camera.audit.write("update-accepted", user=caller.name, source=where)
        return web.json_response({"restarting": True}, status=202)

    async def reboot(self, request: web.Request, caller: Caller) -> web.Response:
        """Restart; the body is empty or an empty JSON object."""
        await _no_arguments(request)
        self._camera.audit.write("reboot", user=caller.name, source=source(request))
        self._camera.request_reboot()
        return web.json_response({"restarting": True}, status=202)

    async def factory_reset(self, request: web.Request, caller: Caller) -> web.Response:
        """Erase everything that was set up and restart, if the body confirms it."""
        body = await json_object(request)
        if body.get("confirm") != CONFIRMATION:
            raise Refusal(422, f'confirm must be "{CONFIRMATION}"')
        self._camera.audit.write("factory-reset", user=caller.name, source=source(request))
        self._camera.request_factory_reset()
        return web.json_response({"restarting": True}, status=202)


async def _no_arguments(request: web.Request) -> None:
    body = await bounded_body(request, MAX_JSON)
    try:
        given = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "the body is not JSON") from error
    if given != {}:
        raise Refusal(400, "this request takes no arguments")
