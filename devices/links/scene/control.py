"""The bench control of the scene: shows a code to the lens, and takes it away again.

The screen is bench equipment that the device file names, so it needs no permit for its address.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

import requests

from devices.description import DeviceFile
from devices.errors import BenchError, DeviceFileError
from devices.permit import Permit
from devices.scene.poster import poster
from devices.secrets import Secrets

_LIMIT = 10.0  # s for the screen to show it: its page waits for the browser


@dataclass(frozen=True)
class Shown:
    """A code that the lens sees. It came into view between ``before`` and ``after``.

    Both are monotonic seconds of the bench.
    """

    code: str
    before: float
    after: float


class SceneControl:
    """Shows codes. Every method raises BenchError when the bench fails."""

    def __init__(self, device: DeviceFile, permit: Permit, secrets: Secrets) -> None:
        del permit, secrets
        if device.bench.scene is None:
            raise DeviceFileError("the device file gives no [bench.scene]")
        self._scene = device.bench.scene
        self.streams = tuple(self._scene.streams)

    def show(self, code: str) -> Shown:
        """Show this code; returns when it is in view."""
        before = time.monotonic()
        self._set(code)
        return Shown(code, before, time.monotonic())

    def clear(self) -> None:
        """Show no code."""
        self._set("")

    def shows(self, code: str) -> bool:
        """Whether this code is still what the bench shows: another run may share the screen."""
        if self._scene.url is not None:
            return self._asked("GET").text.strip() == code
        assert self._scene.file is not None  # one of the two is given
        try:
            return self._scene.file.read_bytes() == _content(self._scene.file, code)
        except OSError as error:
            raise BenchError(f"{self._scene.file}: {error.strerror}") from error

    def _set(self, code: str) -> None:
        if self._scene.url is not None:
            self._asked("PUT", code)
        elif self._scene.file is not None:
            _replace(self._scene.file, _content(self._scene.file, code))

    def _asked(self, method: str, code: str = "") -> requests.Response:
        url = f"{(self._scene.url or '').rstrip('/')}/code"
        try:
            answer = requests.request(
                method, url, data=code.encode(), timeout=_LIMIT, allow_redirects=False
            )
        except requests.RequestException as error:
            raise BenchError(
                f"the scene page {url} does not answer ({type(error).__name__}): start it with "
                "`camproof scene` on the machine that drives the screen"
            ) from error
        if not answer.ok:
            raise BenchError(f"the scene page {url}: {answer.text.strip()[:200]}")
        return answer


def _content(path: Path, code: str) -> bytes:
    """What the file holds to show this code, or none."""
    if path.suffix.lower() != ".png":
        return code.encode()
    return poster(code)


def _replace(path: Path, data: bytes) -> None:
    """Write so that whoever looks meanwhile sees the old file or the new one, whole."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise BenchError(f"the scene's file {path}: {error.strerror}") from error
