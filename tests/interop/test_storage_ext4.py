"""The search of a medium over a file system that e2fsprogs made."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from gateway_stand import device_file

from devices.links.storage.link import StorageLink
from devices.permit import Permit
from devices.secrets import Secrets

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(
        shutil.which("mkfs.ext4") is None or shutil.which("ffmpeg") is None,
        reason="e2fsprogs and ffmpeg are not installed",
    ),
]


@pytest.mark.parametrize(("encrypted", "found"), [(False, "mp4"), (True, "clip-name")])
def test_ext4(tmp_path: Path, *, encrypted: bool, found: str) -> None:
    clips, image = tmp_path / "clips", tmp_path / "card.img"
    clips.mkdir()
    clip = clips / "20261122-101500.mp4"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x96:rate=12", "-t", "1",
         "-c:v", "libx264", str(clip)],
        check=True, timeout=30,
    )  # fmt: skip
    if encrypted:
        clip.write_bytes(os.urandom(200_000))
    image.touch()
    subprocess.run(["mkfs.ext4", "-q", "-d", str(clips), str(image), "16M"], check=True, timeout=30)
    device = device_file(storage={"image": str(image)})
    granted = device.authorisation
    permit = Permit(granted.addresses, granted.allow, granted.expires)
    content = StorageLink(device, permit, Secrets(device)).examine()
    kinds = {trace.kind for trace in content.readable}
    assert "clip-name" in kinds
    assert found in kinds
    assert ("mp4" in kinds) != encrypted
    assert {trace.kind for trace in content.structure} == {"ext"}
