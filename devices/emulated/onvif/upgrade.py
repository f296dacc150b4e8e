"""Firmware update over ONVIF: StartFirmwareUpgrade hands out an address that takes one bundle."""

from __future__ import annotations

import secrets
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from aiohttp import web

from devices.emulated.addresses import PORTS
from devices.emulated.firmware.updater import Updater, UpdateRefused
from devices.emulated.onvif.call import Call
from devices.protocols.soap import element

if TYPE_CHECKING:
    from devices.emulated.camera import Camera

MAX_BUNDLE = 256 * 1024 * 1024  # bytes
VALID_SECONDS = 300.0
MAX_OPEN = 8


class Uploads:
    """The upload addresses that are open: each takes one bundle, for some minutes."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self._updater = Updater(camera)
        self._open: dict[str, float] = {}  # token -> end on the monotonic clock

    def open(self) -> str:
        """Make a token."""
        while len(self._open) >= MAX_OPEN:
            del self._open[next(iter(self._open))]
        token = secrets.token_urlsafe(24)
        self._open[token] = time.monotonic() + VALID_SECONDS
        return token

    async def handle(self, request: web.Request) -> web.Response:
        """Take a bundle: 200 when it was installed, 415 with the reason when it was refused.

        The status is that of ONVIF Core for a file that the device does not accept.
        """
        end = self._open.pop(request.match_info["token"], 0.0)
        if time.monotonic() > end:
            return web.Response(status=404, text="this upload address is not open\n")
        with tempfile.NamedTemporaryFile(dir=self.camera.flash, prefix="upload-") as file:
            size = 0
            async for chunk in request.content.iter_chunked(256 * 1024):
                size += len(chunk)
                if size > MAX_BUNDLE:
                    return web.Response(status=413, text="the bundle is too large\n")
                file.write(chunk)
            file.flush()
            try:
                result = await self._updater.apply(Path(file.name))
            except UpdateRefused as error:
                return web.Response(status=415, text=f"{error}\n")
        return web.Response(text=f"{result.version} is installed, restarting\n")


def start_firmware_upgrade(call: Call) -> Element:
    """Open an upload address."""
    camera = call.camera
    path = f"/onvif/upload/{call.uploads.open()}"
    uri = f"https://{call.authority}{path}"
    if camera.posture.update_over_http:
        uri = f"http://{camera.address}:{PORTS['http']}{path}"
    camera.audit.write("update-started", user=call.caller.name if call.caller else "")
    return element(
        "tds:StartFirmwareUpgradeResponse",
        element("tds:UploadUri", uri),
        element("tds:UploadDelay", "PT0S"),
        element("tds:ExpectedDownTime", "PT20S"),
    )
