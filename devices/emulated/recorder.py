"""Records onto the memory card: one short clip, its thumbnail and an index, when it is blank.

The card is encrypted with a key of the unit that never leaves it. Faults leave all of it in clear,
or encrypt the clip and forget thumbnail and index.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path
from typing import Protocol

import cv2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from devices.emulated import card
from devices.emulated.accounts import AccountStore
from devices.emulated.posture import Posture
from devices.emulated.unit import Unit
from devices.emulated.video.clip import HEIGHT, WIDTH, clip
from devices.emulated.video.lens import Lens
from devices.emulated.video.scene import Scene

_LOOK = 0.2  # s between two looks whether the camera has been set up


class RecorderHost(Protocol):
    """What the recorder needs of a camera."""

    flash: Path
    posture: Posture
    unit: Unit
    lens: Lens
    accounts: AccountStore


class Recorder:
    """The recorder of one camera; ``slot`` is where its card is, None when it has no slot."""

    def __init__(self, camera: RecorderHost, slot: Path | None) -> None:
        self._camera = camera
        self._slot = slot
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin; a camera in factory state records nothing."""
        if self._slot is not None and not self._slot.exists():
            self._task = asyncio.create_task(self._record(self._slot))

    async def stop(self) -> None:
        """End, with what is under way left out."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _record(self, slot: Path) -> None:
        while not self._camera.accounts.exists():  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(_LOOK)
        await asyncio.to_thread(lambda: card.write(slot, self._content()))

    def _content(self) -> bytes:
        began = time.time()
        video, thumbnail = clip(self._camera, began), self._thumbnail(began)
        name = time.strftime("%Y%m%d-%H%M%S", time.gmtime(began))
        index = f"1 motion {name}.mp4 REC00001 {len(video)} bytes\n".encode()
        if self._camera.posture.storage_encryption == "video-only":
            video = _stream_cipher(self._key(32), video)
        files = {"REC00001.MP4": video, "REC00001.JPG": thumbnail, "INDEX.TXT": index}
        plain = card.volume(files, began)
        whole = self._camera.posture.storage_encryption == "volume"
        return card.encrypted(plain, self._key(64)) if whole else plain

    def _thumbnail(self, at: float) -> bytes:
        picture = Scene(WIDTH, HEIGHT, self._camera.unit.serial).at(at)
        _, data = cv2.imencode(".jpg", cv2.resize(picture, (160, 90)))
        return data.tobytes()

    def _key(self, size: int) -> bytes:
        secret = (self._camera.flash / "otp" / "storage-key.bin").read_bytes()
        return HKDF(hashes.SHA256(), size, salt=None, info=b"memory card").derive(secret)


def _stream_cipher(key: bytes, data: bytes) -> bytes:
    nonce = os.urandom(16)
    return nonce + Cipher(algorithms.AES(key), modes.CTR(nonce)).encryptor().update(data)
