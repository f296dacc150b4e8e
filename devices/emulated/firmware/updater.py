"""Installs update bundles while the camera runs, as strictly as its posture is.

Order, as in SWUpdate: container, signature and signer over the description, model and hardware,
rollback index, payload digest; only then is the other slot given up and written. A refusal
therefore changes nothing on flash.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devices.emulated.firmware.slot_install import unpack
from devices.firmware.cms import CmsError, load_trust, verify_detached
from devices.firmware.swupdate import (
    Bundle,
    BundleError,
    BundleTruncatedError,
    read_bundle,
)
from devices.firmware.tree import tree_digest

if TYPE_CHECKING:
    from devices.emulated.camera import Camera

_FLASH_SECONDS = 0.6
"""How long the writing takes at least: flash is slow, and a power cut must be able to hit it."""


class UpdateRefused(Exception):
    """The bundle was not installed; the message gives the reason."""


@dataclass(frozen=True)
class UpdateResult:
    """An accepted update: the version that starts next."""

    version: str


class Updater:
    """The camera's update service; one update at a time, whichever service it came through."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._posture = camera.posture

    async def apply(self, bundle: bytes | Path) -> UpdateResult:
        """Verify and install a bundle, and ask for the restart that starts it.

        Raises UpdateRefused; unless the flash itself is at fault, nothing has changed then.
        """
        slots = self._camera.slots
        if slots.busy:
            raise UpdateRefused("another update is under way")
        slots.busy = True  # after a success until the restart: the new slot is not touched again
        try:
            data = bundle
            if isinstance(data, Path):
                data = await asyncio.to_thread(data.read_bytes)
            opened = self._checked(data)
            self._say(f"installing {opened.release.version}")
            await self._install(opened)
        except (BundleError, CmsError, UpdateRefused) as error:
            slots.busy = False
            self._say(f"refused: {error}")
            self._camera.audit.write("update-refused", detail=str(error))
            raise UpdateRefused(str(error)) from error
        version = opened.release.version
        self._say(f"{version} is ready, restarting")
        self._camera.audit.write("update-installed", detail=version)
        self._camera.request_reboot()
        return UpdateResult(version)

    def _checked(self, data: bytes) -> Bundle:
        posture = self._posture
        bundle = read_bundle(data, tolerate_truncation=not posture.update_length_checked)
        self._check_signature(bundle)
        release, unit = bundle.release, self._camera.unit
        if posture.update_model_checked and (
            release.model != unit.model or unit.hardware not in release.hardware
        ):
            raise UpdateRefused(f"made for {release.model} {'/'.join(release.hardware)}")
        least = self._camera.slots.environment().rollback_index
        if posture.update_rollback_refused and release.rollback_index < least:
            raise UpdateRefused(f"{release.version} is older than what was installed before")
        # The flaw behind update_length_checked: the end of the data is taken for the end of the
        # image, and the comparison that waits for the whole image is never reached.
        complete = not bundle.payload_truncated
        if posture.update_payload_checked and complete and not bundle.payload_genuine:
            raise UpdateRefused(f"digest of {release.payload} is wrong")
        return bundle

    def _check_signature(self, bundle: Bundle) -> None:
        posture = self._posture
        if not bundle.signature:
            if not posture.update_unsigned_accepted:
                raise UpdateRefused("not signed")
            return
        if posture.update_signature_checked:
            anchors = load_trust((self._camera.flash / "otp" / "update-trust.pem").read_bytes())
            trust = anchors if posture.update_signer_checked else None
            verify_detached(bundle.signature, bundle.description, trust)

    async def _install(self, bundle: Bundle) -> None:
        """Write the slot, look at what was written, then have it tried at the next start."""
        if not self._posture.update_applies:
            await asyncio.sleep(_FLASH_SECONDS)
            return
        slots = self._camera.slots
        root = slots.begin_install()
        await self._write(bundle, root)
        complete = not bundle.payload_truncated
        if self._posture.update_payload_checked and complete:
            written = await asyncio.to_thread(tree_digest, root)
            if written != bundle.release.tree_sha256:
                raise UpdateRefused("what was written is not what was signed")
        slots.finish_install(bundle.description, bundle.signature)

    async def _write(self, bundle: Bundle, root: Path) -> None:
        said, paced = 0, 0.0
        try:
            for share in unpack(bundle.payload, root):
                if int(share * 10) > said:
                    said = int(share * 10)
                    self._say(f"writing {said * 10} %")
                await asyncio.sleep(max(0.0, share - paced) * _FLASH_SECONDS)
                paced = share
        except BundleTruncatedError:
            if self._posture.update_length_checked:
                raise

    def _say(self, text: str) -> None:
        self._camera.uart.write(f"update: {text}\n")
