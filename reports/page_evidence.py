"""Evidence as the approval page shows it: links, short looks inside, one picture."""

from __future__ import annotations

import base64
import contextlib
import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import quote

import cv2
import numpy as np

from conformance.assessment import Evidence
from reports.run_folder import RunFolder, file_sha256

State = Literal["intact", "changed", "missing"]

_PASSIVE = frozenset(
    {".json", ".jsonl", ".txt", ".log", ".png", ".jpg", ".jpeg", ".pem", ".csv", ".bin"}
    | {".pcap", ".pcapng"}
)
"""Files that a browser shows or stores and never runs. A camera's HTML, SVG or XML is not linked:
opened from disk, it would run as the reader's own file."""

_PREVIEW_BYTES = 4096
_ALL_PREVIEWS = 3 * 1024 * 1024
_MAX_PICTURE = 32 * 1024 * 1024
_MAX_PIXELS = 8192 * 8192
_PICTURE_WIDTH = 720
_THUMBNAIL_WIDTH = 320
_ALL_THUMBNAILS = 1024 * 1024
_PICTURE_CASE = "STREAM-001"


@dataclass(frozen=True)
class EvidenceView:
    """One piece of evidence; ``link`` is relative to the page and empty when it must not be one.

    ``thumbnail`` is a small copy of a picture, with the first test case that it is evidence of.
    """

    name: str
    path: str
    sha256: str
    media_type: str
    size: int
    state: State
    link: str
    preview: str
    cut: bool
    thumbnail: str = ""


@dataclass(frozen=True)
class Picture:
    """A decoded frame of a stream, embedded in the page; sizes in pixels."""

    uri: str
    name: str
    sha256: str
    width: int
    height: int


class EvidenceReader:
    """Reads a run's evidence for the page, with a bound on all that is shown inline."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._left = _ALL_PREVIEWS
        self._thumbnails_left = _ALL_THUMBNAILS
        self._shown: set[str] = set()
        self._digests: dict[Path, str] = {}

    def view(self, evidence: Evidence) -> EvidenceView:
        """Look at one piece of evidence; a file that is missing or changed is shown as such."""
        path = self._run.locate(evidence)
        state: State = "missing"
        thumbnail = ""
        preview, cut, size, link = "", False, 0, ""
        if path is not None:
            state = "intact" if self._digest(path) == evidence.sha256 else "changed"
            size = path.stat().st_size
            link = _link(evidence.path)
            if self._left > 0 and _is_text(evidence.media_type):
                preview, cut = _preview(path, evidence.media_type)
                self._left -= len(preview)
            if state == "intact":
                thumbnail = self._thumbnail(path, evidence)
        return EvidenceView(
            name=evidence.name,
            path=evidence.path,
            sha256=evidence.sha256,
            media_type=evidence.media_type,
            size=size,
            state=state,
            link=link,
            preview=preview,
            cut=cut,
            thumbnail=thumbnail,
        )

    def _thumbnail(self, path: Path, evidence: Evidence) -> str:
        if evidence.media_type != "image/png" or evidence.path in self._shown:
            return ""
        self._shown.add(evidence.path)
        if (
            self._thumbnails_left <= 0
            or (made := _picture(path, evidence, _THUMBNAIL_WIDTH)) is None
        ):
            return ""
        self._thumbnails_left -= len(made.uri)
        return made.uri

    def picture(self) -> Picture | None:
        """The picture that the stream test case decoded; None when there is none to show."""
        for result in self._run.assessment.results:
            if result.id != _PICTURE_CASE:
                continue
            for evidence in result.evidence:
                path = self._run.locate(evidence)
                if evidence.media_type != "image/png" or path is None:
                    continue
                if self._digest(path) == evidence.sha256 and (made := _picture(path, evidence)):
                    return made
        return None

    def _digest(self, path: Path) -> str:
        if path not in self._digests:
            self._digests[path] = file_sha256(path)
        return self._digests[path]


def _link(path: str) -> str:
    passive = PurePosixPath(path).suffix.lower() in _PASSIVE
    return f"../{quote(path)}" if passive else ""


def _is_text(media_type: str) -> bool:
    return media_type.startswith("text/") or media_type.partition(";")[0].endswith("json")


def _preview(path: Path, media_type: str) -> tuple[str, bool]:
    """The beginning of a text file, and whether there is more; JSON is laid out to be read."""
    with path.open("rb") as stream:
        data = stream.read(16 * _PREVIEW_BYTES)
        more = bool(stream.read(1))
    text = data.decode("utf-8", "replace")
    if "json" in media_type and not more:
        with contextlib.suppress(ValueError, RecursionError):  # else shown as it is
            text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return text[:_PREVIEW_BYTES], more or len(text) > _PREVIEW_BYTES


def _picture(path: Path, evidence: Evidence, widest: int = _PICTURE_WIDTH) -> Picture | None:
    """Decode and encode again: only pixels of the camera's file get into the page."""
    if path.stat().st_size > _MAX_PICTURE:
        return None
    data = path.read_bytes()
    if not _plausible_png(data):
        return None
    pixels = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        return None
    height, width = pixels.shape[:2]
    if width > widest:
        scaled = (widest, max(1, round(height * widest / width)))
        pixels = cv2.resize(pixels, scaled, interpolation=cv2.INTER_AREA)
    encoded, small = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 86])
    if not encoded:
        return None
    uri = "data:image/jpeg;base64," + base64.b64encode(small.tobytes()).decode("ascii")
    return Picture(uri, evidence.name, evidence.sha256, width, height)


def _plausible_png(data: bytes) -> bool:
    """Whether the file says PNG and a size that may be decoded (ISO/IEC 15948 clause 11.2.2)."""
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR":
        return False
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    return 0 < width * height <= _MAX_PIXELS
